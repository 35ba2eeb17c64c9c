"""One suite on this machine alone and on a Ray cluster of several nodes here: the same bits, and what it costs.

Three rounds on the cluster: its evaluators start; they have the model loaded; one node, or with a single node its
evaluator, is killed in the middle. Every round has to give the items of the machine alone.

    python tests/benchmarks/ray_evaluation.py [--model DIR] [--suite FILE] [--items N] [--nodes N] [--gpus 0|1]

Without a model the tests' tiny one is built and asked its instructions. With ``--gpus 1`` every node has one GPU, the
machine needs as many, and evaluators compute on them.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fakes")]


class Watch:
    """Keeps nothing; does something when so many shards came back."""

    def __init__(self, after, then):
        self.after, self.then, self.by = after, then, []

    def find(self, name):
        return None

    def keep(self, name, body, *, says=""):
        self.by.append(says.rpartition(" ")[2])
        if len(self.by) == self.after:
            self.then()


def asked(told, folder):
    """Return the model and the suite."""
    from long_suite import longer
    from tiny_model import build_tiny_world

    from regression import ModelRef, limited, load_suite, make_suite

    if told.model is None:
        world = build_tiny_world(folder / "world")
        ref = ModelRef(base=world.base, adapter=world.champion)
        return ref, load_suite(longer(world.suites["instructions"], folder / "suite.jsonl", 20))
    suite = limited(load_suite(told.suite), told.items)
    rows = [item.row for item in suite.items]
    return ModelRef(base=told.model), make_suite(load_suite(told.suite).header, rows, source=folder / "suite.jsonl")


def measured(way, ref, suite, *, dtype, executor=None, after=0, then=lambda: None, expected=None):
    """Evaluate, print a line, and return the items and the number of shards."""
    from regression import Session

    keeper = Watch(after, then)
    began = time.perf_counter()
    with Session(None, dtype=dtype, executor=executor, keeper=keeper) as session:
        found = session.evaluate(ref, suite)
        device = session.device
    seconds = time.perf_counter() - began
    shards, evaluators = len(keeper.by), len(set(keeper.by)) if executor else 1
    line = {"way": way, "device": device, "seconds": round(seconds, 2), "items": len(found.items), "shards": shards}
    more = {} if expected is None else {"same bits": found.items == expected}
    print(json.dumps({**line, "evaluators": evaluators, **more}), flush=True)
    return found.items, shards


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--suite", default="builtin:knowledge")
    parser.add_argument("--items", type=int, default=10**9)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--gpus", type=int, default=0, choices=[0, 1], help="of every node")
    parser.add_argument("--dtype", default="bfloat16")
    told = parser.parse_args()
    if told.gpus == 0:
        os.environ.update({"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""})
    import torch

    if told.gpus and torch.cuda.device_count() < told.nodes:
        raise SystemExit(f"{told.nodes} nodes with a GPU each, and {torch.cuda.device_count()} CUDA devices here.")
    from ray_cluster import ray_cluster

    from gatekeeper.runtime.ray.executor import RayExecutor
    from gatekeeper.runtime.ray.options import RayOptions

    with tempfile.TemporaryDirectory() as folder:
        ref, suite = asked(told, Path(folder))
        how = {"dtype": told.dtype}
        expected, shards = measured("alone", ref, suite, **how)
        if shards < 2:
            raise SystemExit("The suite is one shard, so nothing can be killed in its middle: give a longer one.")
        how["expected"] = expected
        with ray_cluster(nodes=told.nodes, gpus=told.gpus) as cluster:
            os.environ.update(cluster.environment)
            executor = RayExecutor(RayOptions(address=cluster.address, wait_seconds=300))
            how["executor"] = executor
            rounds = [measured("cluster, cold", ref, suite, **how), measured("cluster, loaded", ref, suite, **how)]
            doomed = cluster.nodes[-1]
            kill = doomed.kill if told.nodes > 1 else doomed.kill_evaluators
            after = min(3, shards - 1)
            rounds.append(measured("cluster, one killed", ref, suite, after=after, then=kill, **how))
            executor.close()
    same = [items == expected for items, _ in rounds]
    print(json.dumps({"same bits": same}))
    raise SystemExit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
