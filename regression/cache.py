"""What a model answered, by content: one row per item in SQLite.

The key is a digest over everything that could change the answer, so an entry is never stale, only unreachable. An
entry that does not match its own checksum counts as missing. Entries are written batch by batch, so that an
interrupted run continues where it stopped.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regression.errors import RegressionError

FILE = "items.sqlite"
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS items (key TEXT PRIMARY KEY, body TEXT NOT NULL, top BLOB, checksum TEXT NOT NULL)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a model answered to one item, before any judge."""

    numbers: tuple[float, ...] = ()
    """Choices: log-likelihood of each, in nats. Texts: sum over the scored tokens, in nats."""
    counts: tuple[int, ...] = ()
    """Choices: tokens each log-likelihood is the sum over."""
    greedy: tuple[bool, ...] = ()
    """Choices: whether each of its tokens is the likeliest at its place."""
    text: str | None = None
    """The reply, for generated items; the first of several."""
    more: tuple[str, ...] = ()
    """The other replies, where several are drawn."""
    read: int = 0
    """Tokens the model was given."""
    written: int = 0
    """Tokens the model generated, or, for texts, tokens scored."""
    top: bytes | None = None
    """For texts: the largest log-probabilities at each position, see ``regression.drift``."""


def key(parts: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything an answer depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Cache:
    """Outputs by key, in ``folder/items.sqlite``; in memory only when there is no folder."""

    def __init__(self, folder: Path | None) -> None:
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self._rows = self._open(folder)
        except (OSError, sqlite3.OperationalError) as error:
            raise RegressionError(
                f"the item cache in {folder} cannot be opened: {error}.", hint="Name a folder that can be written."
            ) from error

    @staticmethod
    def _open(folder: Path | None) -> sqlite3.Connection:
        path = ":memory:" if folder is None else folder / FILE
        # The session serialises its own use; other processes are kept apart by SQLite.
        rows = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
        try:
            rows.execute("PRAGMA journal_mode=WAL")
            rows.execute("PRAGMA synchronous=NORMAL")
            rows.execute(_SCHEMA)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            rows.close()
            if folder is None:
                raise
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                (folder / name).unlink(missing_ok=True)
            rows = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
            rows.execute("PRAGMA journal_mode=WAL")
            rows.execute(_SCHEMA)
        return rows

    def get(self, key: str) -> Output | None:
        """Return what was stored, or ``None`` when nothing was or it is damaged."""
        try:
            row = self._rows.execute("SELECT body, top, checksum FROM items WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            body, top, checksum = row
            if _checksum(key, body, top) != checksum:
                return None
            fields = json.loads(body)
            return Output(
                numbers=tuple(map(float, fields["numbers"])),
                counts=tuple(map(int, fields["counts"])),
                greedy=tuple(map(bool, fields["greedy"])),
                more=tuple(map(str, fields["more"])),
                text=fields["text"],
                read=int(fields["read"]),
                written=int(fields["written"]),
                top=top,
            )
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, entries: Iterable[tuple[str, Output]]) -> None:
        """Store one batch in one transaction; a cache that cannot be written is no reason to stop."""
        rows = []
        for key, output in entries:
            fields = {
                "numbers": output.numbers,
                "counts": output.counts,
                "greedy": output.greedy,
                "more": output.more,
                "text": output.text,
                "read": output.read,
                "written": output.written,
            }
            body = json.dumps(fields, sort_keys=True)
            rows.append((key, body, output.top, _checksum(key, body, output.top)))
        try:
            self._rows.execute("BEGIN IMMEDIATE")
            self._rows.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", rows)
            self._rows.execute("COMMIT")
        except sqlite3.DatabaseError:
            if self._rows.in_transaction:
                self._rows.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._rows.close()


def _checksum(key: str, body: str, top: bytes | None) -> str:
    return hashlib.sha256(b"\x00".join((key.encode(), body.encode(), top or b""))).hexdigest()
