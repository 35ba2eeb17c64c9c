"""What a witness remembers: for each log, the last checkpoint it cosigned. One JSON file, one process.

A change is on the disk before :meth:`WitnessState.remember` returns: draft, fsync, rename, fsync of the folder. A
lock beside the file keeps a second process out for as long as the first one lives. A file that is missing is never
taken for an empty one: a witness that forgets would cosign a rewritten log.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from audits.ledger.checkpoint import Checkpoint, parse_checkpoint
from audits.ledger.note import parse_note
from gatekeeper.core.errors import StateError, UsageError, VerificationError

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last checkpoint of one log."""

    checkpoint: Checkpoint
    note: str
    """The checkpoint as the log and the witness signed it."""


def create_state(path: Path) -> None:
    """Write an empty state where there is none.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write(path, {})
    except OSError as error:
        raise UsageError(
            f"The witness's state {path} cannot be written: {error.strerror}.", hint="Choose a folder of its own."
        ) from error


class WitnessState:
    """The open state file; close it to let another process have it."""

    def __init__(self, path: Path, lock: int, logs: dict[str, Seen]) -> None:
        self._path = path
        self._lock = lock
        self._logs = logs

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take the file for this process.

        Raises:
            StateError: another process has it.
            UsageError: it is missing or cannot be read.
        """
        lock = _take(path)
        try:
            return cls(path, lock, _read(path))
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Let the file go."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def last(self, origin: str) -> Seen | None:
        """Return what was cosigned last of a log; ``None`` when nothing was."""
        return self._logs.get(origin)

    def remember(self, seen: Seen) -> None:
        """Keep a checkpoint in place of the log's last one.

        Raises:
            StateError: it could not be written; the last one still stands.
        """
        changed = self._logs | {seen.checkpoint.origin: seen}
        try:
            _write(self._path, changed)
        except OSError as error:
            raise StateError(
                f"The witness's state {self._path} cannot be written: {error.strerror}.",
                hint="Nothing was cosigned. Make room or repair the disk.",
            ) from error
        self._logs = changed


def _take(path: Path) -> int:
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"The witness's state {path} cannot be locked: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StateError(
            f"Another process has the witness's state {path}.", hint="One witness, one process: stop the other."
        ) from error
    return lock


def _read(path: Path) -> dict[str, Seen]:
    wrong = UsageError(
        f"The witness's state {path} cannot be read.",
        hint="Restore the newest copy. Without it the witness cannot tell a rewritten log, and needs a new key.",
    )
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or set(content) != {"v", "logs"} or content["v"] != _VERSION:
            raise wrong
        logs = {origin: _seen(note) for origin, note in content["logs"].items()}
    except (OSError, ValueError, AttributeError, RecursionError, VerificationError) as error:
        raise wrong from error
    if any(seen.checkpoint.origin != origin for origin, seen in logs.items()):
        raise wrong
    return logs


def _seen(note: object) -> Seen:
    if not isinstance(note, str):
        raise VerificationError("This is no signed note.")
    return Seen(checkpoint=parse_checkpoint(parse_note(note).text), note=note)


def _write(path: Path, logs: Mapping[str, Seen]) -> None:
    content = {"v": _VERSION, "logs": {origin: seen.note for origin, seen in sorted(logs.items())}}
    draft = path.with_name(path.name + ".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
