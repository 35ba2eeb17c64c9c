"""Promotions against a real MLflow server through a proxy that fails on demand, and what must be true after each.

The truth about aliases comes from MLflow's own database: a trigger there writes every change down, whoever makes it.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer

from fault_proxy import Fault, FaultProxy
from people import key_of
from quick_world import MODEL, agreed, quick_policy, quick_workspace

from audits.ledger.check import verify_entries
from audits.ledger.events import Event
from audits.passport.check import Where, check_passport
from gatekeeper.core.errors import GatekeeperError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.notary import Notary
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.registry.mlflow_registry import MlflowRegistry
from gatekeeper.registry.port import PASSPORT_TAG
from gatekeeper.store import entries, promotions, requests, updates
from gatekeeper.store.tables import RequestState

POLICY = quick_policy()

_SQLITE = """
CREATE TABLE alias_moves (id INTEGER PRIMARY KEY, name TEXT, alias TEXT, version TEXT);
CREATE TRIGGER alias_made AFTER INSERT ON registered_model_aliases BEGIN
  INSERT INTO alias_moves (name, alias, version) VALUES (NEW.name, NEW.alias, NEW.version); END;
CREATE TRIGGER alias_moved AFTER UPDATE ON registered_model_aliases WHEN NEW.version IS NOT OLD.version BEGIN
  INSERT INTO alias_moves (name, alias, version) VALUES (NEW.name, NEW.alias, NEW.version); END;
CREATE TRIGGER alias_gone AFTER DELETE ON registered_model_aliases BEGIN
  INSERT INTO alias_moves (name, alias, version) VALUES (OLD.name, OLD.alias, NULL); END;
"""

_POSTGRESQL = """
CREATE TABLE alias_moves (id SERIAL PRIMARY KEY, name TEXT, alias TEXT, version TEXT);
CREATE FUNCTION write_alias_move() RETURNS trigger AS $$ BEGIN
  IF TG_OP = 'DELETE' THEN INSERT INTO alias_moves (name, alias, version) VALUES (OLD.name, OLD.alias, NULL);
  ELSIF TG_OP = 'INSERT' OR NEW.version IS DISTINCT FROM OLD.version THEN
    INSERT INTO alias_moves (name, alias, version) VALUES (NEW.name, NEW.alias, NEW.version);
  END IF; RETURN NULL; END $$ LANGUAGE plpgsql;
CREATE TRIGGER alias_moves AFTER INSERT OR UPDATE OR DELETE ON registered_model_aliases
  FOR EACH ROW EXECUTE FUNCTION write_alias_move();
"""


class Truth:
    """MLflow's own tables, read without MLflow."""

    def __init__(self, database: str) -> None:
        """Watch the aliases of this database: a SQLite file or a PostgreSQL address."""
        self.database = database
        if database.startswith("postgresql"):
            import psycopg

            with psycopg.connect(database) as connection:
                connection.execute(_POSTGRESQL)
        else:
            with sqlite3.connect(database, timeout=30) as connection:
                connection.executescript(_SQLITE)

    def _rows(self, query):
        if self.database.startswith("postgresql"):
            import psycopg

            with psycopg.connect(self.database) as connection:
                return connection.execute(query).fetchall()
        with sqlite3.connect(self.database, timeout=30) as connection:
            return connection.execute(query).fetchall()

    def aliases(self):
        """Version of every (model, alias)."""
        found = self._rows("SELECT name, alias, version FROM registered_model_aliases")
        return {(name, alias): str(version) for name, alias, version in found}

    def moves(self):
        """Every version that every (model, alias) was ever pointed to, in order; ``None`` where it was deleted."""
        made = defaultdict(list)
        for name, alias, version in self._rows("SELECT name, alias, version FROM alias_moves ORDER BY id"):
            made[name, alias].append(None if version is None else str(version))
        return dict(made)


@dataclass
class FaultyWorld:
    """An installation, its registry behind a proxy, and the updates that are moved."""

    root: Path
    proxy: FaultProxy
    truth: Truth
    database_url: str | None = None
    signs: Notary | None = None
    model: str = MODEL
    live: str | None = None
    waiting: str | None = None
    """The update that is approved and not live."""
    models: int = 0
    injected: list[tuple[str, int, str, bool, str]] = field(default_factory=list)
    """What was moved, at which request, what went wrong, whether for good, and how it ended."""
    seen: list[str] = field(default_factory=list)
    """Requests of the last move."""
    wrong: list[str] = field(default_factory=list)
    """One sentence for everything that was not as it must be, after the next start."""

    def start(self):
        """Open the installation as a new process does, without settling anything."""
        workspace = quick_workspace(
            self.root, MlflowRegistry(self.proxy.url), signs=self.signs, database_url=self.database_url
        )
        self.signs = workspace.notary
        return workspace

    def settle(self):
        """Start anew against a server that works, and look at everything."""
        workspace = self.start()
        try:
            for _ in range(2):
                recover(workspace)
            found = faults_in(workspace, self.truth)
            found += [f"{self.model}: {fault}" for fault in self._uncovered(workspace)]
        finally:
            workspace.store.close()
        return found

    def _uncovered(self, workspace):
        """What is live has a passport that every verifier accepts."""
        aliases = self.truth.aliases()
        for alias in ("champion", "anchor"):
            if (version := aliases.get((self.model, alias))) is None:
                continue
            tags = workspace.registry.describe(self.model, version).tags
            with workspace.store.reading() as session:
                digest = updates.with_version(session, self.model, version)[-1].manifest_digest
            from gatekeeper.pipeline.revocations import signed_list

            try:
                check_passport(
                    tags.get(PASSPORT_TAG + alias, ""),
                    workspace.notary.trust,
                    subject=digest,
                    revocations=signed_list(workspace),
                    now=datetime.now(UTC),
                    where=Where(registry=workspace.registry.id, model=self.model, version=version, alias=alias),
                )
            except VerificationError as error:
                yield f"version {version} is {alias} and its passport is refused: {error.message}"

    def prepare(self, kind):
        """Make sure that there is something to move in this way; return how to move it, given a workspace."""
        workspace = self.start()
        try:
            if kind == "certify":
                if self.waiting is None:
                    self.models += 1
                    self.model, self.live = f"{MODEL}-{self.models}", None
                    self.waiting = agreed(workspace, self.root, POLICY, first=True, model=self.model)
            elif self.live is None:
                raise AssertionError("nothing is live")
            elif kind == "promote" and self.waiting is None:
                self.waiting = agreed(workspace, self.root, POLICY, model=self.model)
        finally:
            workspace.store.close()
        if kind == "rollback":
            key = key_of("dana")
            return lambda each: rollback(each, self.model, person="dana", policy=POLICY, key=key)
        return lambda each: promote(each, self.waiting, policy=POLICY)

    def took(self, kind, before):
        """Return whether the champion is another version now, and remember what is live."""
        after = self.truth.aliases().get((self.model, "champion"))
        if after == before:
            return False
        if kind == "rollback":
            self.live = "the one before"
        else:
            self.live, self.waiting = self.waiting, None
        return True

    def inject(self, kind, at=0, fault=None, *, forever=False):
        """Move once with this fault, settle, and note what is wrong; return whether the champion moved."""
        move = self.prepare(kind)
        before = self.truth.aliases().get((self.model, "champion"))
        workspace = self.start()
        self.proxy.arm(at, fault, forever=forever)
        patience(1 if fault in {Fault.NO_ANSWER, Fault.LATE} else 60)
        ended = "moved"
        try:
            move(workspace)
        except GatekeeperError as error:
            ended = type(error).__name__
        finally:
            fired = self.proxy.fired
            self.seen = list(self.proxy.seen)
            self.proxy.disarm()
            patience(60)
            workspace.store.close()
        late = self.proxy.deliver()
        name = f"{kind}, request {at}, {fault}{', for good' if forever else ''}"
        self.wrong += [f"{name}: {fault_found}" for fault_found in self.settle()]
        moved = self.took(kind, before)
        if fired or fault is None:
            self.injected.append((kind, at, str(fault), forever, ended + (" (late)" if late and moved else "")))
        return moved, len(self.seen)

    def kill(self, kind, *, at=0, when="before", after=0.0):
        """Kill the process that moves: at a request, by number or name, or after so many seconds; settle and look."""
        move = self.prepare(kind)
        before = self.truth.aliases().get((self.model, "champion"))
        begin, ready = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(begin, 1)  # until the proxy is armed
            try:
                move(self.start())
            finally:
                os._exit(0)

        def end():
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.kill(child, signal.SIGKILL)

        def at_request(number, moment):
            if moment == when and at in (number, self.proxy.seen[number - 1]):
                end()
                return True
            return False

        self.proxy.arm(on_request=at_request if at else None)
        os.write(ready, b"!")
        timer = Timer(after, end)
        if not at:
            timer.start()
        _, status = os.waitpid(child, 0)
        timer.cancel()
        self.seen = list(self.proxy.seen)
        os.close(begin)
        os.close(ready)
        killed = os.WIFSIGNALED(status)
        self.proxy.disarm()
        name = f"{kind}, killed {when} request {at}" if at else f"{kind}, killed after {after:.3f} s"
        if not at:
            self.settle()  # at once, while what was on the wire may still arrive
        self.proxy.idle()
        self.wrong += [f"{name}: {fault}" for fault in self.settle()]
        if killed:
            self.injected.append((kind, at, "kill -9", False, f"{when}" if at else f"{after:.3f} s"))
        return self.took(kind, before)


def patience(seconds):
    """Let MLflow's client wait so long for an answer; it reads this at every call."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(seconds)


def faults_in(workspace, truth):
    """Return one sentence for everything that is not as it must be, in the ledger, the database and the registry."""
    wrong = []
    with workspace.store.reading() as session:
        checked = verify_entries(session)
        wrong += [f"ledger: {fault.text}" for fault in checked.faults]
        leaves = [json.loads(leaf) for leaf in entries.leaves(session, entries.size(session))]
        for row in promotions.all_under_way(session):
            wrong.append(f"promotion {row.id} of {row.alias} is still under way")
        for row in updates.in_state(session, State.PROMOTING):
            wrong.append(f"update {row.id} is still PROMOTING")
        for state in (RequestState.OPEN, RequestState.APPROVED):
            wrong += [f"request {row.id} is still {state}" for row in requests.in_state(session, state)]
        active = defaultdict(list)
        for row in updates.in_state(session, State.ACTIVE):
            active[row.model].append(row.registered_version)
    intended, observed = set(), defaultdict(list)
    for leaf in leaves:
        data = leaf["data"]
        if leaf["type"] == Event.PROMOTION_INTENDED.value:
            intended.add(data["promotion"])
        if leaf["type"] == Event.PROMOTION_OBSERVED.value:
            observed[data["model"], data["alias"]].append(data["version"])
            if data["promotion"] not in intended:
                wrong.append(f"{data['promotion']} was observed and never intended")
    made, aliases = truth.moves(), truth.aliases()
    for place in sorted(made.keys() | observed.keys()):
        if made.get(place, []) != observed.get(place, []):
            wrong.append(f"{place}: moved to {made.get(place)}, observed {observed.get(place)}")
    for model in sorted({name for name, _alias in aliases} | active.keys()):
        live = aliases.get((model, "champion"))
        if active.get(model, []) != ([live] if live else []):
            wrong.append(f"{model}: version {live} is live and {active.get(model)} are ACTIVE")
    return wrong


def steps_of(world, kind):
    """Return how many requests one move makes when nothing goes wrong."""
    moved, steps = world.inject(kind)
    assert moved, world.wrong
    return steps


def plan(steps):
    """Return every step with every fault, and once with a server that stays away, in an order that a seed mixes."""
    cases = [(at, fault, False) for at in range(1, steps + 1) for fault in Fault]
    cases += [(at, (Fault.NO_ANSWER, Fault.DROPPED, Fault.CUT)[at % 3], True) for at in range(1, steps + 1)]
    random.Random(7).shuffle(cases)  # noqa: S311
    return cases
