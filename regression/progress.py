"""How far an evaluation is, and how long it will still take."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one evaluation stands after a batch."""

    items_done: int
    """Items with a result, computed or found."""
    items_total: int
    tokens_done: int
    """Prompt and scored tokens of those items."""
    tokens_total: int
    tokens_per_second: float | None
    """Over what was computed in this call; ``None`` before the first batch."""
    seconds_left: float | None
    """At that rate; ``None`` before the first batch, 0.0 at the end."""


class Meter:
    """Counts what is done and tells a listener."""

    def __init__(self, listener: Callable[[Standing], None] | None, *, items: int, tokens: int) -> None:
        self._listener = listener
        self._items_total, self._tokens_total = items, tokens
        self._items = self._tokens = self._computed = 0
        self._spent = 0.0
        self._began = time.monotonic()

    def found(self, items: int, tokens: int) -> None:
        """Count what the cache held."""
        self._items += items
        self._tokens += tokens
        self._tell()

    def begin(self) -> None:
        """Start the clock of one batch."""
        self._began = time.monotonic()

    def computed(self, items: int, tokens: int) -> None:
        """Count one batch: ``items`` that were missing, ``tokens`` of them; stops the clock."""
        self._spent += time.monotonic() - self._began
        self._items += items
        self._tokens += tokens
        self._computed += tokens
        self._tell()

    def _tell(self) -> None:
        if self._listener is None:
            return
        rate = self._computed / self._spent if self._computed and self._spent > 0 else None
        left = (self._tokens_total - self._tokens) / rate if rate else None
        self._listener(
            Standing(
                items_done=self._items,
                items_total=self._items_total,
                tokens_done=self._tokens,
                tokens_total=self._tokens_total,
                tokens_per_second=rate,
                seconds_left=0.0 if self._items == self._items_total else left,
            )
        )
