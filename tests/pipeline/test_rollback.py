"""Going back to the version before, under the rules of a promotion."""

import json

import pytest
from people import key_of

from gatekeeper.core.errors import PromotionConflict, RegistryError, StateError
from gatekeeper.core.states import State
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.verify import verify_alias
from gatekeeper.store import entries, updates

MODEL = "tiny"


def go_back(workspace, policy, person="dana"):
    return rollback(workspace, MODEL, person=person, policy=policy, key=key_of(person), reason="it answers worse")


def states(workspace, *checked):
    with workspace.store.reading() as session:
        return [updates.require(session, each.update_id).state for each in checked]


def test_the_version_before_is_live_again(workspace, certified, second, policy, registry):
    promoted = go_back(workspace, policy)

    assert (promoted.version, promoted.previous) == ("1", "2")
    assert registry.aliases[MODEL]["champion"] == "1"
    assert states(workspace, certified, second) == [State.ACTIVE, State.ROLLED_BACK]
    assert verify_alias(workspace, MODEL, "champion").version == "1"
    with workspace.store.reading() as session:
        types = [entry.type for entry in entries.latest(session, limit=6)][::-1]
    assert types == [
        "request.opened",
        "request.approved",
        "promotion.intended",
        "promotion.observed",
        "update.rolled_back",
        "request.closed",
    ]


def test_it_has_a_passport_of_its_own(workspace, certified, second, policy, registry):
    go_back(workspace, policy)

    tags = registry.describe(MODEL, "1").tags
    bundle = json.loads(tags["gatekeeper.passport.champion"])
    assert len(bundle["approvals"]) == 3  # two certified it, one went back to it
    assert "rollback" in tags["gatekeeper.passport.champion"] or bundle["leaves"]


def test_there_is_nothing_before_the_first(workspace, certified, policy):
    with pytest.raises(StateError, match="no admitted version before 1"):
        go_back(workspace, policy)


def test_a_version_that_was_rolled_back_is_not_gone_back_to(workspace, certified, second, policy):
    go_back(workspace, policy)

    with pytest.raises(StateError, match="no admitted version before 1"):
        go_back(workspace, policy)


def test_a_person_without_the_role_cannot(workspace, certified, second, policy):
    with pytest.raises(StateError, match="none of the roles"):
        go_back(workspace, policy, person="ola")

    assert states(workspace, certified, second) == [State.SUPERSEDED, State.ACTIVE]


def test_an_alias_that_was_moved_by_hand_is_not_gone_back_from(workspace, certified, second, policy, registry):
    registry.aliases[MODEL]["champion"] = "1"

    with pytest.raises(PromotionConflict, match="moved the alias by hand"):
        go_back(workspace, policy)


def test_a_rollback_that_fails_can_be_repeated(workspace, certified, second, policy, registry):
    def refuse(step):
        if step == "set":
            raise RegistryError("the registry is down")

    registry.before = refuse
    with pytest.raises(RegistryError):
        go_back(workspace, policy)
    assert states(workspace, certified, second) == [State.SUPERSEDED, State.ACTIVE]

    registry.before = lambda step: None
    assert go_back(workspace, policy).version == "1"
