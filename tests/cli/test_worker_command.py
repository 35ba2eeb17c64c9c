"""Evaluations left to a worker, with a real registry and a tiny real model."""

import signal
import subprocess
import sys

import pytest
from service_process import served

from api.payloads import ProposalIn
from gatekeeper.client import Client

MODEL = "tiny"


@pytest.fixture
def queued(project, gatekeeper, tiny_world):
    return gatekeeper(
        "certify", "--model", MODEL, "--update", tiny_world.champion, "--base", tiny_world.base, "--queue", "--json"
    )


def test_a_queued_update_gets_its_verdict_from_a_worker(queued, gatekeeper):
    assert queued.code == 0, queued
    waiting = gatekeeper("queue", "list", "--json").json["runs"]
    assert [(each["run"], each["state"]) for each in waiting] == [(queued.json["run"], "QUEUED")]

    worked = subprocess.run([sys.executable, "-m", "gatekeeper", "worker", "--until-idle"], check=False)

    assert worked.returncode == 0
    assert gatekeeper("queue", "list", "--json").json["runs"] == []
    (update,) = gatekeeper("status", "--json").json["updates"]
    assert (update["id"], update["state"]) == (queued.json["update"], "PENDING_APPROVAL")
    kinds = [each["kind"] for each in gatekeeper("queue", "events", queued.json["run"], "--json").json["events"]]
    assert (kinds[0], kinds[1], kinds[-1]) == ("queued", "taken", "done")
    for name in ("dana", "kim"):
        assert gatekeeper("approve", update["id"], "--as", name).code == 0
    assert gatekeeper("promote", update["id"]).code == 0
    assert gatekeeper("ledger", "verify").code == 0


def test_a_queued_update_can_be_cancelled(queued, gatekeeper):
    ended = gatekeeper("queue", "cancel", queued.json["run"], "--json")

    assert (ended.code, ended.json["state"]) == (0, "CANCELLED")
    assert gatekeeper("queue", "list", "--json").json["runs"] == []


def test_nothing_is_reported_before_there_is_a_verdict(project, gatekeeper, tiny_world):
    refused = gatekeeper(
        "certify",
        "--model",
        MODEL,
        "--update",
        tiny_world.champion,
        "--base",
        tiny_world.base,
        "--queue",
        "--report",
        "json=x.json",
    )

    assert refused.code == 64
    assert gatekeeper("queue", "list", "--json").json["runs"] == []


def test_ctrl_c_ends_a_worker_without_an_error(project):
    working = subprocess.Popen([sys.executable, "-m", "gatekeeper", "worker"], stderr=subprocess.PIPE, text=True)
    assert '"the worker takes runs"' in working.stderr.readline()

    working.send_signal(signal.SIGINT)

    _out, rest = working.communicate()
    assert (working.returncode, "Traceback" in rest) == (0, False)


def test_the_service_leaves_evaluations_to_workers_where_it_is_told_to(project, gatekeeper, tiny_world, monkeypatch):
    incoming = project / "incoming"
    incoming.mkdir()
    for name in ("base", "champion"):
        (incoming / name).mkdir()
        for file in getattr(tiny_world, name).iterdir():
            (incoming / name / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("GATEKEEPER_RUNTIME", "queue")
    working = subprocess.Popen([sys.executable, "-m", "gatekeeper", "worker"])
    try:
        with served("--incoming", incoming) as (url, token), Client(url, token) as me:
            proposal = ProposalIn(
                model=MODEL, name="first", artifact="incoming:champion", base="incoming:base", first=True
            )
            judged = me.run(me.update(me.propose(proposal).id))
    finally:
        working.terminate()
        assert working.wait() == 0

    assert (judged.outcome, judged.state) == ("ADMIT", "PENDING_APPROVAL")
