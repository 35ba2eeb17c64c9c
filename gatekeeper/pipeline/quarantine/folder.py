"""The folder a scan wrote, read back and changed by releases.

Law: ``report.json`` names the digests of the files beside it, before and after a release; a folder where they differ
is not worked with. Accepted rows stay in the order of the scanned file.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gatekeeper.core.digests import Digest, Plain, sha256_file
from gatekeeper.core.errors import InputError, StateError, UsageError
from gatekeeper.pipeline.scan.outputs import (
    ACCEPTED,
    HELD,
    QUARANTINED,
    REPORT,
    STATE,
    facts_of,
    read_report,
    uninterrupted,
    write_report,
)
from gatekeeper.pipeline.scan.sorting import Held
from gatekeeper.pipeline.turns import turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """One row that a person released from one gate."""

    row: int
    digest: Digest
    """Of the row's content."""
    gate: str
    tests: tuple[str, ...]
    release: str
    """Id of the release."""


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Keep scans and other releases out of a folder.

    Raises:
        StateError: one of them is at work there.
        UsageError: the folder cannot be written.
    """
    try:
        with turn(folder / STATE / "lock") as mine:
            if not mine:
                raise StateError(f"A scan or another release is at work in {folder}.", hint="Wait for it to end.")
            yield
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {(error.strerror or str(error)).lower()}.") from error


def whole_report(folder: Path) -> dict[str, Plain]:
    """Return the report of a folder whose files are the ones it names.

    Raises:
        InputError: there is none, or a file was changed.
    """
    report = read_report(folder)
    outputs = report.get("outputs")
    for name, facts in outputs.items() if isinstance(outputs, dict) else ():
        try:
            same = isinstance(facts, dict) and sha256_file(folder / name) == facts.get("sha256")
        except OSError:
            same = False
        if not same:
            raise InputError(
                f"{folder / name} is not what {REPORT} says it is.",
                hint="Somebody changed it: scan the file again.",
            )
    return report


def waiting(folder: Path) -> dict[int, list[Held]]:
    """Return why rows wait, by row.

    Raises:
        InputError: the list cannot be read.
    """
    found: dict[int, list[Held]] = {}
    for line in _lines(folder / QUARANTINED):
        try:
            held = Held(**line)  # type: ignore[arg-type]  # the next line checks the one type that matters
        except TypeError as error:
            raise _unreadable(folder / QUARANTINED) from error
        if not isinstance(held.row, int):
            raise _unreadable(folder / QUARANTINED)
        found.setdefault(held.row, []).append(held)
    return found


def records(folder: Path, rows: Collection[int]) -> dict[int, str]:
    """Return the records of some of the rows that wait, as they were read.

    Raises:
        InputError: the list cannot be read.
    """
    return {row: text for row, text in _records(folder) if row in rows}


def put_back(folder: Path, report: Mapping[str, Plain], released: Sequence[Released]) -> dict[str, Plain]:
    """Move released rows from quarantine to their places among the accepted ones; return the new report.

    Raises:
        InputError: the folder's files do not fit together.
    """
    rows = {each.row for each in released}
    new = folder / STATE / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        moved = _put_back(folder, new, rows)
        counts = report["rows"] if isinstance(report["rows"], dict) else {}
        before = report["released"] if isinstance(report["released"], list) else []
        outputs = report["outputs"] if isinstance(report["outputs"], dict) else {}
        after: dict[str, Plain] = {
            **report,
            "rows": {
                **counts,
                "accepted": int(str(counts["accepted"])) + moved,
                "quarantined": int(str(counts["quarantined"])) - moved,
            },
            "released": [*before, *(_line(each) for each in released)],
            "outputs": {**outputs, **{name: facts_of(new / name) for name in (ACCEPTED, QUARANTINED, HELD)}},
        }
        write_report(after, new)
        with uninterrupted():
            (folder / REPORT).unlink()
            for name in (ACCEPTED, QUARANTINED, HELD, REPORT):
                (new / name).replace(folder / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return after


def _put_back(folder: Path, new: Path, rows: Collection[int]) -> int:
    """Write the three lists anew; return how many rows moved."""
    moved = 0
    with (new / QUARANTINED).open("w", encoding="utf-8", newline="\n") as stream:
        for line in _lines(folder / QUARANTINED):
            if line["row"] not in rows:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    with (
        (folder / ACCEPTED).open(encoding="utf-8", newline="\n") as good,
        (new / ACCEPTED).open("w", encoding="utf-8", newline="\n") as accepted,
        (new / HELD).open("w", encoding="utf-8", newline="\n") as held,
    ):
        (new / HELD).chmod(0o600)
        place = 0
        for line in _lines(folder / HELD):
            row = int(str(line["row"]))
            _copy(good, accepted, row - place)
            place = row + 1
            if row in rows:
                accepted.write(f"{line['record']}\n")
                moved += 1
            else:
                held.write(json.dumps(line, ensure_ascii=False) + "\n")
        shutil.copyfileobj(good, accepted)
    if moved != len(rows):
        raise InputError(f"{folder / HELD} does not hold every row that is to be released.", hint="Scan again.")
    return moved


def _copy(source: TextIO, target: TextIO, lines: int) -> None:
    for _ in range(lines):
        line = source.readline()
        if not line:
            raise InputError(f"{ACCEPTED} is shorter than the scan left it.", hint="Scan the file again.")
        target.write(line)


def _records(folder: Path) -> Iterator[tuple[int, str]]:
    for line in _lines(folder / HELD):
        row, text = line.get("row"), line.get("record")
        if not isinstance(row, int) or not isinstance(text, str):
            raise _unreadable(folder / HELD)
        yield row, text


def _lines(path: Path) -> Iterator[dict[str, Plain]]:
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            for text in stream:
                line = json.loads(text)
                if not isinstance(line, dict) or "row" not in line:
                    raise _unreadable(path)
                yield line
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path) from error


def _line(released: Released) -> Plain:
    return {
        "row": released.row,
        "digest": released.digest,
        "gate": released.gate,
        "tests": list(released.tests),
        "release": released.release,
    }


def _unreadable(path: Path) -> InputError:
    return InputError(f"{path} cannot be read.", hint="Scan the file again.")
