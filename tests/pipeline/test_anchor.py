"""The anchor moves by two people's word and a passport of its own; the champion stays where it is."""

from datetime import UTC, datetime

import pytest
from people import approve, key_of
from pipeline_views import state_of

from audits.passport.check import Where, check_passport
from gatekeeper.core.errors import PromotionConflict, StateError
from gatekeeper.core.states import State
from gatekeeper.pipeline.anchor import move_anchor
from gatekeeper.pipeline.granted import decide
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.store.tables import Decision

MODEL = "tiny"


@pytest.fixture
def second(workspace, certified, propose, policy):
    """A second champion; the anchor is still the first."""
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    promote(workspace, checked.update_id, policy=policy)
    return checked


def ask(workspace, checked, policy, person="dana"):
    return move_anchor(workspace, checked.update_id, person=person, policy=policy, key=key_of(person))


def agree(workspace, asked, policy, person="kim"):
    return decide(workspace, asked.request, Decision.APPROVE, person=person, policy=policy, key=key_of(person))


def test_two_people_move_it_with_a_passport(workspace, registry, second, policy):
    asked = ask(workspace, second, policy)
    agree(workspace, asked, policy)
    promoted = promote(workspace, second.update_id, policy=policy)

    assert (promoted.aliases, promoted.version, promoted.previous) == (("anchor",), "2", "1")
    assert registry.aliases[MODEL] == {"champion": "2", "anchor": "2"}
    assert state_of(workspace, second.update_id) is State.ACTIVE
    passport = check_passport(
        registry.describe(MODEL, "2").tags["gatekeeper.passport.anchor"],
        workspace.notary.trust,
        subject=second.update.digest,
        revocations=registry.revocations(MODEL),
        now=datetime.now(UTC),
        where=Where(registry=registry.id, model=MODEL, version="2", alias="anchor"),
    )
    assert (passport.binding.kind, passport.approvals) == ("anchor", 2)


def test_one_person_is_not_enough_even_where_one_approves_updates(workspace, registry, second, policy):
    assert policy.approvals.required == 1
    ask(workspace, second, policy)

    with pytest.raises(StateError, match="ACTIVE, not approved"):
        promote(workspace, second.update_id, policy=policy)

    assert registry.aliases[MODEL]["anchor"] == "1"


def test_what_was_blocked_or_never_live_cannot_be_it(workspace, certified, propose, policy):
    with pytest.raises(StateError, match="only what was live"):
        ask(workspace, propose("forgetful"), policy)


def test_what_is_the_anchor_already_needs_no_move(workspace, certified, policy):
    with pytest.raises(StateError, match="the anchor already"):
        ask(workspace, certified, policy)


def test_its_proposer_cannot_ask_for_it(workspace, second, policy):
    with pytest.raises(StateError, match="none of the roles"):
        ask(workspace, second, policy, person="zelda")


def test_an_anchor_that_was_moved_by_hand_meanwhile_is_not_replaced(workspace, registry, second, policy):
    asked = ask(workspace, second, policy)
    agree(workspace, asked, policy)
    del registry.aliases[MODEL]["anchor"]

    with pytest.raises(PromotionConflict, match="people agreed when it was 1"):
        promote(workspace, second.update_id, policy=policy)


def test_what_was_rolled_back_meanwhile_does_not_become_it(workspace, registry, second, policy):
    asked = ask(workspace, second, policy)
    agree(workspace, asked, policy)
    rollback(workspace, MODEL, person="dana", policy=policy, key=key_of("dana"))

    with pytest.raises(StateError, match="is ROLLED_BACK now"):
        promote(workspace, second.update_id, policy=policy)

    assert registry.aliases[MODEL]["anchor"] == "1"


def test_what_was_agreed_to_twice_is_carried_out_once(workspace, registry, certified, second, policy):
    agree(workspace, ask(workspace, second, policy), policy)
    again = ask(workspace, second, policy)
    agree(workspace, again, policy)
    promote(workspace, second.update_id, policy=policy)
    back = ask(workspace, certified, policy)
    agree(workspace, back, policy)
    promote(workspace, certified.update_id, policy=policy)

    with pytest.raises(StateError, match="ACTIVE, not approved"):
        promote(workspace, second.update_id, policy=policy)

    assert registry.aliases[MODEL]["anchor"] == "1"
