"""One statement says that a start has nothing to settle; whatever could be something to settle makes it say no."""

from datetime import UTC, datetime, timedelta

import pytest
from quick_world import MODEL, agreed, proposed, quick_policy, quick_workspace
from registry import FakeRegistry

from gatekeeper.pipeline.granted import BREAK_GLASS
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.references import champion_of
from gatekeeper.pipeline.settled import is_settled
from gatekeeper.store import promotions, requests, runs
from gatekeeper.store.tables import PromotionKind, PromotionState, RequestRow, RequestState

NOW = datetime.now(UTC)


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def workspace(tmp_path, policy):
    opened = quick_workspace(tmp_path, FakeRegistry(root=tmp_path / "registry"), policies=(policy,))
    yield opened
    opened.store.close()


@pytest.fixture
def live(workspace, tmp_path, policy):
    update = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, update, policy=policy)
    return update


def intend(session, workspace, update):
    return promotions.intend(
        session,
        update_id=update,
        registry_id=workspace.registry.id,
        model=MODEL,
        version="1",
        alias=CHAMPION,
        expected_previous=None,
        kind=PromotionKind.PROMOTE,
    )


def ask(session, update, action):
    return requests.open_request(
        session,
        action=action,
        update_id=update,
        run_id=runs.newest(session, update).id,
        model=MODEL,
        alias=CHAMPION,
        expected_previous=None,
        opened_by="person:" + "a" * 64,
        required=2,
        expires=NOW + timedelta(hours=1),
    )


def test_nothing_and_what_ended_well_is_settled(workspace, live):
    assert is_settled(workspace)


@pytest.mark.parametrize("ends", [None, PromotionState.FAILED, PromotionState.OBSERVED])
def test_a_move_that_is_under_way_or_was_given_up_is_looked_at(workspace, live, ends):
    with workspace.store.transaction() as session:
        intent = intend(session, workspace, live)
        if ends is not None:
            promotions.finish(session, intent.id, ends)

    assert is_settled(workspace) is (ends is PromotionState.OBSERVED)


@pytest.mark.parametrize("state", list(RequestState))
@pytest.mark.parametrize("action", [BREAK_GLASS, "anchor"])
def test_a_request_that_waits_or_lasts_is_looked_at(workspace, live, state, action):
    with workspace.store.transaction() as session:
        request = ask(session, live, action)
        session.get(RequestRow, request.id).state = state

    waits = state in (RequestState.OPEN, RequestState.APPROVED)
    lasts = state is RequestState.DONE and action == BREAK_GLASS
    assert is_settled(workspace) is not (waits or lasts)


def test_a_note_of_the_base_is_no_evidence(workspace, live, tmp_path, policy):
    proposed(workspace, tmp_path, policy)  # the champion is fetched, and kept
    before = champion_of(workspace, MODEL)
    (before.artifact.path / "config.json").write_text("{}")
    (before.artifact.path.parent / "base.txt").write_text(str(tmp_path))

    after = champion_of(workspace, MODEL)

    assert after.artifact.manifest.digest == before.artifact.manifest.digest
    assert (after.artifact.path / "config.json").read_text() != "{}"
