"""What was put live over its verdict ends: by its limit, a review, a rollback, a refusal, or a second break."""

import dataclasses

import pytest
from broken_glass import MODEL, agree, ask, ask_to_keep, later, passport_of, request_state
from people import PEOPLE, approve, key_of, notary, person, trusting
from pipeline_views import state_of

from audits.ledger.check import verify_entries
from audits.passport.revocations import read_revocations
from gatekeeper.core.errors import RegistryError, StateError
from gatekeeper.core.states import State
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.reconcile import reconcile_round
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.withdraw import withdraw
from gatekeeper.store import requests
from gatekeeper.store.tables import Decision, RequestState


def test_unreviewed_it_revokes_itself_and_the_champion_goes_back(
    workspace, registry, certified, blocked, broken, policy
):
    assert lapse(workspace, now=later(23)) == ()

    assert lapse(workspace, now=later(25)) == (blocked.update_id,)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert state_of(workspace, blocked.update_id) is State.REVOKED
    assert state_of(workspace, certified.update_id) is State.ACTIVE
    listed = read_revocations(registry.revocations(MODEL), workspace.notary.trust, now=later(26))
    assert [(each.digest, each.code) for each in listed.revoked] == [(blocked.update.digest, "break-glass-expired")]
    assert passport_of(workspace, registry, certified, "1", now=later(26)).binding.kind == "rollback"
    assert lapse(workspace, now=later(30)) == ()
    with workspace.store.reading() as session:
        assert verify_entries(session).faults == ()


def test_it_revokes_itself_even_where_the_alias_was_moved_by_hand(workspace, registry, blocked, broken):
    registry.aliases[MODEL]["champion"] = "1"

    assert lapse(workspace, now=later(25)) == (blocked.update_id,)

    assert state_of(workspace, blocked.update_id) is State.REVOKED


def test_it_waits_for_a_registry_that_is_down(workspace, registry, certified, blocked, broken):
    def refuse(step):
        if step == "set":
            raise RegistryError("the registry is down")

    registry.before = refuse
    with pytest.raises(RegistryError):
        lapse(workspace, now=later(25))
    assert state_of(workspace, blocked.update_id) is State.ACTIVE

    registry.before = lambda step: None
    assert lapse(workspace, now=later(26)) == (blocked.update_id,)
    assert registry.aliases[MODEL]["champion"] == "1"


def test_a_review_by_two_keeps_it(workspace, registry, blocked, broken, policy):
    asked = ask_to_keep(workspace, blocked, policy)
    agree(workspace, asked, policy)
    promote(workspace, blocked.update_id, policy=policy)

    binding = passport_of(workspace, registry, blocked, "2", now=later(24 * 20)).binding
    assert (binding.kind, binding.valid_until, binding.break_glass) == ("review", None, True)
    assert lapse(workspace, now=later(25)) == ()
    assert state_of(workspace, blocked.update_id) is State.ACTIVE


def test_one_reviewer_is_not_enough(workspace, blocked, broken, policy):
    ask_to_keep(workspace, blocked, policy)

    with pytest.raises(StateError, match="ACTIVE, not approved"):
        promote(workspace, blocked.update_id, policy=policy)

    assert lapse(workspace, now=later(25)) == (blocked.update_id,)


def test_after_its_time_a_review_comes_too_late(workspace, blocked, broken, policy):
    with pytest.raises(StateError, match=r"time of update .* is over"):
        ask_to_keep(workspace, blocked, policy, now=later(25))


def test_a_review_that_fails_half_way_is_given_up_and_can_be_repeated(workspace, registry, blocked, broken, policy):
    asked = ask_to_keep(workspace, blocked, policy)
    agree(workspace, asked, policy)

    def refuse(step):
        if step == "attach":
            raise RegistryError("the registry is down")

    registry.before = refuse
    with pytest.raises(RegistryError):
        promote(workspace, blocked.update_id, policy=policy)
    registry.before = lambda step: None

    assert recover(workspace) == ()
    promote(workspace, blocked.update_id, policy=policy)
    assert passport_of(workspace, registry, blocked, "2").binding.kind == "review"


def test_permission_that_nobody_used_in_time_is_over(workspace, blocked, policy):
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)

    assert lapse(workspace, now=later(25)) == ()

    assert state_of(workspace, blocked.update_id) is State.BLOCKED
    assert request_state(workspace, asked.request) is RequestState.EXPIRED
    with pytest.raises(StateError, match="BLOCKED, not approved"):
        promote(workspace, blocked.update_id, policy=policy)


def test_a_promotion_that_failed_can_be_repeated_in_time(workspace, registry, blocked, policy):
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)

    def refuse(step):
        if step == "set":
            raise RegistryError("the registry is down")

    registry.before = refuse
    with pytest.raises(RegistryError):
        promote(workspace, blocked.update_id, policy=policy)
    assert state_of(workspace, blocked.update_id) is State.PROMOTION_FAILED

    registry.before = lambda step: None
    promote(workspace, blocked.update_id, policy=policy)
    assert registry.aliases[MODEL]["champion"] == "2"


def test_a_person_can_go_back_at_once(workspace, registry, certified, blocked, broken, policy):
    rollback(workspace, MODEL, person="dana", policy=policy, key=key_of("dana"))

    assert registry.aliases[MODEL]["champion"] == "1"
    assert state_of(workspace, blocked.update_id) is State.ROLLED_BACK
    assert lapse(workspace, now=later(25)) == (blocked.update_id,)
    assert state_of(workspace, blocked.update_id) is State.REVOKED
    assert registry.aliases[MODEL]["champion"] == "1"


def test_nobody_goes_back_to_what_was_live_over_its_verdict(workspace, registry, blocked, broken, propose, policy):
    asked = ask_to_keep(workspace, blocked, policy)
    agree(workspace, asked, policy)
    promote(workspace, blocked.update_id, policy=policy)
    other = propose("benign")
    if other.state is not State.PENDING_APPROVAL:
        pytest.fail(f"the benign update is {other.state}")
    approve(workspace, other.update_id, person="dana", policy=policy)
    promote(workspace, other.update_id, policy=policy)

    promoted = rollback(workspace, MODEL, person="dana", policy=policy, key=key_of("dana"))

    assert promoted.version == "1"


def test_revoked_bytes_are_not_put_live_again(workspace, blocked, broken, propose, policy):
    lapse(workspace, now=later(25))
    again = propose("forgetful")

    with pytest.raises(StateError, match="were revoked"):
        ask(workspace, again, policy)


def test_a_policy_that_changed_since_the_verdict_decides_nothing(workspace, blocked, policy):
    import dataclasses

    other = dataclasses.replace(policy, version=2)

    with pytest.raises(StateError, match="policy has changed"):
        ask(trusting(workspace, other), blocked, other)


def test_a_round_of_the_reconciler_ends_what_time_has_ended(workspace, registry, certified, blocked, broken, policy):
    seen = reconcile_round(workspace, policy=policy, now=later(25))

    assert (seen.lapsed, seen.lasting) == ((blocked.update_id,), ())
    assert registry.aliases[MODEL]["champion"] == "1"


def test_a_refusal_after_two_agreed_still_stops_it(workspace, registry, blocked, policy):
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)
    people = {**PEOPLE, "eve": person("eve", "admin")}
    object.__setattr__(workspace, "principals", people)
    object.__setattr__(workspace, "notary", notary(workspace.lock_file.parent, registry.id, policy, people=people))

    agree(workspace, asked, policy, person="eve", decision=Decision.REJECT)

    assert state_of(workspace, blocked.update_id) is State.BLOCKED
    assert request_state(workspace, asked.request) is RequestState.REFUSED
    with pytest.raises(StateError, match="BLOCKED, not approved"):
        promote(workspace, blocked.update_id, policy=policy)


def test_what_was_withdrawn_is_not_even_registered(workspace, registry, blocked, policy):
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)
    withdraw(workspace, blocked.update_id, person="zelda")

    with pytest.raises(StateError, match="is WITHDRAWN now"):
        promote(workspace, blocked.update_id, policy=policy)

    assert len(registry.versions[MODEL]) == 1


def test_a_review_ends_the_way_back(workspace, blocked, broken, policy):
    asked = ask_to_keep(workspace, blocked, policy)
    agree(workspace, asked, policy)
    promote(workspace, blocked.update_id, policy=policy)

    with workspace.store.reading() as session:
        assert requests.way_back(session, broken.request).state is RequestState.EXPIRED


def test_a_review_of_what_was_rolled_back_meanwhile_keeps_nothing(workspace, registry, blocked, broken, policy):
    asked = ask_to_keep(workspace, blocked, policy)
    agree(workspace, asked, policy)
    rollback(workspace, MODEL, person="dana", policy=policy, key=key_of("dana"))

    with pytest.raises(StateError, match="is ROLLED_BACK now"):
        promote(workspace, blocked.update_id, policy=policy)

    assert lapse(workspace, now=later(25)) == (blocked.update_id,)


def test_a_second_break_while_one_is_live_goes_back_to_what_was_admitted(
    workspace, registry, certified, blocked, broken, propose, tiny_world, policy
):
    other = propose("misaligned")
    asked = ask(workspace, other, policy, hours=48)
    agree(workspace, asked, policy)
    promote(workspace, other.update_id, policy=policy)
    assert registry.aliases[MODEL]["champion"] == "3"

    assert lapse(workspace, now=later(25)) == (blocked.update_id,)
    assert registry.aliases[MODEL]["champion"] == "3"
    assert lapse(workspace, now=later(49)) == (other.update_id,)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert state_of(workspace, certified.update_id) is State.ACTIVE


def test_three_days_of_permission_can_be_used_on_the_second(workspace, registry, blocked, policy):
    asked = ask(workspace, blocked, policy, hours=72, now=later(-30))
    agree(workspace, asked, policy, now=later(-29))

    promote(workspace, blocked.update_id, policy=policy)

    assert registry.aliases[MODEL]["champion"] == "2"


def test_a_deleted_version_to_go_back_to_keeps_no_limit_from_ending(workspace, registry, blocked, broken):
    registry.versions[MODEL] = [each for each in registry.versions[MODEL] if each.version != "1"]

    assert lapse(workspace, now=later(25)) == (blocked.update_id,)

    assert state_of(workspace, blocked.update_id) is State.REVOKED


def test_a_policy_that_changed_takes_no_second_signature_and_puts_nothing_live(workspace, registry, blocked, policy):
    changed = dataclasses.replace(policy, version=2)
    asked = ask(workspace, blocked, policy)

    with pytest.raises(StateError, match="policy has changed"):
        agree(trusting(workspace, changed), asked, changed)
    agree(workspace, asked, policy)
    with pytest.raises(StateError, match="policy has changed"):
        promote(trusting(workspace, changed), blocked.update_id, policy=changed)

    assert len(registry.versions[MODEL]) == 1


def test_a_refusal_after_a_failed_promotion_blocks_it_again(workspace, registry, blocked, policy):
    people = {**PEOPLE, "eve": person("eve", "admin")}
    object.__setattr__(workspace, "principals", people)
    object.__setattr__(workspace, "notary", notary(workspace.lock_file.parent, registry.id, policy, people=people))
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)

    def refuse(step):
        if step == "set":
            raise RegistryError("the registry is down")

    registry.before = refuse
    with pytest.raises(RegistryError):
        promote(workspace, blocked.update_id, policy=policy)
    registry.before = lambda step: None
    agree(workspace, asked, policy, person="eve", decision=Decision.REJECT)

    assert state_of(workspace, blocked.update_id) is State.BLOCKED
