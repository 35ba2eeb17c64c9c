"""What the database, the ledger and people's signatures say, read without the program: plain SQL, plain JSON.

A journal of every change of state is written by triggers of the database itself.
"""

import base64
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc8785
from cryptography.exceptions import InvalidSignature
from people import key_of

_JOURNAL = """
CREATE TABLE journal (
  n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, id TEXT, place TEXT, state_before TEXT, state_after TEXT
);
CREATE TRIGGER update_made AFTER INSERT ON updates BEGIN
  INSERT INTO journal (what, id, state_after) VALUES ('update', NEW.id, NEW.state); END;
CREATE TRIGGER update_moved AFTER UPDATE OF state ON updates WHEN NEW.state IS NOT OLD.state BEGIN
  INSERT INTO journal (what, id, state_before, state_after) VALUES ('update', NEW.id, OLD.state, NEW.state); END;
CREATE TRIGGER update_gone AFTER DELETE ON updates BEGIN
  INSERT INTO journal (what, id, state_before) VALUES ('update', OLD.id, OLD.state); END;
CREATE TRIGGER request_made AFTER INSERT ON requests BEGIN
  INSERT INTO journal (what, id, state_after) VALUES ('request', NEW.id, NEW.state); END;
CREATE TRIGGER request_moved AFTER UPDATE OF state ON requests WHEN NEW.state IS NOT OLD.state BEGIN
  INSERT INTO journal (what, id, state_before, state_after) VALUES ('request', NEW.id, OLD.state, NEW.state); END;
CREATE TRIGGER promotion_made AFTER INSERT ON promotions BEGIN
  INSERT INTO journal (what, id, place, state_after)
  VALUES ('promotion', NEW.id, NEW.registry_id || ' ' || NEW.model || ' ' || NEW.alias, NEW.state); END;
CREATE TRIGGER promotion_moved AFTER UPDATE OF state ON promotions WHEN NEW.state IS NOT OLD.state BEGIN
  INSERT INTO journal (what, id, place, state_before, state_after)
  VALUES ('promotion', NEW.id, NEW.registry_id || ' ' || NEW.model || ' ' || NEW.alias, OLD.state, NEW.state); END;
"""

_QUERIES = {
    "updates": "SELECT * FROM updates",
    "runs": "SELECT * FROM runs",
    "reports": "SELECT * FROM reports",
    "verdicts": "SELECT * FROM verdicts",
    "approvals": "SELECT * FROM approvals",
    "requests": "SELECT * FROM requests",
    "request_decisions": "SELECT * FROM request_decisions",
    "promotions": "SELECT * FROM promotions",
    "people": "SELECT * FROM people",
}


def keep_journal(database):
    """Let a SQLite database write down every change of state from now on."""
    with sqlite3.connect(database) as connection:
        connection.executescript(_JOURNAL)
    connection.close()


def moment(text):
    """Return a moment as SQLite keeps it, or as a leaf or a decision writes it."""
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def digest(value):
    """Return the digest of a JSON value."""
    return "sha256:" + hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def signed_by(envelope, name):
    """Return the decision that a person's own key signed, or ``None``: DSSE, checked by hand."""
    told = json.loads(envelope)
    (signature,) = told["signatures"]
    payload, kind = base64.b64decode(told["payload"]), told["payloadType"].encode()
    text = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    try:
        key_of(name).public_key().verify(base64.b64decode(signature["sig"]), text)
    except InvalidSignature:
        return None
    return json.loads(payload)


@dataclass
class Reading:
    """Everything that is kept, at one moment."""

    tables: dict
    """Rows of a table, by its name."""
    leaves: list
    """The ledger's leaves as bytes, in order."""
    journal: list
    """Changes of state since the last reading, in order."""

    def __post_init__(self):
        self.updates = {row["id"]: row for row in self.tables["updates"]}
        self.runs = {row["id"]: row for row in self.tables["runs"]}
        self.requests = {row["id"]: row for row in self.tables["requests"]}
        self.names = {row["pseudonym"]: row["display_name"] for row in self.tables["people"]}
        self.verdicts = {row["run_id"]: row for row in self.tables["verdicts"]}

    def reports(self, run):
        """Return the reports of a run, by gate."""
        return {row["gate"]: row for row in self.tables["reports"] if row["run_id"] == run}

    def latest_run(self, update):
        """Return the newest run of an update, or ``None``."""
        own = [row for row in self.tables["runs"] if row["update_id"] == update]
        return max(own, key=lambda row: (row["started"], row["id"]), default=None)

    def decisions(self, table, **about):
        """Return decisions about something."""
        return [row for row in self.tables[table] if all(row[name] == value for name, value in about.items())]

    def moves(self, update):
        """Return the attempts to move an alias to an update."""
        return [row for row in self.tables["promotions"] if row["update_id"] == update]

    def trainer(self, update):
        """Return who trained an update, as its proposer said."""
        return json.loads(self.updates[update]["provenance"]).get("trainer") or ""


class Reader:
    """Reads one SQLite database on a connection of its own."""

    def __init__(self, database):
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._leaves = []
        self._journal = 0

    def close(self):
        self._connection.close()

    def _rows(self, query, *values):
        return [dict(row) for row in self._connection.execute(query, values)]

    def read(self):
        """Return everything, in one snapshot.

        Raises:
            AssertionError: a leaf that was there is another one now, or is gone.
        """
        self._connection.execute("BEGIN")
        try:
            tables = {name: self._rows(query) for name, query in _QUERIES.items()}
            leaves = [row["leaf"] for row in self._rows("SELECT leaf FROM ledger_entries ORDER BY seq")]
            (head,) = self._rows("SELECT size FROM ledger_head")
            journal = self._rows("SELECT * FROM journal WHERE n > ? ORDER BY n", self._journal)
        finally:
            self._connection.execute("COMMIT")
        assert leaves[: len(self._leaves)] == self._leaves, "an entry of the ledger was changed or removed"
        assert head["size"] == len(leaves), "the ledger's head is not its length"
        self._leaves = leaves
        self._journal = journal[-1]["n"] if journal else self._journal
        return Reading(tables=tables, leaves=leaves, journal=journal)

    def state_of(self, update):
        """Return the present state of an update, or ``None``."""
        found = self._rows("SELECT state FROM updates WHERE id = ?", update)
        return found[0]["state"] if found else None

    def change(self, statement, *values):
        """Change something as somebody with the database's own tools does."""
        self._connection.execute(statement, values)

    def one(self, query, *values):
        """Return the first row of a query, or ``None``."""
        found = self._rows(query, *values)
        return found[0] if found else None
