"""A real MLflow server that fails around the very request that moves the alias; the next start puts it right.

``tests/benchmarks/faults.py`` does this at every request, and kills at random moments too.
"""

import pytest
from fault_proxy import COMMITTED, Fault, fault_proxy
from faulty_world import POLICY, FaultyWorld, Truth
from people import notary

from gatekeeper.registry.address import registry_id
from tests.fakes.mlflow_server import free_port, mlflow_server

SET = "POST /api/2.0/mlflow/registered-models/alias"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An installation its registry behind the proxy."""
    at = tmp_path_factory.mktemp("faults")
    port = free_port()
    signs = notary(at, registry_id(f"http://127.0.0.1:{port}"), POLICY)
    (at / "server").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with (
            mlflow_server(at / "server", f"sqlite:///{at}/registry.db") as url,
            fault_proxy(url, port=port) as proxy,
        ):
            made = FaultyWorld(root=at, proxy=proxy, truth=Truth(f"{at}/registry.db"), signs=signs)
            yield made


@pytest.fixture(scope="module")
def numbers(world):
    """Number of the request that moves an alias, by kind of move, counted while nothing goes wrong."""
    found = {}
    for kind in ("certify", "promote", "rollback"):
        assert world.inject(kind)[0], world.wrong
        found[kind] = [number for number, line in enumerate(world.seen, 1) if line == SET]
    return found


def test_every_fault_around_the_move_converges(world, numbers):
    ended = {}
    for fault in Fault:
        for kind in ("promote", "rollback"):
            ended[kind, fault], _ = world.inject(kind, numbers[kind][0], fault)
            if not ended[kind, fault]:
                assert world.inject(kind)[0], world.wrong

    assert world.wrong == []
    assert {fault for (_kind, fault), moved in ended.items() if moved} == {*COMMITTED, Fault.LATE}


def test_a_server_that_stays_away_after_the_move_is_settled_when_it_is_back(world, numbers):
    moved, _ = world.inject("promote", numbers["promote"][0], Fault.CUT, forever=True)

    assert (moved, world.wrong) == (True, [])
    assert world.inject("rollback")[0]


@pytest.mark.parametrize("nth", [0, 1], ids=["champion", "anchor"])
@pytest.mark.parametrize("fault", [Fault.DROPPED, Fault.CUT, Fault.LATE])
def test_faults_around_a_certification_converge(world, numbers, nth, fault):
    world.inject("certify", numbers["certify"][nth], fault)
    if world.waiting is not None:
        assert world.inject("certify")[0]

    assert world.wrong == []
    assert {alias for (model, alias) in world.truth.aliases() if model == world.model} == {"champion", "anchor"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_at_the_move_is_settled_by_the_next(world, when):
    moved = world.kill("promote", at=SET, when=when)

    assert world.injected[-1][2] == "kill -9"
    assert (moved, world.wrong) == (when == "after", [])
    assert world.inject("rollback" if moved else "promote")[0]
