"""A real Ray cluster of two nodes on this machine: what it computes is what one machine computes, whatever dies."""

import sqlite3
import time

import pytest
from ray_cluster import ray_cluster
from ray_world import ray_world

from gatekeeper.core.verdict import Outcome

pytest.importorskip("ray", reason="the optional Ray is not installed")

REGRESSION = "behaviour/regression"


def answers(world):
    """Everything the models answered, number by number, by what each answer depends on."""
    with sqlite3.connect(world.root / "cache" / "items" / "items.sqlite") as rows:
        return dict(rows.execute("SELECT key, body FROM items"))


def until(what, process):
    """Wait for something while a process works on it."""
    while not what():
        assert process.poll() is None, "the worker ended too early"
        time.sleep(0.02)


def computed_by(world, node):
    """Whether a node has computed a shard."""
    return {shard.rpartition(" ")[2] for shard in world.shards()} & {str(pid) for pid in node.evaluators()}


def test_a_node_is_killed_during_a_run_and_the_run_ends_as_without_a_cluster(tmp_path, tiny_world):
    with ray_world(tmp_path / "alone", tiny_world) as alone:
        assert alone.worker().wait() == 0
        expected, numbers, shards = alone.outcome(), answers(alone), alone.shards(REGRESSION)
    with ray_cluster() as cluster, ray_world(tmp_path / "clustered", tiny_world) as world:
        doomed = cluster.nodes[1]
        worker = world.worker(environment=cluster.environment, ray={"address": cluster.address})
        until(lambda: computed_by(world, doomed), worker)
        doomed.freeze()
        # The other node does everything but the one shard that stands still.
        until(lambda: len(world.shards(REGRESSION)) >= len(shards) - 1, worker)
        kept = len(world.shards(REGRESSION))
        doomed.kill()

        assert worker.wait() == 0
        found, found_numbers, found_shards = world.outcome(), answers(world), world.shards(REGRESSION)

    assert expected[1] is Outcome.ADMIT
    assert kept == len(shards) - 1
    assert len(found_shards) == len(shards)
    assert found == expected, "state, verdict, digests of all reports, and every item's line"
    assert found_numbers == numbers, "every log-likelihood and every reply"
