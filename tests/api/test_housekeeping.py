"""Beside answering, a service removes what is too old, and carries the database's log over."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from service_world import World

from api import housekeeping as beside
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import StoreError
from gatekeeper.pipeline.remind import Patience
from gatekeeper.store import answers
from gatekeeper.store.answers import Kept

NOW = datetime.now(UTC)
DANA = "person:" + "d" * 64
REQUEST = sha256_bytes(b"asked")
ANSWER = Kept(status=200, media=None, headers={}, body=b"{}")


def kept(session, key, until):
    answers.put(session, holder=DANA, key=key, request=REQUEST, answer=ANSWER, begun=NOW, until=until)


def test_answers_go_with_their_time(world: World):
    store = world.workspace.store
    with store.transaction() as session:
        kept(session, "old", NOW - timedelta(seconds=1))
        kept(session, "young", NOW + timedelta(hours=1))

    beside.tidy(world.app.state.service, Patience())

    early = NOW - timedelta(hours=1)
    with store.reading() as session:
        assert answers.known(session, holder=DANA, key="old", request=REQUEST, now=early) is None
        assert answers.known(session, holder=DANA, key="young", request=REQUEST, now=early).kept == ANSWER


@pytest.mark.parametrize("fails", [False, True])
def test_the_log_is_carried_over_again_and_again_whatever_happens(world: World, monkeypatch, fails):
    monkeypatch.setattr(beside, "_CARRIED_EVERY", 0.01)
    rounds, often = [], threading.Event()

    def carry_over():
        rounds.append(1)
        if len(rounds) == 3:
            often.set()
        if fails:
            raise StoreError("The disk is full.")

    monkeypatch.setattr(world.workspace.store, "carry_over", carry_over)

    with beside.housekeeping(world.app.state.service, Patience(), every=60):
        assert often.wait(30)
    assert not any(thread.name == "carry-over" for thread in threading.enumerate())
