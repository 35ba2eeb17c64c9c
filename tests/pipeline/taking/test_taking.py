"""Versions that others put into the registry become updates: once each, in the name of a service, or visibly not."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from people import PEOPLE, approve, person
from quick_world import MODEL, agreed, quick_policy, quick_workspace, weights
from registry import FakeRegistry

from gatekeeper.core.errors import RegistryError, StateError, UsageError
from gatekeeper.core.gate import Resources
from gatekeeper.core.states import State
from gatekeeper.pipeline import run
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.taking.intake import Intake
from gatekeeper.pipeline.taking.look import find_version, look
from gatekeeper.pipeline.taking.take import take
from gatekeeper.store import entries, intakes, updates
from gatekeeper.store.tables import IntakeState

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROWS = json.dumps({"prompt": "What is it?", "completion": "A lighthouse."}).encode() + b"\n"
NO_ROWS = {"gatekeeper.data": "none"}


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def workspace(tmp_path, registry, policy):
    people = {**PEOPLE, "robot": person("robot", "service")}
    opened = quick_workspace(tmp_path, registry, policies=(policy,), people=people)
    yield opened
    opened.store.close()


@pytest.fixture
def intake(tmp_path):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    return Intake(service="robot", incoming=incoming)


@pytest.fixture
def live(workspace, tmp_path, policy, intake):
    """A model with a champion whose versions are looked at from now on."""
    first = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, first, policy=policy)
    look(workspace, intake, policy)
    return first


def put(registry, tmp_path, tags=NO_ROWS, **more):
    """Register new weights as somebody outside would; return the version."""
    return registry.put(MODEL, weights(tmp_path), tags, **more)


def rows_of(workspace):
    with workspace.store.reading() as session:
        return {row.version: row for row in intakes.latest(session)}


def proposals(workspace):
    with workspace.store.reading() as session:
        return [row for row in updates.latest(session, model=MODEL) if row.state is State.SUBMITTED]


def events(workspace, type):
    with workspace.store.reading() as session:
        return [json.loads(row.leaf) for row in entries.of_type(session, type)]


def test_a_version_becomes_an_update_proposed_by_the_service(workspace, registry, intake, policy, tmp_path, live):
    version = put(
        registry,
        tmp_path,
        {
            "gatekeeper.data": "data/rows.jsonl",
            "gatekeeper.title": " weekly\nfeed\x1b[31mback\u202e ",
            "gatekeeper.method": "lora sft",
            "gatekeeper.sources": "chat, forum,,",
        },
        user="dana",
    )
    registry.log_file(MODEL, version, "data/rows.jsonl", ROWS)

    (taken,) = look(workspace, intake, policy).taken

    (update,) = proposals(workspace)
    assert (taken.state, taken.update_id, taken.version) == (IntakeState.PROPOSED, update.id, version)
    assert update.name == "weekly feed [31mback"
    assert update.submitter == events(workspace, "update.submitted")[-1]["actor"]
    assert update.provenance == {"method": "lora sft", "trainer": "dana", "sources": ["chat", "forum"]}
    assert update.data_digest is not None


def test_looking_again_makes_no_second_update(workspace, registry, intake, policy, tmp_path, live):
    put(registry, tmp_path)

    first = look(workspace, intake, policy)
    second = look(workspace, intake, policy)

    assert [len(first.taken), len(second.taken)] == [1, 0]
    assert len(proposals(workspace)) == 1


def test_a_poll_and_twenty_webhooks_at_once_make_one_update(workspace, registry, intake, policy, tmp_path, live):
    version = put(registry, tmp_path)

    with ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(look, workspace, intake, policy) for _ in range(20)]
        taken = [each for one in looks for each in one.result().taken]

    assert [(each.version, each.state) for each in taken] == [(version, IntakeState.PROPOSED)]
    assert len(proposals(workspace)) == 1


def test_whoever_loses_the_claim_meanwhile_makes_no_update(workspace, registry, intake, policy, tmp_path, live):
    put(registry, tmp_path)
    late = []

    def another_comes(step):
        if step == "fetch" and not late:
            late.append(True)
            # The first one is so slow that its claim has run out: somebody else makes the update.
            (other,) = look(workspace, intake, policy, now=datetime.now(UTC) + timedelta(hours=2)).taken
            assert other.state is IntakeState.PROPOSED

    registry.before = another_comes
    seen = look(workspace, intake, policy)

    assert seen.taken == ()
    assert len(proposals(workspace)) == 1
    kept = {path.name for path in workspace.intake_dir.iterdir()}
    with workspace.store.reading() as session:
        assert kept == {row.id for row in updates.latest(session)}


def test_what_the_gate_registered_itself_is_no_proposal(workspace, registry, intake, policy, tmp_path, live):
    agreed(workspace, tmp_path, policy)

    (taken,) = look(workspace, intake, policy).taken

    assert taken.state is IntakeState.OURS
    assert proposals(workspace) == []


def test_a_borrowed_tag_of_the_gate_does_not_hide_other_bytes(workspace, registry, intake, policy, tmp_path, live):
    put(registry, tmp_path, {**NO_ROWS, "gatekeeper.update": live})

    (taken,) = look(workspace, intake, policy).taken

    assert taken.state is IntakeState.PROPOSED


def test_a_copy_of_bytes_that_the_gate_knows_is_its_own(workspace, registry, intake, policy, tmp_path, live):
    with workspace.store.reading() as session:
        known = updates.require(session, live)
    registry.put(MODEL, Path(known.artifact_path), {**NO_ROWS, "gatekeeper.update": live})

    (taken,) = look(workspace, intake, policy).taken

    assert taken.state is IntakeState.OURS


def test_a_version_that_may_be_being_registered_waits(workspace, registry, intake, policy, tmp_path, live):
    folder = weights(tmp_path)
    update = run.propose(
        workspace, Proposal(name="x", model=MODEL, artifact=folder, data=None, submitter="zelda"), policy
    )
    with workspace.store.transaction() as session:
        updates.move(session, update.id, State.EVALUATING)
    put(registry, tmp_path, {**NO_ROWS, "gatekeeper.update": update.id})

    (now,) = look(workspace, intake, policy, now=NOW).taken
    (later,) = look(workspace, intake, policy, now=NOW + timedelta(minutes=31)).taken

    assert (now.state, now.code) == (IntakeState.WAITING, "being-registered")
    assert later.state is IntakeState.PROPOSED


def test_versions_from_before_are_left_to_people(workspace, registry, intake, policy, tmp_path):
    first = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, first, policy=policy)
    version = put(registry, tmp_path)

    began = look(workspace, intake, policy)
    again = look(workspace, intake, policy)
    by_hand = take(workspace, intake, policy, find_version(workspace, MODEL, version), again=True)

    assert (began.began, began.taken, again.taken) == ((MODEL,), (), ())
    assert by_hand.state is IntakeState.PROPOSED


def test_of_a_model_that_came_later_only_versions_before_its_champion_are_from_before(
    workspace, registry, intake, policy, tmp_path
):
    registry.ensure_model(MODEL)
    put(registry, tmp_path)
    look(workspace, intake, policy)  # nothing is under the gate yet
    first = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, first, policy=policy)
    missed = put(registry, tmp_path)  # before anybody looks at the model

    (taken,) = look(workspace, intake, policy).taken

    assert (taken.version, taken.state) == (missed, IntakeState.PROPOSED)
    assert rows_of(workspace)["1"].state is IntakeState.PRIOR


def test_a_model_without_a_champion_is_left_to_people(workspace, registry, intake, policy, tmp_path):
    registry.ensure_model(MODEL)
    put(registry, tmp_path)

    assert look(workspace, intake, policy).taken == ()


def test_other_models_than_those_named_are_left_alone(workspace, registry, policy, tmp_path, live):
    put(registry, tmp_path)

    assert look(workspace, Intake(service="robot", only=("another",)), policy).taken == ()


def test_a_model_made_anew_has_versions_of_its_own(workspace, registry, intake, policy, tmp_path, live):
    version = put(registry, tmp_path)
    look(workspace, intake, policy)

    registry.made_ms += 7
    taken = look(workspace, intake, policy).taken

    assert version in {each.version for each in taken}


def test_tags_may_come_a_little_later(workspace, registry, intake, policy, tmp_path, live):
    version = put(registry, tmp_path, {})

    (early,) = look(workspace, intake, policy, now=NOW).taken
    nothing = look(workspace, intake, policy, now=NOW + timedelta(seconds=30)).taken
    (late,) = look(workspace, intake, policy, now=NOW + timedelta(seconds=61)).taken

    assert (early.state, early.code) == (IntakeState.WAITING, "no-data-tag")
    assert nothing == ()
    assert (late.state, late.version) == (IntakeState.PROPOSED, version)
    assert proposals(workspace)[0].data_digest is None  # gates that need rows will say that they measured nothing


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        pytest.param({"gatekeeper.data": "data/none.jsonl"}, "data", id="no-such-file"),
        pytest.param({"gatekeeper.data": "../../secret.jsonl"}, "data", id="out-of-the-run"),
        pytest.param({"gatekeeper.data": "incoming:../secret.jsonl"}, "data", id="out-of-the-folder"),
        pytest.param({"gatekeeper.data": "incoming:/etc/passwd"}, "data", id="absolute"),
        pytest.param({"gatekeeper.data": "incoming:link.jsonl"}, "data", id="a-link"),
        pytest.param({"gatekeeper.data": "incoming:folder"}, "data", id="a-folder"),
        pytest.param({"gatekeeper.data": "incoming:\x00"}, "data", id="a-nul"),
        pytest.param({"gatekeeper.data": "broken.jsonl"}, "proposal", id="rows-that-are-none"),
        pytest.param({**NO_ROWS, "gatekeeper.base": "/etc"}, "base", id="a-base-by-path"),
        pytest.param({**NO_ROWS, "gatekeeper.base": "incoming:nowhere"}, "base", id="no-such-base"),
        pytest.param({**NO_ROWS, "gatekeeper.trainer": "kim"}, "two-trainers", id="two-people-trained-it"),
    ],
)
def test_what_cannot_be_an_update_is_refused_on_record(
    workspace, registry, intake, policy, tmp_path, live, tags, code
):
    (tmp_path / "secret.jsonl").write_bytes(ROWS)
    (intake.incoming / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (intake.incoming / "folder").mkdir()
    version = put(registry, tmp_path, tags, user="dana")
    registry.log_file(MODEL, version, "broken.jsonl", b"{ this is no row\n")

    (taken,) = look(workspace, intake, policy).taken
    again = look(workspace, intake, policy).taken

    assert (taken.state, taken.code, again) == (IntakeState.REFUSED, code, ())
    assert taken.reason
    assert [each["data"]["code"] for each in events(workspace, "intake.refused")] == [code]
    assert proposals(workspace) == []


def test_an_address_that_the_registry_did_not_choose_is_not_fetched(
    workspace, registry, intake, policy, tmp_path, live
):
    version = put(registry, tmp_path)
    registry.elsewhere.add((MODEL, version))
    registry.before = lambda step: pytest.fail("it was fetched") if step == "fetch" else None

    (taken,) = look(workspace, intake, policy).taken

    assert (taken.state, taken.code) == (IntakeState.REFUSED, "source")


def test_a_registry_that_does_not_answer_is_asked_again(workspace, registry, intake, policy, tmp_path, live):
    put(registry, tmp_path)

    def fails(step):
        if step == "fetch":
            raise RegistryError("It does not answer.")

    registry.before = fails
    (first,) = look(workspace, intake, policy, now=NOW).taken
    at_once = look(workspace, intake, policy, now=NOW + timedelta(seconds=1)).taken
    registry.before = lambda step: None
    (later,) = look(workspace, intake, policy, now=NOW + timedelta(minutes=2)).taken

    assert (first.state, first.code, at_once) == (IntakeState.WAITING, "files-not-asked", ())
    assert later.state is IntakeState.PROPOSED


def test_a_registry_that_lists_nothing_is_an_error_of_the_look(workspace, registry, intake, policy, live):
    def fails(step):
        if step == "list":
            raise RegistryError("It does not answer.")

    registry.before = fails

    assert look(workspace, intake, policy).errors == ("It does not answer.",)


def test_while_the_alias_is_moved_by_hand_versions_wait(workspace, registry, intake, policy, tmp_path, live):
    version = put(registry, tmp_path)
    was = registry.aliases[MODEL]["champion"]
    registry.aliases[MODEL]["champion"] = version
    (moved,) = look(workspace, intake, policy, now=NOW).taken
    registry.aliases[MODEL]["champion"] = was

    (back,) = look(workspace, intake, policy, now=NOW + timedelta(minutes=5)).taken

    assert (moved.state, moved.code) == (IntakeState.WAITING, "champion-moved")
    assert back.state is IntakeState.PROPOSED


def test_a_fault_of_ours_leaves_the_version_to_be_looked_at_again(workspace, registry, intake, policy, tmp_path, live):
    put(registry, tmp_path)

    def breaks(step):
        if step == "fetch":
            raise ZeroDivisionError

    registry.before = breaks
    with pytest.raises(ZeroDivisionError):
        look(workspace, intake, policy, now=NOW)
    registry.before = lambda step: None
    (later,) = look(workspace, intake, policy, now=NOW + timedelta(hours=2)).taken

    assert later.state is IntakeState.PROPOSED


@pytest.mark.parametrize("name", [pytest.param("nobody", id="a-stranger"), pytest.param("dana", id="a-person")])
def test_only_a_service_proposes_what_others_registered(workspace, policy, name):
    with pytest.raises(UsageError, match="no service"):
        look(workspace, Intake(service=name), policy)


def test_the_trainer_does_not_approve_what_was_registered(workspace, registry, intake, policy, tmp_path, live):
    put(registry, tmp_path, {**NO_ROWS, "gatekeeper.trainer": " DANA "})
    (taken,) = look(workspace, intake, policy).taken
    run.evaluate(workspace, taken.update_id, policy, Resources())

    with pytest.raises(StateError, match="trained"):
        approve(workspace, taken.update_id, person="dana", policy=policy)
    approve(workspace, taken.update_id, person="kim", policy=policy)

    with workspace.store.reading() as session:
        assert updates.require(session, taken.update_id).state is State.APPROVED
