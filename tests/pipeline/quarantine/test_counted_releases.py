"""A release counts for exactly the released content, and only while who signed it may decide about the update."""

import dataclasses
import json

import pytest
from people import PEOPLE, key_of, person
from quarantine_world import ROWS, QuarantineWorld
from sqlalchemy import select
from sqlalchemy import update as change

from audits.passport.release import read_release, sign_release
from gatekeeper.core.states import State
from gatekeeper.core.update import Provenance
from gatekeeper.store import runs
from gatekeeper.store.tables import ReleaseRow


@pytest.fixture
def world(tmp_path):
    made = QuarantineWorld(tmp_path)
    made.champion()
    yield made
    made.workspace.store.close()


@pytest.fixture
def accepted(world):
    """Accepted rows, rows 1 and 3 released by dana."""
    folder = world.scan()
    world.release(folder, 1, 3)
    return folder / "accepted.jsonl"


def test_an_update_on_rows_that_were_released_is_admitted_with_the_release_on_record(world, accepted):
    checked = world.propose(accepted)

    assert checked.state is State.PENDING_APPROVAL
    [finding] = checked.reports["data/strange"].findings
    assert finding.code == "data/strange/released-rows"
    assert "Row 3" in finding.message
    counted = {leaf["data"]["gate"]: leaf["data"] for leaf in world.leaves("releases.counted")}
    assert {gate: data["rows"] for gate, data in counted.items()} == {"data/odd": 2, "data/strange": 1}
    assert all(data["run"] == checked.run_id for data in counted.values())
    with world.workspace.store.reading() as session:
        known = runs.require(session, checked.run_id).environment["releases"]
    released = [leaf["subject"] for leaf in world.leaves("row.released") if leaf["data"]["gate"] == "data/odd"]
    assert known["data/odd"] == sorted(released)


def test_without_the_release_the_same_rows_are_blocked(world):
    assert world.propose(world.write()).state is State.BLOCKED


def test_a_release_is_for_no_other_content(world, accepted):
    text = accepted.read_text(encoding="utf-8").replace("an odd one", "an odd 0ne")
    accepted.with_name("changed.jsonl").write_text(text, encoding="utf-8")

    assert world.propose(accepted.with_name("changed.jsonl")).state is State.BLOCKED


def test_a_release_counts_in_another_file_and_another_spelling_of_the_same_record(world, accepted):
    path = accepted.with_name("again.jsonl")
    path.write_text(f'{{"text":"new"}}\n{{ "text" : "an odd \\u006fne" }}\n{json.dumps({"text": ROWS[3]})}\n')

    checked = world.propose(path)

    assert checked.state is State.PENDING_APPROVAL
    assert "2 rows (1, 2)" in checked.reports["data/odd"].findings[0].message


def test_a_released_row_among_unreleased_ones_does_not_cover_them(world, accepted):
    path = accepted.with_name("more.jsonl")
    path.write_text(accepted.read_text(encoding="utf-8") + '{"text": "another odd one"}\n', encoding="utf-8")

    assert world.propose(path).state is State.BLOCKED


def test_a_release_from_one_gate_is_none_from_another(world):
    folder = world.scan(world.write(rows=("plain", "an odd one")))
    world.release(folder, 1)
    strange = world.write("strange.jsonl", rows=("plain", "an odd one", "a strange one"))

    checked = world.propose(strange)

    assert checked.state is State.BLOCKED
    assert checked.reports["data/odd"].metric("flagged").value == 0
    assert checked.reports["data/strange"].metric("flagged").value == 1


@pytest.mark.parametrize(
    "proposal",
    [
        pytest.param({"submitter": "dana"}, id="who proposes"),
        pytest.param({"provenance": Provenance(trainer="dana")}, id="who trained"),
    ],
)
def test_nobody_releases_rows_for_an_update_of_their_own(world, accepted, proposal):
    assert world.propose(accepted, **proposal).state is State.BLOCKED


@pytest.mark.parametrize(
    "people",
    [
        pytest.param({name: each for name, each in PEOPLE.items() if name != "dana"}, id="has left"),
        pytest.param({**PEOPLE, "dana": person("dana", "auditor")}, id="lost the role"),
        pytest.param({**PEOPLE, "dana": dataclasses.replace(PEOPLE["kim"], name="dana")}, id="has another key"),
    ],
)
def test_a_release_of_somebody_who_may_no_longer_decide_does_not_count(world, accepted, people):
    changed = dataclasses.replace(world.workspace, principals=people)

    assert world.propose(accepted, workspace=changed).state is State.BLOCKED


def test_a_gate_that_measures_in_another_way_sees_every_row_again(world, accepted):
    odd = world.catalogue["data/odd"]
    changed = {**world.catalogue, "data/odd": dataclasses.replace(odd, version=2)}

    checked = world.propose(accepted, workspace=dataclasses.replace(world.workspace, catalogue=changed))

    assert checked.state is State.BLOCKED


def test_a_release_that_is_signed_and_not_in_the_ledger_does_not_count(world, accepted):
    with world.workspace.store.transaction() as session:
        kept = session.scalars(select(ReleaseRow)).all()
        signed = [read_release(each.envelope, [PEOPLE["dana"].key])[0] for each in kept]
        for each, release in zip(kept, signed, strict=True):
            other = dataclasses.replace(release, given="2020-01-01T00:00:00Z")
            each.envelope = sign_release(other, key_of("dana"))

    assert world.propose(accepted).state is State.BLOCKED


def test_a_release_made_up_in_the_database_does_not_count(world):
    folder = world.scan(world.write(rows=("plain", "an odd one")))
    world.release(folder, 1)
    other = world.write("other.jsonl", rows=("plain", "a very odd one"))
    from gatekeeper.intake.record_text import value_digest

    with world.workspace.store.transaction() as session:
        session.execute(change(ReleaseRow).values(row_digest=value_digest({"text": "a very odd one"})))

    assert world.propose(other).state is State.BLOCKED
