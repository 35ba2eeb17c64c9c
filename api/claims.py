"""Who works on a request under a key, so that it is done once: known to the database, or to this machine.

Where processes of several machines share a database, a claim is a row in it, written before the work begins and gone
when nothing came of it. Where the database is a file, every process is on its machine: a lock of the operating system
says the same without a write, and drops with a process that dies.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from api.between import BetweenProcesses
from gatekeeper.core.digests import Digest
from gatekeeper.store import answers
from gatekeeper.store.answers import Claim, Kept
from gatekeeper.store.database import Store


@dataclass(slots=True)
class Claimed:
    """What became of a key: it is ours to work on, or somebody was here before."""

    before: Claim | None = None
    """What there is of whoever was here before; ``None`` when the key is ours."""
    keep: Callable[[Kept, datetime], None] | None = None
    """Keeps our answer until a moment; ``None`` when the key is not ours."""


class Claims(Protocol):
    """Says who works on what."""

    def taken(self, *, holder: str, key: str, request: Digest) -> AbstractContextManager[Claimed]:
        """Take a key for a request until the block ends, unless somebody has it or it was answered.

        Args:
            holder: pseudonym of who calls.
            key: as the caller chose it.
            request: digest of what is asked for.
        """


class InDatabase:
    """Claims as rows."""

    def __init__(self, store: Store, patience: timedelta) -> None:
        """Remember where.

        Args:
            store: the database.
            patience: after so long without an answer, whoever had a key counts as dead.
        """
        self._store, self._patience = store, patience

    @contextmanager
    def taken(self, *, holder: str, key: str, request: Digest) -> Iterator[Claimed]:
        """Take a key; see :class:`Claims`."""
        with self._store.transaction() as session:
            claim = answers.claim(
                session, holder=holder, key=key, request=request, now=datetime.now(UTC), patience=self._patience
            )
        mine, answered = claim.mine, False

        def keep(answer: Kept, expires: datetime) -> None:
            nonlocal answered
            with self._store.transaction() as session:
                answers.keep(session, holder=holder, key=key, mine=mine or "", answer=answer, expires=expires)
            answered = True

        if mine is None:
            yield Claimed(before=claim)
            return
        try:
            yield Claimed(keep=keep)
        finally:
            if not answered:
                with self._store.transaction() as session:
                    answers.let_go(session, holder=holder, key=key, mine=mine)


_WORKING: Final[dict[tuple[Path, str, str], Digest]] = {}
"""What this process works on, by the file of locks, holder and key: its locks keep out other processes alone."""
_GUARD: Final = threading.Lock()


class OnThisMachine:
    """Claims as locks."""

    def __init__(self, store: Store, file: Path) -> None:
        """Remember where.

        Args:
            store: the database, a file of this machine.
            file: its bytes are locked.
        """
        self._store, self._file = store, file
        self._between = BetweenProcesses(file)

    @contextmanager
    def taken(self, *, holder: str, key: str, request: Digest) -> Iterator[Claimed]:
        """Take a key; see :class:`Claims`."""
        place = (self._file, holder, key)
        with _GUARD:
            other = _WORKING.get(place)
            if other is None:
                _WORKING[place] = request
        if other is not None:
            yield Claimed(before=Claim(mine=None, same=other == request))
            return
        try:
            with self._between.if_free(f"{holder} {key}") as free:
                yield self._found(holder, key, request) if free else Claimed(before=Claim(mine=None))
        finally:
            with _GUARD:
                del _WORKING[place]

    def _found(self, holder: str, key: str, request: Digest) -> Claimed:
        now = datetime.now(UTC)
        with self._store.reading() as session:
            known = answers.known(session, holder=holder, key=key, request=request, now=now)
        if known is not None and known.kept is not None:
            return Claimed(before=known)

        def keep(answer: Kept, expires: datetime) -> None:
            with self._store.transaction() as session:
                answers.put(session, holder=holder, key=key, request=request, answer=answer, begun=now, until=expires)

        return Claimed(keep=keep)
