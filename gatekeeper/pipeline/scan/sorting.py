"""Rows into accepted and quarantined: a row waits when any gate flags it.

Memory holds one bit a row and the present line, whatever the size of the file. Where some gate could not be evaluated
and the policy does not leave that to a person, nothing is accepted: rows without a flag are withheld, since nobody
has looked at them in full.
"""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gatekeeper.core.errors import InputError
from gatekeeper.gates.data.reading.flags import FLAGGED, LOOK
from gatekeeper.intake.record_text import content_digest, read_texts


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Held:
    """One reason why one row waits."""

    row: int
    """Position of the row in the file, from 0."""
    gate: str
    test: str
    id: str
    reason: str
    release: str
    """What would release it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """How many rows went where."""

    read: int
    accepted: int
    quarantined: int
    withheld: int
    """Rows without a flag that are not accepted either, because a gate could not be evaluated."""
    tests: Mapping[tuple[str, str], int]
    """Rows by gate and test."""


def sort_rows(path: Path, rows: int, flags: Mapping[str, Path], *, cleared: bool, into: Path) -> Sorted:
    """Write ``accepted.jsonl``, ``quarantined.jsonl`` and ``held.jsonl`` into a folder.

    Args:
        path: the training file.
        rows: how many it has.
        flags: folders of the gates' attachments by gate; one without a list of flags flags nothing.
        cleared: whether every gate was evaluated, so that a row without a flag is accepted.
        into: where the files are written.

    Raises:
        InputError: a gate flags a row that the file does not have, or the file can no longer be read.
    """
    waiting = bytearray((rows + 7) // 8)
    tests: Counter[tuple[str, str]] = Counter()
    with (into / "quarantined.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        for held in heapq.merge(*(read_flags(gate, folder / FLAGGED) for gate, folder in flags.items())):
            if held.row >= rows:
                raise InputError(f"The gate {held.gate} flags row {held.row} of a file of {rows} rows.")
            waiting[held.row >> 3] |= 1 << (held.row & 7)
            tests[held.gate, held.test] += 1
            stream.write(json.dumps(quarantined_line(held), ensure_ascii=False) + "\n")
    accepted = quarantined = 0
    with (
        (into / "accepted.jsonl").open("w", encoding="utf-8", newline="\n") as good,
        (into / "held.jsonl").open("w", encoding="utf-8", newline="\n") as other,
    ):
        (into / "held.jsonl").chmod(0o600)
        for row, text in enumerate(read_texts(path)):
            if row >= rows:
                raise InputError(
                    f"{path} has more rows than it had at first.", hint="Leave it alone while it is read."
                )
            if waiting[row >> 3] & (1 << (row & 7)):
                line = {"row": row, "digest": content_digest(text), "record": text}
                other.write(json.dumps(line, ensure_ascii=False) + "\n")
                quarantined += 1
            elif cleared:
                good.write(text + "\n")
                accepted += 1
    return Sorted(
        read=rows,
        accepted=accepted,
        quarantined=quarantined,
        withheld=rows - accepted - quarantined,
        tests=dict(sorted(tests.items())),
    )


def read_flags(gate: str, path: Path) -> Iterator[Held]:
    """Yield a gate's flags in order of rows; a gate that keeps no order is put in order here.

    Raises:
        InputError: the list is none.
    """
    if not path.is_file():
        return
    if _in_order(_flags(gate, path)):
        yield from _flags(gate, path)
        return
    found: dict[tuple[int, str], Held] = {}
    for flag in _flags(gate, path):
        place = flag.row, flag.test
        known = found.setdefault(place, flag)
        if flag.reason not in known.reason.split("; "):
            found[place] = replace(known, reason=f"{known.reason}; {flag.reason}")
    yield from (found[place] for place in sorted(found))


def quarantined_line(held: Held) -> dict[str, object]:
    """Return the published form."""
    return {
        "row": held.row,
        "id": held.id,
        "gate": held.gate,
        "test": held.test,
        "reason": held.reason,
        "release": held.release,
    }


def _flags(gate: str, path: Path) -> Iterator[Held]:
    with path.open(encoding="utf-8", newline="\n") as stream:
        for line in stream:
            wrong = InputError(f"{gate} wrote a list of flagged rows that cannot be read.", hint="Mend the gate.")
            try:
                read = json.loads(line)
            except ValueError as error:
                raise wrong from error
            row = read.get("row") if isinstance(read, dict) else None
            if not isinstance(row, int) or isinstance(row, bool) or row < 0:
                raise wrong
            yield Held(
                row=row,
                gate=gate,
                test=str(read.get("test") or "flagged"),
                id=str(read.get("id") or f"row-{row}"),
                reason=str(read.get("reason") or "the gate gives no reason"),
                release=str(read.get("release") or LOOK),
            )


def _in_order(flags: Iterable[Held]) -> bool:
    """Return whether flags come in order, one for each row and test."""
    last: Held | None = None
    for flag in flags:
        if last is not None and (flag.row, flag.test) <= (last.row, last.test):
            return False
        last = flag
    return True
