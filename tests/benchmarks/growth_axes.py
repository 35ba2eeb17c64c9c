"""The four axes of ``growth.py``: what is filled to a size, and which real calls are timed over it."""

import json
import random
import tempfile
import time
from pathlib import Path

from growth_filling import many_updates, row_file
from ledger_speed import filled
from prometheus_client import CollectorRegistry, generate_latest
from quick_world import MODEL, proposed, quick_policy, quick_workspace, weights
from registry import FakeRegistry
from service_world import World

from audits.ledger import proofs
from audits.ledger.check import verify_entries
from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.gate import Resources
from gatekeeper.gates.catalogue import discover
from gatekeeper.intake.rows import open_rows
from gatekeeper.pipeline import run
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.verify import verify_alias
from gatekeeper.runtime.exposition import Installation
from gatekeeper.runtime.readings import Readings
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.store import updates
from gatekeeper.store.database import create_store

SEED = 20261126


def times(repeats, call):
    """Return how long each of so many calls took, after one that is not counted."""
    call()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return found


def by_updates(size, repeats):
    """Everyday calls over an installation with so many updates of one model, seven in ten of them former champions."""
    with tempfile.TemporaryDirectory() as folder:
        root, policy = Path(folder), quick_policy()
        workspace = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
        world = World(workspace, root, policy)
        world.live()
        update = world.updated()
        many_updates(workspace, size)
        names = iter(weights(root) for _ in range(10_000))

        def proposal():
            return Proposal(name="an update", model=MODEL, artifact=next(names), data=None, submitter="zelda")

        def queue():
            StoredRuntime(workspace.store).enqueue(run.propose(workspace, proposal(), policy).id, policy)

        def scrape():
            registry = CollectorRegistry()
            readings = Readings(workspace.store)
            registry.register(Installation(readings, gates=frozenset(), by_model=True))
            return readings, registry

        def first_scrape():
            generate_latest(scrape()[1])

        readings, registry = scrape()

        def next_scrape():
            readings._again = 0.0  # as if it were not fresh any more
            generate_latest(registry)

        def latest():
            with workspace.store.reading() as session:
                updates.latest(session)

        found = {
            "propose": times(repeats, lambda: run.propose(workspace, proposal(), policy)),
            "propose and queue": times(repeats, queue),
            "check": times(repeats, lambda: proposed(workspace, root, policy)),
            "list, newest 50": times(repeats, latest),
            "GET /v1/updates": times(repeats, lambda: world.ola.get("/v1/updates", params={"limit": 50})),
            "GET one update": times(repeats, lambda: world.ola.get(f"/v1/updates/{update}")),
            "GET its model": times(repeats, lambda: world.ola.get(f"/v1/models/{MODEL}")),
            "settle at a command's start": times(repeats, lambda: (recover(workspace), lapse(workspace))),
            "verify the alias": times(repeats, lambda: verify_alias(workspace, MODEL, "champion")),
            "figures, first reading": times(repeats, first_scrape),
            "figures, later reading": times(repeats, next_scrape),
            "propose to promotion, over HTTP": times(repeats, world.updated),
        }
        workspace.store.close()
    return found


def by_ledger(size, repeats):
    """The ledger's own calls."""
    dice = random.Random(SEED)  # noqa: S311  # which entries are proved
    data = {"update_digest": "sha256:" + "1" * 64, "state": "SUBMITTED"}
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(f"sqlite:///{Path(folder) / 'ledger.db'}")
        filled(store, size)

        def add():
            with store.transaction() as session:
                append(session, type=Event.UPDATE_WITHDRAWN, actor="service:bench", subject="upd-x", data=data)

        def read(call):
            def reading():
                with store.reading() as session:
                    call(session)

            return reading

        found = {
            "append": times(20 * repeats, add),
            "inclusion proof": times(repeats, read(lambda session: proofs.prove(session, dice.randrange(size), size))),
            "consistency proof": times(
                repeats, read(lambda session: proofs.consistency(session, dice.randrange(1, size), size))
            ),
            "root for a checkpoint": times(repeats, read(lambda session: proofs.root_at(session, size))),
            "verify all of it": times(1, read(verify_entries))
            if size >= 100_000
            else times(repeats, read(verify_entries)),
        }
        store.close()
    return found


_ROW_GATES = {"data/schema": 1_000_000, "data/sources": 1_000_000, "data/secrets": 10_000, "data/poison": 100_000}
"""Gates that need no model, and how many rows each is measured with at most."""


def by_rows(size, repeats):
    """Reading rows, and gates over them."""
    from gatekeeper.core.gate import GateContext, SilentProgress
    from gatekeeper.core.update import Provenance, Update
    from gatekeeper.intake.artifact import read_artifact
    from gatekeeper.intake.rows import read_training_data

    once = 1 if size >= 100_000 else repeats
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file = row_file(root / "rows.jsonl", size)
        found = {
            "read every row": times(once, lambda: sum(1 for _ in open_rows(file))),
            "hash and describe": times(once, lambda: read_training_data(file)),
        }
        candidate = read_artifact(weights(root), None)
        update = Update(
            id="upd-0",
            name="growth",
            model=MODEL,
            candidate=candidate,
            data=read_training_data(file),
            provenance=Provenance(),
        )
        catalogue = discover()
        for gate_id, most in _ROW_GATES.items():
            if size > most:
                continue

            def measure(gate_id=gate_id):
                workdir = root / f"work-{time.monotonic_ns()}"
                workdir.mkdir()
                context = GateContext(
                    update=update,
                    champion=None,
                    anchor=None,
                    rows=open_rows(file),
                    workdir=workdir,
                    seed=SEED,
                    resources=Resources(),
                    progress=SilentProgress(),
                    history=None,
                )
                return catalogue[gate_id](context)

            began = time.process_time()
            report = measure()
            found[gate_id] = [time.process_time() - began]
            if report.status.value != "measured":
                raise SystemExit(f"{gate_id} at {size}: {report}")
    return found


def by_items(size, repeats):
    """One suite: scoring it with a model of a million parameters, and the paired statistics of its scores."""
    from tiny_model import build_tiny_world

    from regression import ModelRef, Session, compare_scores, limited, make_suite

    dice = random.Random(SEED)  # noqa: S311  # scores of a benchmark
    champion = [float(dice.random() < 0.8) for _ in range(size)]
    candidate = [1 - each if dice.random() < 0.03 else each for each in champion]
    clusters = [f"template-{number // 5}" for number in range(size)]
    found = {"paired statistics": times(repeats, lambda: compare_scores(candidate, champion, clusters))}
    if size > MOST_SCORED:
        return found
    world = build_tiny_world(Path(tempfile.gettempdir()) / "gatekeeper-growth-world")
    known = [json.loads(line) for line in world.suites["knowledge"].read_text(encoding="utf-8").splitlines()[1:]]
    header = {"suite": "growth", "version": 1, "kind": "choice", "about": "For growth.", "licence": "Apache-2.0"}
    rows = [{**known[number % len(known)], "id": f"item-{number}"} for number in range(size)]
    for number, row in enumerate(rows):
        row["prompt"] = f"{row['prompt']} {number // len(known)}"
    suite = make_suite(header, rows, source=Path("growth.jsonl"))
    with Session(None, dtype="float32") as session:
        session.evaluate(ModelRef(base=world.base), limited(suite, 2))  # what is loaded once is not counted
        began = time.process_time()
        session.evaluate(ModelRef(base=world.base), suite)
        found["score every item"] = [time.process_time() - began]
    return found


MOST_SCORED = 10_000
AXES = {"updates": by_updates, "ledger": by_ledger, "rows": by_rows, "items": by_items}
