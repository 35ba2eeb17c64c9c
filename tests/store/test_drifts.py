"""Drifts and watches: found once, over once, and nothing where there is nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from gatekeeper.core.errors import StateError
from gatekeeper.store import drifts, models, watches
from gatekeeper.store.drifts import ClearedBy
from gatekeeper.store.tables import DriftKind

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MOVED = {
    "kind": DriftKind.ALIAS_MOVED,
    "registry_id": "mlflow:1",
    "model": "helper",
    "alias": "champion",
    "version": "2",
    "observed": "3",
}
WHERE = {"registry_id": "mlflow:1", "model": "helper", "version": "2"}


@pytest.fixture(autouse=True)
def _known(store):
    with store.transaction() as session:
        models.ensure_model(session, "helper")


def test_an_open_drift_is_found_again_by_exactly_what_it_says(store):
    with store.transaction() as session:
        made = drifts.add(session, **MOVED, now=NOW)

    with store.reading() as session:
        assert drifts.find_open(session, **MOVED).id == made.id
        assert drifts.find_open(session, **{**MOVED, "observed": "4"}) is None
        assert drifts.find_open(session, **{**MOVED, "observed": None}) is None
        assert drifts.find_open(session, **{**MOVED, "registry_id": "mlflow:2"}) is None


def test_a_drift_without_an_alias_is_found_again_too(store):
    deleted = {**MOVED, "kind": DriftKind.VERSION_DELETED, "alias": None, "observed": None}
    with store.transaction() as session:
        made = drifts.add(session, **deleted, now=NOW)

    with store.reading() as session:
        assert drifts.find_open(session, **deleted).id == made.id


def test_what_is_over_is_open_no_more_and_cannot_end_twice(store):
    with store.transaction() as session:
        made = drifts.add(session, **MOVED, now=NOW)
        drifts.clear(session, made.id, by=ClearedBy.RESTORED, now=NOW)

    with store.reading() as session:
        assert drifts.find_open(session, **MOVED) is None
        assert drifts.all_open(session, registry_id="mlflow:1") == []
    with pytest.raises(StateError, match="no open drift"), store.transaction() as session:
        drifts.clear(session, made.id, by=ClearedBy.GONE, now=NOW)


def test_open_drifts_come_oldest_first_and_of_the_models_asked_for(store):
    with store.transaction() as session:
        models.ensure_model(session, "other")
        late = drifts.add(session, **MOVED, now=NOW + timedelta(hours=1))
        early = drifts.add(session, **{**MOVED, "model": "other"}, now=NOW)

    with store.reading() as session:
        assert [row.id for row in drifts.all_open(session, registry_id="mlflow:1")] == [early.id, late.id]
        assert [row.id for row in drifts.all_open(session, registry_id="mlflow:1", models={"helper"})] == [late.id]
        assert drifts.all_open(session, registry_id="mlflow:2") == []


def test_a_version_that_was_never_hashed_is_nothing(store):
    with store.reading() as session:
        assert watches.find(session, **WHERE) is None
        assert watches.last_hashed(session, registry_id="mlflow:1") is None


@pytest.mark.parametrize("fingerprint", ["sha256:" + "1" * 64, None])
def test_the_newest_hash_of_a_version_is_kept(store, fingerprint):
    for hours in (0, 1):
        with store.transaction() as session:
            watches.hashed(session, **WHERE, fingerprint=fingerprint, now=NOW + timedelta(hours=hours))

    with store.reading() as session:
        kept = watches.find(session, **WHERE)
        assert (kept.fingerprint, kept.hashed) == (fingerprint, NOW + timedelta(hours=1))
        assert watches.last_hashed(session, registry_id="mlflow:1") == NOW + timedelta(hours=1)
