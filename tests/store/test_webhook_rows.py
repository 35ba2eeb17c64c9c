"""Endpoints, deliveries, versions taken and webhooks received, on both databases and from many threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.errors import StateError
from gatekeeper.core.update import Artifact, Manifest, Update, UpdateKind
from gatekeeper.store import entries, intakes, updates, webhooks
from gatekeeper.store.intakes import Key
from gatekeeper.store.tables import IntakeState

SUBMITTER = "person:" + "b" * 64
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = "person:" + "a" * 64


def an_update(id):
    artifact = Artifact(path=Path("/a"), base=None, kind=UpdateKind.FULL_WEIGHTS, manifest=Manifest(entries=()))
    return Update(id=id, name="a try", model="helper", candidate=artifact, data=None)


def everything(entry_type, leaf):
    return ("first", "second") if entry_type == Event.UPDATE_WITHDRAWN else ()


def happen(store, times=1):
    for _ in range(times):
        with store.transaction() as session:
            append(
                session,
                type=Event.UPDATE_WITHDRAWN,
                actor="service:gatekeeper",
                subject="upd-1",
                data={"update_digest": None, "state": None},
            )


def endpoint(store, events=("first",)):
    with store.transaction() as session:
        size = entries.size(session)
        return webhooks.add_endpoint(
            session, url="https://x.example/", events=events, made_by=ADA, after=size, now=NOW
        ).id


def at_once(act, times=8):
    """Do something in many threads at the same moment; return what came of it."""
    ready = threading.Barrier(times)

    def one(number):
        ready.wait()
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_many_who_fan_out_at_once_make_every_delivery_once(store):
    ours = endpoint(store, ("first", "second"))
    happen(store, 5)

    def fan_out(number):
        with store.transaction() as session:
            return webhooks.fan_out(session, everything, now=NOW, at_once=2)

    for _ in range(3):
        at_once(fan_out)

    with store.reading() as session:
        made = webhooks.deliveries(session, ours)
    assert len(made) == 10
    assert len({(row.seq, row.event) for row in made}) == 10
    assert len({row.message for row in made}) == 10  # one id for each event of each entry


def test_many_who_claim_at_once_get_one_delivery_of_an_endpoint_between_them(store):
    ours = endpoint(store)
    happen(store, 3)
    with store.transaction() as session:
        webhooks.fan_out(session, everything, now=NOW)

    def claim(number):
        with store.transaction() as session:
            found = webhooks.claim(session, lease=f"lease-{number}", now=NOW, lasts=HOUR)
        return None if found is None or found[1].id != ours else found[0].id

    claimed = [each for each in at_once(claim) if each is not None]

    assert len(claimed) == 1
    with store.transaction() as session:
        webhooks.drop_pending(session, ours)


def test_many_who_claim_a_version_at_once_are_one(store):
    key = Key(registry_id="mlflow:0", model="helper", version="7", created_ms=1)

    def claim(number):
        with store.transaction() as session:
            return intakes.claim(session, key, now=NOW, patience=HOUR).mine

    assert len([each for each in at_once(claim) if each is not None]) == 1


def test_an_update_is_taken_from_nobody_who_lost_the_claim(store):
    key = Key(registry_id="mlflow:0", model="helper", version="8", created_ms=1)
    with store.transaction() as session:
        slow = intakes.claim(session, key, now=NOW, patience=HOUR).mine
    with store.transaction() as session:
        quick = intakes.claim(session, key, now=NOW + 2 * HOUR, patience=HOUR).mine
        updates.add(session, an_update("upd-00000000000000b1"), submitter=SUBMITTER)
        intakes.became(session, key, quick, "upd-00000000000000b1", now=NOW)

    def too_late():
        with store.transaction() as session:
            updates.add(session, an_update("upd-00000000000000b2"), submitter=SUBMITTER)
            intakes.became(session, key, slow, "upd-00000000000000b2", now=NOW)

    with pytest.raises(StateError):
        too_late()

    with store.reading() as session:
        assert updates.find(session, "upd-00000000000000b2") is None
        assert intakes.find(session, key).state is IntakeState.PROPOSED


def test_a_delivery_is_received_once_and_forgotten_at_last(store):
    def receive(number, now=NOW):
        with store.transaction() as session:
            return intakes.receive(session, "delivery-1", now=now, kept=HOUR)

    assert sum(at_once(receive)) == 1
    assert receive(0, NOW + 2 * HOUR)
