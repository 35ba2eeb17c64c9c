"""What one update costs databases and disk, from proposal to promotion, with a real model of a million parameters.

A project as a person sets it up, over SQLite; the update is queued and a worker of this process evaluates it. Commits
are counted by database; bytes are what the tables and folders hold afterwards and did not before.

Run with ``python -m tests.benchmarks.one_update``.
"""

import contextlib
import io
import json
import os
import sqlite3
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from sqlalchemy import Engine, event
from tiny_model import build_tiny_world
from tiny_policy import tiny_policy_text

from gatekeeper.cli.main import run

MODEL = "tiny"


def call(*words):
    """Run one command; return its JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = run([*map(str, words), "--json"])
    if code != 0:
        raise SystemExit(f"{words}: {code}: {said.getvalue()}")
    return json.loads(said.getvalue())


def quietly(*words):
    """Run one command that prints nothing to read."""
    if (code := run([*map(str, words)])) != 0:
        raise SystemExit(f"{words}: {code}")


def held(home):
    """Return what the project holds, in bytes and entries."""
    with contextlib.closing(sqlite3.connect(home / "gatekeeper.db")) as database:
        (entries,) = database.execute("SELECT size FROM ledger_head").fetchone()
        (reports,) = database.execute("SELECT coalesce(sum(length(report)), 0) FROM reports").fetchone()
        (leaves,) = database.execute("SELECT sum(length(leaf)) FROM ledger_entries").fetchone()
        (whole,) = database.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ).fetchone()
    found = {"ledger entries": entries, "leaves, bytes": leaves, "reports, bytes": reports, "database, bytes": whole}
    for folder in ("intake", "evidence", "passports", "artifacts"):
        found[f"{folder}/, bytes"] = sum(path.stat().st_size for path in (home / folder).rglob("*") if path.is_file())
    return found


def main():
    world = build_tiny_world(Path(tempfile.gettempdir()) / "gatekeeper-growth-world")
    commits = Counter()
    event.listen(
        Engine, "commit", lambda connection: commits.update([Path(connection.engine.url.database or "").name])
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {
            "GATEKEEPER_ACTOR": "zelda",
            "GATEKEEPER_KEYS_DIR": f"{folder}/keys",
            "GATEKEEPER_CACHE_DIR": f"{folder}/cache",
            "GATEKEEPER_DTYPE": "float32",
        }
        quietly("init")
        Path("policy.yaml").write_text(tiny_policy_text(world.suites), encoding="utf-8")
        keys = {name: call("key", "create", "--as", name)["key"] for name in ("dana", "kim")}
        people = "".join(f'[people.{name}]\nroles = ["approver"]\nkey = "{key}"\n' for name, key in keys.items())
        Path("principals.toml").write_text(f'[people.zelda]\nroles = ["submitter"]\n{people}', encoding="utf-8")
        quietly("trust", "pin")
        first = call("certify", "--model", MODEL, "--update", world.champion, "--base", world.base)["updates"][0]["id"]
        for name in ("dana", "kim"):
            quietly("approve", first, "--as", name)
        quietly("promote", first)
        before, phases = held(Path(".gatekeeper")), {}

        def phase(name, *words):
            commits.clear()
            found = call(*words) if name == "propose and queue" else quietly(*words)
            phases[name] = dict(commits)
            return found

        told = ("--model", MODEL, "--update", world.benign, "--data", world.rows["benign"], "--queue")
        update = phase("propose and queue", "check", *told)["update"]
        phase("evaluate", "worker", "--until-idle")
        phase("approve", "approve", update, "--as", "dana")
        phase("promote", "promote", update)
        after = held(Path(".gatekeeper"))
    print("| commits | " + " | ".join(phases) + " |")
    print("|---" * (len(phases) + 1) + "|")
    for database in ("gatekeeper.db", "runtime.db", "mlflow.db"):
        print(f"| {database} | " + " | ".join(str(phases[name].get(database, 0)) for name in phases) + " |")
    print("\n| one update | |\n|---|---|")
    for name, value in after.items():
        print(f"| {name} | {value - before[name]:,} |")
    rows = sum(1 for _ in world.rows["benign"].open(encoding="utf-8"))
    print(f"\n{rows} training rows, candidate {sum(p.stat().st_size for p in world.benign.iterdir()):,} bytes.")


if __name__ == "__main__":
    main()
