"""A witness as a process of its own, asked over HTTP."""

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from witnessed_log import LOG_VKEY, NAME, ORIGIN, Log

from audits.ledger.cosign import cosigned
from audits.ledger.note import parse_note, parse_vkey, verify_cosignature
from audits.witness.client import SizeConflict, cosign_checkpoint
from audits.witness.wire import MOST_BYTES
from gatekeeper.core.errors import StateError, UsageError, VerificationError

LAUNCH = (
    "import typer; from gatekeeper.cli.witness import register; app = typer.Typer(); app.callback()(lambda: None); "
    "register(app); app()"
)


def command(folder, *more):
    return [
        sys.executable,
        "-c",
        LAUNCH,
        "witness",
        "--name",
        NAME,
        "--key",
        str(folder / "witness.pem"),
        "--json",
        *more,
    ]


@contextmanager
def running(folder, *more):
    """Yield what a witness says of itself: its key and address."""
    process = subprocess.Popen(
        command(folder, "--log", LOG_VKEY, "--listen", "127.0.0.1:0", *more),
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def alive(tmp_path):
    with running(tmp_path) as facts:
        yield facts


def ask(alive, log, note_size, **more):
    return cosigned(
        log.note(note_size), addresses=[alive["url"]], keys=[alive["key"]], consistency=log.consistency, **more
    )


def test_a_checkpoint_comes_back_cosigned(alive, log):
    result = ask(alive, log, 7)

    assert (result.signed, dict(result.faults)) == (1, {})
    assert verify_cosignature(parse_note(result.note), parse_vkey(alive["key"])) is not None


def test_a_log_that_grew_is_cosigned_with_the_proof_from_what_the_witness_saw(alive, log):
    assert [ask(alive, log, size).signed for size in (5, 20, 20, 40)] == [1, 1, 1, 1]


def test_a_rewritten_log_with_the_stolen_key_is_found(alive, log, rewritten):
    ask(alive, log, 20)

    longer, same = ask(alive, rewritten, 30), ask(alive, rewritten, 20)

    assert (longer.signed, same.signed) == (0, 0)
    assert [type(fault) for each in (longer, same) for fault in each.faults.values()] == [VerificationError] * 2


def test_a_log_that_was_cut_is_found(alive, log):
    ask(alive, log, 20)

    result = ask(alive, log, 7)

    assert result.signed == 0
    assert "saw a log of 20 entries, and this one has 7" in result.faults[alive["url"]].message


def test_a_witness_that_was_killed_remembers(tmp_path, log, rewritten):
    with running(tmp_path) as first:
        ask(first, log, 20)

    with running(tmp_path) as second:
        forged, honest = ask(second, rewritten, 30), ask(second, log, 30)

    assert second["key"] == first["key"]
    assert (forged.signed, honest.signed) == (0, 1)


def test_many_processes_asking_at_once_never_fork_the_witness(alive, log):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda size: ask(alive, log, size), range(1, 17)))

    assert any(result.signed for result in results)
    assert not any(isinstance(fault, VerificationError) for result in results for fault in result.faults.values())
    assert ask(alive, log, 40).signed == 1


def test_a_second_process_on_the_same_state_does_not_start(tmp_path, log):
    with running(tmp_path):
        second = subprocess.run(
            command(tmp_path, "--log", LOG_VKEY, "--listen", "127.0.0.1:0"),
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode != 0
    assert "Another process has the witness's state" in second.stderr


def test_the_key_can_be_shown_without_a_server(tmp_path):
    shown = subprocess.run(command(tmp_path, "--show-key"), capture_output=True, text=True, check=True)

    assert parse_vkey(json.loads(shown.stdout)["key"]).name == NAME


def test_a_witness_loads_neither_a_database_nor_a_model_library():
    loaded = "import sys, audits.witness.server, audits.ledger.cosign; print(*sys.modules)"

    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()

    assert "audits.witness.judge" in modules
    assert not {"sqlalchemy", "mlflow", "torch", "transformers"} & set(modules)


def test_a_witness_that_is_told_to_end_ends(tmp_path):
    process = subprocess.Popen(
        command(tmp_path, "--log", LOG_VKEY, "--listen", "127.0.0.1:0"), stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()

    process.terminate()

    process.wait(60)
    process.stdout.close()
    assert process.returncode in (0, -signal.SIGTERM)


def test_the_client_reports_the_size_that_the_witness_saw(alive, log):
    cosign_checkpoint(alive["url"], note=log.note(20), old_size=0, proof=())

    with pytest.raises(SizeConflict) as conflict:
        cosign_checkpoint(alive["url"], note=log.note(30), old_size=7, proof=log.consistency(7, 30))

    assert conflict.value.size == 20


def test_a_log_that_is_not_served_is_said_to_be(alive):
    with pytest.raises(StateError, match="does not serve this log"):
        cosign_checkpoint(alive["url"], note=Log(["a"], origin="other").note(1), old_size=0, proof=())


def test_a_key_that_is_not_trusted_counts_for_nothing(alive, log):
    result = cosigned(log.note(7), addresses=[alive["url"]], keys=[], consistency=log.consistency)

    assert (result.signed, result.note) == (0, log.note(7))
    assert "no key that is trusted" in result.faults[alive["url"]].message


def test_one_dead_witness_does_not_keep_another_from_signing(alive, log):
    dead = "http://127.0.0.1:9"

    result = cosigned(
        log.note(7), addresses=[dead, alive["url"]], keys=[alive["key"]], consistency=log.consistency, timeout=5
    )

    assert result.signed == 1
    assert "cannot be reached" in result.faults[dead].message


@pytest.mark.parametrize("url", ["", "witness", "ftp://a", "http://", "http://a:b", "http://[", "http://a/?b"])
def test_what_is_no_address_is_a_usage_error(log, url):
    with pytest.raises(UsageError, match="no address of a witness"):
        cosign_checkpoint(url, note=log.note(1), old_size=0, proof=())


def test_what_was_cosigned_last_can_be_fetched(alive, log):
    address = urlsplit(alive["url"])
    note = ask(alive, log, 7).note
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)

    connection.request("GET", "/checkpoint/" + hashlib.sha256(ORIGIN.encode()).hexdigest())
    fetched = connection.getresponse().read().decode()
    connection.request("GET", "/checkpoint/" + "0" * 64)
    unknown = connection.getresponse().status
    connection.close()

    assert (fetched, unknown) == (note, 404)


def test_a_body_that_is_too_large_is_refused_and_the_next_is_served(alive, log):
    address = urlsplit(alive["url"])
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    connection.request("POST", "/add-checkpoint", body=b"x" * (MOST_BYTES + 1))

    status = connection.getresponse().status
    connection.close()

    assert status == 413
    assert ask(alive, log, 7).signed == 1
