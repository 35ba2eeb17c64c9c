"""What the application database says of an installation, read for metrics at a bounded cost.

What only grows (entries, verdicts, reports) is counted whole once for each process, then from the ledger's new
entries alone. The rest is read anew, and not before :data:`FRESH_SECONDS` have passed, nor before the last reading's
own duration is :data:`SHARE` of the time since: a large installation is read less often, never harder.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from gatekeeper.core.states import State
from gatekeeper.store import checkpoints, entries, tallies
from gatekeeper.store.database import Store
from gatekeeper.store.tables import QueueState

FRESH_SECONDS: Final = 5.0
SHARE: Final = 0.02
AT_ONCE: Final = 20_000
"""Most new ledger entries that one reading counts; the rest is for the next."""

_VERDICT: Final = "verdict.decided"
_REPORT: Final = "gate.reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An installation at one moment; counts are of the whole installation, whichever process did it."""

    updates: Mapping[tuple[str, State], int]
    """By model and state."""
    waiting_since: Mapping[str, datetime]
    """By model: since when the update that waits for people the longest has done so."""
    queue: Mapping[tuple[str, QueueState], tuple[int, datetime]]
    """By model and state (waiting or running): how many, and when the oldest was asked for."""
    runs: Mapping[QueueState, int]
    """Queued evaluations by the state they are in."""
    requests: Mapping[str, tuple[int, datetime]]
    """Requests that wait for people, by action: how many, and when the oldest was opened."""
    promotions_under_way: int
    entries: Mapping[str, int]
    """Ledger entries by type."""
    verdicts: Mapping[tuple[str, bool], int]
    """By outcome and whether anything errored."""
    reports: Mapping[tuple[str, str], int]
    """By gate and status."""
    ledger_size: int
    witnessed_size: int | None
    """Of the largest checkpoint that a witness signed; ``None`` when there is none."""
    witnessed: datetime | None
    seconds: float
    """How long it took to read."""


class Readings:
    """Reads a store, and remembers what it read for a while."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._last: Reading | None = None
        self._again = 0.0
        self._counted = -1
        """Entries that are counted already; -1 before the first reading."""
        self._entries: Counter[str] = Counter()
        self._verdicts: Counter[tuple[str, bool]] = Counter()
        self._reports: Counter[tuple[str, str]] = Counter()

    def read(self) -> Reading:
        """Return the present reading, or the last one where that is fresh enough. One caller at a time reads.

        Raises:
            StoreError: the database does not answer.
        """
        with self._lock:
            if self._last is None or self._clock() >= self._again:
                self._last = self._read()
                self._again = self._clock() + max(FRESH_SECONDS, self._last.seconds / SHARE)
            return self._last

    def _read(self) -> Reading:
        began = self._clock()
        with self._store.reading() as session:
            size = entries.size(session)
            self._count(session, size)
            witnessed = checkpoints.latest(session, cosignatures=1)
            return Reading(
                updates=tallies.updates_by_state(session),
                waiting_since=tallies.oldest_in_state(session, State.PENDING_APPROVAL),
                queue=tallies.queue_by_state(session),
                runs=tallies.queue_ended(session),
                requests=tallies.requests_open(session),
                promotions_under_way=tallies.promotions_under_way(session),
                entries=dict(self._entries),
                verdicts=dict(self._verdicts),
                reports=dict(self._reports),
                ledger_size=size,
                witnessed_size=None if witnessed is None else witnessed.size,
                witnessed=None if witnessed is None else witnessed.signed,
                seconds=self._clock() - began,
            )

    def _count(self, session: Session, size: int) -> None:
        """Bring the counts of what only grows up to date, within the caller's snapshot."""
        if not 0 <= self._counted <= size:  # the first time, or a database restored from an older copy
            self._entries = Counter(tallies.entries_by_type(session))
            self._verdicts = Counter(tallies.verdicts(session))
            self._reports = Counter(tallies.gate_reports(session))
            self._counted = size
            return
        for seq, word, leaf in tallies.entries_since(session, self._counted, limit=AT_ONCE):
            self._entries[word] += 1
            if word in {_VERDICT, _REPORT}:
                data = json.loads(leaf)["data"]
                if word == _VERDICT:
                    self._verdicts[str(data["outcome"]), bool(data["errored"])] += 1
                else:
                    self._reports[str(data["gate"]), str(data["status"])] += 1
            self._counted = seq + 1
