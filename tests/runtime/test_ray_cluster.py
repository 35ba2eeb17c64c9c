"""A real Ray cluster of two nodes on this machine: what it computes is what one machine computes, whatever dies."""

import shutil
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from long_suite import longer
from ray_cluster import ray_cluster
from ray_world import ray_world

from gatekeeper.core.verdict import Outcome
from gatekeeper.runtime.ray.executor import RayExecutor
from gatekeeper.runtime.ray.options import RayOptions
from regression import ModelRef, Session, ShardError, load_suite

pytest.importorskip("ray", reason="the optional Ray is not installed")

# Three clusters, and a dozen processes that import PyTorch: minutes where the machine is shared.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
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


class Kept:
    """Keeps nothing, and does something whenever a shard came back."""

    def __init__(self, *then):
        self.then = list(then)
        self.said = []

    def find(self, name):
        return None

    def keep(self, name, body, *, says=""):
        self.said.append(says)
        if self.then:
            self.then.pop(0)()


@contextmanager
def on(cluster, monkeypatch, **how):
    """Give an executor on a cluster."""
    for name, value in {**cluster.environment, "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    executor = RayExecutor(RayOptions(address=cluster.address, **how))
    try:
        yield executor
    finally:
        executor.close()


@pytest.fixture
def champion(tiny_world):
    return ModelRef(base=tiny_world.base, adapter=tiny_world.champion)


@pytest.fixture
def suite(tiny_world, tmp_path):
    return load_suite(longer(tiny_world.suites["instructions"], tmp_path / "suite.jsonl", 10))


def by(said):
    """Who computed shards."""
    return {each.rpartition(" ")[2] for each in said}


def warm(cluster, monkeypatch, champion, suite):
    """Return once both nodes have an evaluator with the model loaded."""
    kept = Kept()
    with on(cluster, monkeypatch) as executor:
        while len(by(kept.said)) < len(cluster.nodes):
            with Session(None, dtype="float32", executor=executor, keeper=kept) as session:
                session.evaluate(champion, suite)


def test_a_node_is_killed_during_a_run_and_the_run_ends_as_without_a_cluster(
    tmp_path, tiny_world, monkeypatch, capfd, champion, suite
):
    with ray_world(tmp_path / "alone", tiny_world) as alone:
        assert alone.worker().wait() == 0
        expected, numbers, shards = alone.outcome(), answers(alone), alone.shards(REGRESSION)
    with ray_cluster() as cluster, ray_world(tmp_path / "clustered", tiny_world) as world:
        warm(cluster, monkeypatch, champion, suite)
        worker = world.worker(environment=cluster.environment, ray={"address": cluster.address})
        until(lambda: len(by(s for s in world.shards(REGRESSION) if s.startswith("instructions"))) == 2, worker)
        for node in cluster.nodes:
            node.freeze()  # each with a shard, since there are more to be had
        kept = len(world.shards(REGRESSION))
        cluster.nodes[1].kill()
        cluster.nodes[0].thaw()

        assert worker.wait() == 0
        found, found_numbers, found_shards = world.outcome(), answers(world), world.shards(REGRESSION)

    assert expected[1] is Outcome.ADMIT
    assert 0 < kept < len(shards) - 2
    assert "an evaluator was lost" in capfd.readouterr().err, "with the shard that it had"
    assert len(found_shards) == len(shards)
    assert found == expected, "state, verdict, digests of all reports, and every item's line"
    assert found_numbers == numbers, "every log-likelihood and every reply"


def test_driver_evaluator_and_cluster_die_one_after_the_other_and_the_numbers_are_the_same(
    monkeypatch, champion, suite
):
    with Session(None, dtype="float32") as here:
        expected = here.evaluate(champion, suite)
    with ray_cluster(nodes=1) as cluster, on(cluster, monkeypatch, wait_seconds=200.0) as executor:

        def kill_driver():
            executor._driver[0].kill()

        kept = Kept(kill_driver, cluster.nodes[0].kill_evaluators, cluster.restart)

        with Session(None, dtype="float32", executor=executor, keeper=kept) as session:
            found = session.evaluate(champion, suite)

    assert found == expected
    assert len(kept.said) == 10, "every shard came back once"
    # One evaluator survived its driver; the others were killed.
    assert len(by(kept.said)) == 3


def test_a_node_with_another_version_is_refused(tmp_path, monkeypatch, champion, suite):
    for name in ("gatekeeper", "regression", "policies", "audits"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "demo*"))
    with (tmp_path / "regression" / "scoring.py").open("a") as stream:
        stream.write("# another version\n")

    with (
        ray_cluster(nodes=1, paths=(tmp_path,)) as cluster,
        on(cluster, monkeypatch) as executor,
        Session(None, dtype="float32", executor=executor) as session,
        pytest.raises(ShardError, match="another version"),
    ):
        session.evaluate(champion, suite)


def test_where_there_is_no_cluster_nothing_is_computed_instead(champion, suite):
    executor = RayExecutor(RayOptions(address="127.0.0.1:1", wait_seconds=0.5))

    with (
        Session(None, dtype="float32", executor=executor) as session,
        pytest.raises(ShardError, match=r"no evaluator of the Ray cluster at 127\.0\.0\.1:1 for 0\.5 seconds"),
    ):
        session.evaluate(champion, suite)
    executor.close()
