"""What the registry makes after it was given up is written down, once, and nothing else is taken for it."""

import pytest
from people import key_of
from pipeline_views import events_of, state_of
from quick_world import MODEL, agreed, quick_policy, quick_workspace
from registry import FakeRegistry

from audits.ledger.check import verify_entries
from gatekeeper.core.errors import PromotionConflict, RegistryError
from gatekeeper.core.states import State
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.withdraw import withdraw
from gatekeeper.store import entries, promotions, requests
from gatekeeper.store.tables import PromotionState, RequestState


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def workspace(tmp_path, registry):
    made = quick_workspace(tmp_path, registry)
    yield made
    made.store.close()


@pytest.fixture
def live(workspace, policy, tmp_path):
    """A first champion, version 1."""
    update = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, update, policy=policy)
    return update


def failing(registry, step, *, times=1):
    """Let the registry refuse a step so many times."""
    left = [times]

    def before(at):
        if at == step and left[0]:
            left[0] -= 1
            raise RegistryError("Nobody answered.")

    registry.before = before


def failed(workspace, registry, update, policy):
    failing(registry, "set")
    with pytest.raises(RegistryError):
        promote(workspace, update, policy=policy)
    assert state_of(workspace, update) is State.PROMOTION_FAILED


def request_states(workspace, update):
    with workspace.store.reading() as session:
        return [row.state for row in requests.of_update(session, update)]


def open_moves(workspace):
    with workspace.store.reading() as session:
        return promotions.all_under_way(session)


def go_back(workspace, policy):
    return rollback(workspace, MODEL, person="dana", policy=policy, key=key_of("dana"))


def test_a_promotion_that_arrives_late_is_observed(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy)
    failed(workspace, registry, update, policy)
    registry.aliases[MODEL]["champion"] = "2"

    assert recover(workspace) == (update,)

    assert state_of(workspace, update) is State.ACTIVE
    assert state_of(workspace, live) is State.SUPERSEDED
    assert recover(workspace) == ()


def test_a_rollback_that_arrives_late_is_observed_and_its_request_done(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy)
    promote(workspace, update, policy=policy)
    failing(registry, "set")
    with pytest.raises(RegistryError):
        go_back(workspace, policy)
    assert request_states(workspace, live) == [RequestState.EXPIRED]
    registry.aliases[MODEL]["champion"] = "1"

    assert recover(workspace) == (live,)

    assert (state_of(workspace, live), state_of(workspace, update)) == (State.ACTIVE, State.ROLLED_BACK)
    assert request_states(workspace, live) == [RequestState.DONE]


def test_a_certified_champion_that_arrives_late_brings_its_anchor(workspace, registry, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy, first=True)
    failed(workspace, registry, update, policy)
    registry.aliases[MODEL]["champion"] = "1"

    assert recover(workspace) == (update,)

    assert registry.aliases[MODEL] == {"champion": "1", "anchor": "1"}
    assert events_of(workspace, update).count("champion.certified") == 1
    assert state_of(workspace, update) is State.ACTIVE


def test_promoting_again_beside_a_late_move_makes_nothing_stale(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy)
    failed(workspace, registry, update, policy)
    registry.aliases[MODEL]["champion"] = "2"

    with pytest.raises(PromotionConflict, match="arrived late"):
        promote(workspace, update, policy=policy)
    recover(workspace)

    assert state_of(workspace, update) is State.ACTIVE


def test_a_late_move_over_a_newer_champion_is_not_adopted(workspace, registry, live, policy, tmp_path):
    early = agreed(workspace, tmp_path, policy)
    other = agreed(workspace, tmp_path, policy)
    failed(workspace, registry, early, policy)
    promote(workspace, other, policy=policy)
    registry.aliases[MODEL]["champion"] = "2"

    assert recover(workspace) == recover(workspace) == ()

    assert open_moves(workspace) == []
    assert state_of(workspace, early) is State.PROMOTION_FAILED
    assert state_of(workspace, other) is State.ACTIVE


def test_a_late_move_of_what_was_withdrawn_is_not_adopted(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy)
    failed(workspace, registry, update, policy)
    withdraw(workspace, update, person="zelda")
    registry.aliases[MODEL]["champion"] = "2"

    assert recover(workspace) == ()

    assert open_moves(workspace) == []
    assert state_of(workspace, update) is State.WITHDRAWN


def test_bytes_that_changed_under_a_late_move_are_looked_at_and_logged_once(
    workspace, registry, live, policy, tmp_path
):
    update = agreed(workspace, tmp_path, policy)
    failed(workspace, registry, update, policy)
    registry.aliases[MODEL]["champion"] = "2"
    next((registry.root / f"fake-run-{MODEL}-2").rglob("model.safetensors")).write_bytes(b"other")
    with workspace.store.reading() as session:
        before = entries.size(session)

    assert recover(workspace) == recover(workspace) == ()

    with workspace.store.reading() as session:
        assert entries.size(session) == before


@pytest.mark.parametrize("step", ["attach", "set", "read", "fetch", "describe"])
def test_a_rollback_that_fails_leaves_no_request_open(workspace, registry, live, policy, tmp_path, step):
    update = agreed(workspace, tmp_path, policy)
    promote(workspace, update, policy=policy)
    failing(registry, step)

    with pytest.raises(RegistryError):
        go_back(workspace, policy)
    registry.before = lambda at: None
    recover(workspace)

    assert set(request_states(workspace, live)) <= {RequestState.EXPIRED}
    assert (state_of(workspace, live), state_of(workspace, update)) == (State.SUPERSEDED, State.ACTIVE)
    assert go_back(workspace, policy).version == "1"


def test_an_anchor_that_somebody_else_set_does_not_keep_the_champion_from_being_observed(
    workspace, registry, policy, tmp_path
):
    update = agreed(workspace, tmp_path, policy, first=True)
    calls = []

    def before(step):
        if step == "set":
            calls.append(step)
            if len(calls) == 2:
                registry.aliases[MODEL]["anchor"] = "7"
                raise RegistryError("Nobody answered.")

    registry.before = before
    with pytest.raises(RegistryError):
        promote(workspace, update, policy=policy)
    registry.before = lambda step: None
    assert len(open_moves(workspace)) == 2

    recover(workspace)

    assert open_moves(workspace) == []
    assert state_of(workspace, update) is State.ACTIVE
    with workspace.store.reading() as session:
        ends = {row.alias: row.state for row in promotions.of_update(session, update)}
        assert verify_entries(session).intact
    assert ends == {"champion": PromotionState.OBSERVED, "anchor": PromotionState.FAILED}


def test_an_attempt_beside_a_late_move_gets_a_passport_of_its_own(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy)
    failed(workspace, registry, update, policy)
    former = registry.describe(MODEL, "2").tags["gatekeeper.passport.champion"]
    reads = []

    def arrives_after_the_first_looks(step):
        reads.append(step)
        if step == "read" and reads.count("read") == 3:
            registry.aliases[MODEL]["champion"] = "2"

    registry.before = arrives_after_the_first_looks
    promote(workspace, update, policy=policy)

    assert state_of(workspace, update) is State.ACTIVE
    assert registry.describe(MODEL, "2").tags["gatekeeper.passport.champion"] != former
