"""The same commands where `GATEKEEPER_URL` names a service: no project here, the same output, the same exit codes."""

import json
import shutil
from pathlib import Path

import pytest
from service_process import served

MODEL = "tiny"


@pytest.fixture
def elsewhere(live, gatekeeper, tiny_world, tmp_path, monkeypatch):
    """A live project behind a service, and a command line of one person after the other, in an empty folder."""
    incoming = live / "incoming"
    rows = live / "rows.jsonl"
    shutil.copyfile(tiny_world.rows["benign"], rows)
    with rows.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"instruction": "Ring the bell.", "output": "\u0007 goes the bell."}) + "\n")
    (live / "scans").mkdir()
    scan = gatekeeper("scan", "data", rows, "--out", live / "scans" / "weekly", "--policy", "policy.yaml", "--json")
    assert (scan.code, scan.json["rows"]["quarantined"]) == (20, 1), scan
    with (live / "gatekeeper.toml").open("a", encoding="utf-8") as settings:
        settings.write('\nscans = "scans"\n')
    for name in ("benign", "forgetful"):
        shutil.copytree(getattr(tiny_world, name), incoming / name)
        shutil.copyfile(tiny_world.rows[name], incoming / f"{name}.jsonl")
    with (live / "principals.toml").open("a", encoding="utf-8") as people:
        people.writelines(f'[people.{name}]\nroles = ["{role}"]\n' for name, role in (("robot", "service"),))
    tokens = {
        name: gatekeeper("token", "create", "--for", name, "--json").json["token"]
        for name in ("zelda", "dana", "kim", "robot")
    }
    with served("--incoming", incoming) as (url, _token):
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.chdir(empty)
        monkeypatch.setenv("GATEKEEPER_URL", url)

        def act(person, *arguments):
            monkeypatch.setenv("GATEKEEPER_TOKEN", tokens[person])
            return gatekeeper(*arguments)

        yield act


def test_an_update_goes_live_and_back_from_a_machine_without_a_project(elsewhere):
    update = ("--model", MODEL, "--update", "incoming:benign", "--data", "incoming:benign.jsonl")
    checked = elsewhere("zelda", "check", *update, "--name", "weekly", "--json", "--report", "html=report.html")
    assert checked.code == 0, checked
    told = checked.json["updates"][0]
    assert (told["name"], told["outcome"], told["state"]) == ("weekly", "ADMIT", "PENDING_APPROVAL")
    assert "behaviour/regression" in Path("report.html").read_text(encoding="utf-8")

    agreed = elsewhere("dana", "approve", told["id"], "--comment", "fine", "--json")
    assert (agreed.code, agreed.json["given"], agreed.json["state"]) == (0, 1, "APPROVED"), agreed
    promoted = elsewhere("kim", "promote", told["id"], "--json")
    assert (promoted.code, promoted.json["version"], promoted.json["state"]) == (0, "2", "ACTIVE"), promoted

    status = elsewhere("dana", "status", "--json").json
    assert [each["state"] for each in status["updates"]] == ["ACTIVE", "SUPERSEDED"]
    assert status["aliases"] == {MODEL: {"champion": "2", "anchor": "1"}}
    assert elsewhere("dana", "drift", "--model", MODEL, "--json").json["points"]
    back = elsewhere("dana", "rollback", "--model", MODEL, "--reason", "to see", "--json")
    assert (back.code, back.json["version"]) == (0, "1"), back
    gone = elsewhere("dana", "revoke", told["id"], "--reason", "to see", "--json")
    assert (gone.code, gone.json["live"]) == (0, None), gone


def test_a_folder_of_this_machine_is_sent(elsewhere, tiny_world):
    update = ("--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"])
    checked = elsewhere("zelda", "check", *update, "--queue", "--json")

    assert (checked.code, checked.json["run"].startswith("run-")) == (0, True), checked
    (line,) = [each for each in elsewhere("dana", "status", "--json").json["updates"] if each["name"] == "benign"]
    assert line["id"] == checked.json["update"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--update", "nothing"), "not a folder"),
        (("--update", "incoming:benign", "--data", "nothing"), "not a file"),
        (("--update", "incoming:benign", "--base", "somewhere"), "not sent"),
        (("--update", "incoming:benign", "--policy", "builtin:baseline"), "its own policy"),
        (("--update", "incoming:benign", "--queue", "--report", "json=x.json"), "no verdict to report"),
    ],
)
def test_what_cannot_be_proposed_there_is_said_before_anything_is_sent(elsewhere, options, says):
    ended = elsewhere("zelda", "check", "--model", MODEL, *options)

    assert (ended.code, says in ended.err) == (64, True), ended
    assert len(elsewhere("dana", "status", "--json").json["updates"]) == 1


def test_a_blocked_update_ends_with_twenty_and_a_program_sees_reasons_without_numbers(elsewhere):
    update = ("--model", MODEL, "--update", "incoming:forgetful", "--data", "incoming:forgetful.jsonl")
    checked = elsewhere("robot", "check", *update, "--json", "--report", "json=report.json")

    assert checked.code == 20, checked
    assert checked.json["updates"][0]["reasons"]
    assert "reasons alone" in checked.err
    assert json.loads(Path("report.json").read_text(encoding="utf-8"))["updates"][0]["reports"] == []
    assert elsewhere("zelda", "withdraw", checked.json["updates"][0]["id"]).code == 30
    assert elsewhere("robot", "withdraw", checked.json["updates"][0]["id"], "--json").json["state"] == "WITHDRAWN"


def test_a_row_that_waits_is_released_there(elsewhere):
    [waiting] = elsewhere("dana", "quarantine", "list", "weekly", "--json").json["waiting"]
    shown = elsewhere("dana", "quarantine", "list", "weekly", "--rows", waiting["row"])
    assert "Ring the bell." in shown.out
    assert elsewhere("zelda", "quarantine", "list", "weekly").code == 64  # who proposes does not see rows

    because = ("--because", "The bell character is meant.", "--json")
    released = elsewhere("dana", "quarantine", "release", "weekly", "--rows", waiting["row"], *because)

    assert (released.code, released.json["released"][0]["row"]) == (0, waiting["row"]), released
    assert elsewhere("dana", "quarantine", "list", "weekly", "--json").json["waiting"] == []


def test_nobody_acts_as_somebody_else(elsewhere):
    refused = elsewhere("zelda", "withdraw", "upd-0123456789abcdef", "--as", "dana")

    assert (refused.code, "belongs to zelda" in refused.err) == (64, True), refused


def test_a_service_that_is_not_there_is_one_sentence(gatekeeper, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEKEEPER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GATEKEEPER_TOKEN", "gk_x")

    ended = gatekeeper("status", "--json")

    assert (ended.code, "did not answer" in ended.json["error"]["message"]) == (30, True), ended


@pytest.mark.parametrize(
    "url",
    [
        "http://gate.example",
        "ftp://gate.example",
        "gate.example",
        "https://me:secret@gate.example",
        "http://127.0.0.1.gate.example",
        "http://[::2]:80",
        "https://gate.example:none",
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(gatekeeper, monkeypatch, tmp_path, url):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEKEEPER_URL", url)
    monkeypatch.setenv("GATEKEEPER_TOKEN", "gk_secret")

    ended = gatekeeper("status")

    assert (ended.code, "gk_secret" in ended.err) == (64, False), ended


def test_without_a_token_nothing_is_asked(gatekeeper, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEKEEPER_URL", "https://gate.example")
    monkeypatch.delenv("GATEKEEPER_TOKEN", raising=False)

    assert gatekeeper("status").code == 64
    monkeypatch.setenv("GATEKEEPER_TOKEN_FILE", str(tmp_path / "none"))
    assert gatekeeper("status").code == 64
