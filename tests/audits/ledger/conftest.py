"""An empty ledger and a way to fill it."""

import pytest

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.store.database import Store, create_store

ACTOR = "service:pipeline"


@pytest.fixture
def store(tmp_path) -> Store:
    made = create_store(f"sqlite:///{tmp_path / 'gatekeeper.db'}")
    yield made
    made.close()


@pytest.fixture
def fill(store):
    """Return a function that appends ``count`` entries, each in its own transaction."""

    def make(count: int) -> None:
        for number in range(count):
            with store.transaction() as session:
                append(
                    session,
                    type=Event.UPDATE_WITHDRAWN,
                    actor=ACTOR,
                    subject=f"upd-{number}",
                    data={"update_digest": "sha256:" + "1" * 64, "state": "SUBMITTED"},
                )

    return make
