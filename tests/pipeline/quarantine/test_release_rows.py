"""A named person releases rows, on record, for exactly what they say."""

import json
import shutil

import jsonschema
import pytest
from people import key_of
from quarantine_world import ROWS, QuarantineWorld, lines, texts

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError, StateError, UsageError
from gatekeeper.pipeline.quarantine.folder import waiting
from gatekeeper.pipeline.scan.outputs import report_schema
from gatekeeper.pipeline.turns import turn
from gatekeeper.store import entries


@pytest.fixture
def world(tmp_path):
    made = QuarantineWorld(tmp_path)
    yield made
    made.workspace.store.close()


@pytest.fixture
def folder(world):
    return world.scan()


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_released_rows_take_their_places_among_the_accepted_ones(world, folder):
    world.release(folder, 3)

    assert texts(folder / "accepted.jsonl") == [ROWS[0], ROWS[2], ROWS[3], ROWS[4]]
    assert [line["row"] for line in lines(folder / "quarantined.jsonl")] == [1]
    assert [line["row"] for line in lines(folder / "held.jsonl")] == [1]

    world.release(folder, 1)

    assert texts(folder / "accepted.jsonl") == list(ROWS)
    assert waiting(folder) == {}


def test_the_report_goes_on_naming_the_files_beside_it(world, folder):
    released = world.release(folder, 3)

    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, report_schema())
    assert report["rows"] == {"read": 5, "accepted": 4, "quarantined": 1, "withheld": 0}
    assert all(facts["sha256"] == sha256_file(folder / name) for name, facts in report["outputs"].items())
    assert [(each["row"], each["gate"], each["release"]) for each in report["released"]] == [
        (3, each.gate, each.release) for each in released
    ]


def test_each_gate_that_flagged_a_row_is_an_entry_of_the_ledger_without_names_or_texts(world, folder):
    released = world.release(folder, 3, because="Dana has read the odd one.")

    leaves = world.leaves("row.released")
    assert [leaf["subject"] for leaf in leaves] == [each.release for each in released]
    assert [leaf["data"]["gate"] for leaf in leaves] == ["data/odd", "data/strange"]
    assert {leaf["data"]["row_digest"] for leaf in leaves} == {released[0].digest}
    assert all(leaf["actor"].startswith("person:") for leaf in leaves)
    with world.workspace.store.reading() as session:
        written = b"".join(entry.leaf for entry in entries.stream(session)).lower()
    assert b"dana" not in written
    assert b"odd one" not in written


def test_a_scan_of_the_same_file_starts_over_and_the_same_release_is_not_written_twice(world, folder):
    first = world.release(folder, 3)

    world.scan()
    assert sorted(waiting(folder)) == [1, 3]
    again = world.release(folder, 3)

    assert again == first
    assert len(world.leaves("row.released")) == 2


def test_a_release_that_was_interrupted_after_the_ledger_is_finished_by_repeating_it(world, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "before")
    first = world.release(folder, 1)
    shutil.rmtree(folder)
    shutil.move(tmp_path / "before", folder)

    assert world.release(folder, 1) == first

    assert len(world.leaves("row.released")) == 1
    assert texts(folder / "accepted.jsonl") == [ROWS[0], ROWS[1], ROWS[2], ROWS[4]]


@pytest.mark.parametrize(
    ("person", "key", "error", "says"),
    [
        pytest.param("zelda", "zelda", StateError, "none of the roles", id="no approver"),
        pytest.param("ola", "ola", StateError, "none of the roles", id="an auditor"),
        pytest.param("mallory", "mallory", UsageError, "not among", id="a stranger"),
        pytest.param("service:gatekeeper", "log", UsageError, "not among", id="a service account"),
        pytest.param("dana", "kim", UsageError, "not dana's key", id="another person's key"),
    ],
)
def test_only_a_named_person_with_the_role_and_their_own_key_releases(world, folder, person, key, error, says):
    before = snapshot(folder)

    with pytest.raises(error, match=says):
        world.release(folder, 1, person=person, key=key_of(key))

    assert snapshot(folder) == before
    assert world.leaves("row.released") == []


@pytest.mark.parametrize("name", ["accepted.jsonl", "quarantined.jsonl", "held.jsonl"])
def test_a_folder_that_somebody_changed_is_not_worked_with(world, folder, name):
    (folder / name).write_text((folder / name).read_text(encoding="utf-8").replace("o", "0"), encoding="utf-8")

    with pytest.raises(InputError, match=name):
        world.release(folder, 1)

    assert world.leaves("row.released") == []


def test_a_row_that_does_not_wait_cannot_be_released(world, folder):
    with pytest.raises(UsageError, match="row 2"):
        world.release(folder, 1, 2)

    assert world.leaves("row.released") == []


def test_a_release_needs_a_reason(world, folder):
    with pytest.raises(UsageError, match="reason"):
        world.release(folder, 1, because=" ")


def test_a_scan_under_another_policy_is_not_released_from(world):
    folder = world.scan(policy=world.policy_with(2))

    with pytest.raises(StateError, match="another policy"):
        world.release(folder, 1)


def test_nothing_is_released_while_a_gate_could_not_be_evaluated(tmp_path):
    def fail(context):
        raise ValueError("broken")

    world = QuarantineWorld(tmp_path, failing=fail)
    folder = world.scan()

    with pytest.raises(StateError, match="could not be evaluated"):
        world.release(folder, 1)


def test_no_release_while_a_scan_writes_there(world, folder):
    with turn(folder / ".scan" / "lock"), pytest.raises(StateError, match="at work"):
        world.release(folder, 1)


def test_a_folder_without_a_scan_is_named(world, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match="no finished scan"):
        world.release(tmp_path / "empty", 1)
