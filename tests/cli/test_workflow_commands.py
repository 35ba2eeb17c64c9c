"""Commands on the way to a decision: send back and answer, accept, remind, take files in, and decide once more."""

import zipfile
from pathlib import Path

MODEL = "tiny"


def test_an_update_is_sent_back_answered_and_replayed(live, gatekeeper, tiny_world):
    check = ("check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"], "--json")
    update = gatekeeper(*check).json["updates"][0]["id"]

    replayed = gatekeeper("policy", "replay", update, "--json")
    listed = gatekeeper("waive", update)
    refused = gatekeeper("waive", update, "behaviour/regression/knowledge", "--because", "x", "--as", "dana")
    due = gatekeeper("remind", "--once", "--json")
    without = gatekeeper("request-changes", update, "--comment", " ", "--as", "dana")
    back = gatekeeper("request-changes", update, "--comment", "Leave the tickets out.", "--as", "dana", "--json")
    late = gatekeeper("approve", update, "--as", "kim")
    answer = gatekeeper(*check, "--answers", update)
    again = gatekeeper(*check, "--answers", update)

    assert (replayed.code, replayed.json["same"]) == (0, True), replayed
    assert (listed.code, "lets nobody accept" in listed.out) == (0, True), listed
    assert (refused.code, "lets nobody accept" in refused.err) == (30, True), refused
    assert (due.code, due.json["reminders"]) == (0, [])
    assert without.code == 64
    assert (back.code, back.json["state"]) == (0, "CHANGES_REQUESTED"), back
    assert late.code == 30
    assert answer.code == 0, answer
    assert (again.code, "was answered by" in again.out) == (30, True), again
    assert gatekeeper("ledger", "verify").code == 0


def test_files_are_taken_in_as_the_service_does(live, gatekeeper, tiny_world):
    bad = gatekeeper("uploads", "add", "nothing.zip")
    Path("incoming").mkdir()
    with zipfile.ZipFile("adapter.zip", "w") as archive:
        for file in sorted(tiny_world.benign.iterdir()):
            archive.write(file, file.name)
    with zipfile.ZipFile("evil.zip", "w") as archive:
        archive.writestr("../outside.md", "x")
    without = gatekeeper("uploads", "add", "adapter.zip")
    with Path("gatekeeper.toml").open("a", encoding="utf-8") as settings:
        settings.write('incoming = "incoming"\n')

    added = gatekeeper("uploads", "add", "adapter.zip", "--json")
    evil = gatekeeper("uploads", "add", "evil.zip")
    listed = gatekeeper("uploads", "list", "--json")
    removed = gatekeeper("uploads", "remove", added.json["reference"], "--json")

    assert (bad.code, without.code) == (64, 64)
    assert (added.code, added.json["files"]) == (0, len(list(tiny_world.benign.iterdir()))), added
    assert evil.code == 30
    assert not Path("outside.md").exists()
    assert [line["by"] for line in listed.json["uploads"]] == ["zelda"]
    assert removed.code == 0
    assert gatekeeper("uploads", "sweep", "--json").json == {"removed": []}
    assert [path for path in Path("incoming").rglob("*") if path.is_file() and path.name != "lock"] == []
