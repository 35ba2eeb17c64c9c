"""A blocked update goes live on the word of two administrators, for a limited time, and never quietly."""

import pytest
from broken_glass import MODEL, agree, ask, passport_of, request_state
from people import PEOPLE, approve
from pipeline_views import events_of, state_of

from gatekeeper.core.errors import PromotionConflict, StateError, UsageError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.run import certify
from gatekeeper.store.tables import Decision, RequestState


def test_two_administrators_put_a_blocked_update_live_with_a_passport_that_says_failed(
    workspace, registry, certified, blocked, broken, policy
):
    assert registry.aliases[MODEL]["champion"] == "2"
    assert state_of(workspace, blocked.update_id) is State.ACTIVE
    assert state_of(workspace, certified.update_id) is State.SUPERSEDED
    binding = passport_of(workspace, registry, blocked, "2").binding
    assert (binding.kind, binding.break_glass) == ("break-glass", True)
    assert binding.valid_until is not None
    assert request_state(workspace, broken.request) is RequestState.DONE
    assert events_of(workspace, blocked.update_id)[-7:] == [
        "request.opened",
        "request.approved",
        "request.approved",
        "candidate.logged",
        "promotion.intended",
        "promotion.observed",
        "request.closed",
    ]


def test_its_bytes_are_registered_only_once_two_agreed(workspace, registry, certified, blocked, policy):
    asked = ask(workspace, blocked, policy)

    with pytest.raises(StateError, match="BLOCKED, not approved"):
        promote(workspace, blocked.update_id, policy=policy)

    assert len(registry.versions[MODEL]) == 1
    agree(workspace, asked, policy)
    assert state_of(workspace, blocked.update_id) is State.BREAK_GLASS
    assert len(registry.versions[MODEL]) == 1


def test_its_passport_ends_with_its_time(workspace, registry, blocked, broken):
    with pytest.raises(VerificationError, match="time: It counted until"):
        passport_of(workspace, registry, blocked, "2", now=broken.valid_until)


@pytest.mark.parametrize(
    ("person", "sentence"),
    [
        pytest.param("dana", "none of the roles", id="an approver"),
        pytest.param("zelda", "none of the roles", id="its proposer"),
    ],
)
def test_only_administrators_may(workspace, blocked, policy, person, sentence):
    with pytest.raises(StateError, match=sentence):
        ask(workspace, blocked, policy, person=person)


def test_one_administrator_does_not_count_twice(workspace, blocked, policy):
    asked = ask(workspace, blocked, policy)

    with pytest.raises(StateError, match="already decided"):
        agree(workspace, asked, policy, person="ada")

    assert state_of(workspace, blocked.update_id) is State.BLOCKED


def test_an_administrator_who_proposed_it_does_not_count(workspace, certified, propose, policy):
    checked = propose("forgetful", submitter="ada")

    with pytest.raises(StateError, match="proposed this update"):
        ask(workspace, checked, policy)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"incident": " "}, id="no incident"),
        pytest.param({"justification": ""}, id="no justification"),
        pytest.param({"hours": 72.01}, id="longer than 72 hours"),
        pytest.param({"hours": 0}, id="no time at all"),
        pytest.param({"hours": float("nan")}, id="no number"),
    ],
)
def test_what_is_missing_or_too_long_is_a_usage_error(workspace, blocked, policy, changed):
    with pytest.raises(UsageError):
        ask(workspace, blocked, policy, **changed)


def test_what_can_run_code_stays_blocked(workspace, tmp_path, tiny_world, certified, propose, policy):
    import shutil

    folder = shutil.copytree(tiny_world.benign, tmp_path / "with-pickle")
    (folder / "optimizer.pt").write_bytes(b"\x80\x04K\x01.")
    checked = propose("benign", artifact=folder)

    with pytest.raises(StateError, match="nobody can overrule artifact/format"):
        ask(workspace, checked, policy)


def test_what_is_not_blocked_needs_no_broken_glass(workspace, certified, policy):
    with pytest.raises(StateError, match="blocked updates alone"):
        ask(workspace, certified, policy)


def test_without_a_champion_there_is_nothing_to_go_back_to(workspace, tiny_world, policy):
    from gatekeeper.pipeline import run
    from gatekeeper.pipeline.submit import Proposal

    proposal = Proposal(
        name="first", model=MODEL, artifact=tiny_world.misaligned, data=None, submitter="zelda", base=tiny_world.base
    )
    with run.evaluation(workspace) as resources:
        checked = certify(workspace, proposal, policy, resources)
    assert checked.state is State.BLOCKED

    with pytest.raises(PromotionConflict, match="Certify a first champion"):
        ask(workspace, checked, policy)


def test_a_refusal_ends_it(workspace, blocked, policy):
    asked = ask(workspace, blocked, policy)

    agree(workspace, asked, policy, decision=Decision.REJECT)

    assert request_state(workspace, asked.request) is RequestState.REFUSED
    assert state_of(workspace, blocked.update_id) is State.BLOCKED
    with pytest.raises(StateError, match="not open any more"):
        agree(workspace, asked, policy)


def test_an_administrator_who_left_no_longer_counts(workspace, blocked, policy):
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)
    object.__setattr__(workspace, "principals", {name: who for name, who in PEOPLE.items() if name != "abe"})

    with pytest.raises(StateError, match="1 of 2 signatures that count"):
        promote(workspace, blocked.update_id, policy=policy)


def test_a_champion_that_moved_meanwhile_is_not_replaced(workspace, registry, blocked, propose, policy):
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)
    other = propose("benign")
    approve(workspace, other.update_id, person="dana", policy=policy)
    promote(workspace, other.update_id, policy=policy)

    with pytest.raises(PromotionConflict, match="people agreed when it was 1"):
        promote(workspace, blocked.update_id, policy=policy)

    assert registry.aliases[MODEL]["champion"] == "2"
