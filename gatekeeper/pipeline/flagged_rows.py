"""Which training rows of an update its gates flagged, why, and what they say.

Read from the lists that gates attach to their reports, each checked against the digest in the report, and from the
update's own copy of its rows. Rows that people released are not flagged: their gate did not see them.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError, VerificationError
from gatekeeper.gates.data.reading.flags import FLAGGED
from gatekeeper.intake.record_text import read_texts
from gatekeeper.pipeline.collect import folder_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates

FURTHEST: Final = 200_000
"""Rows that are read to show one of them; the text of later ones is not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFinding:
    """What one test of one gate says of one row."""

    gate: str
    test: str
    id: str
    reason: str
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedRow:
    """One row with everything that was found in it."""

    row: int
    """Position in the file, from 0."""
    findings: tuple[RowFinding, ...]


def flagged_rows(workspace: Workspace, update_id: str) -> tuple[FlaggedRow, ...]:
    """Return the rows that the newest run of an update flagged, in the file's order; none before it.

    Raises:
        UsageError: there is no such update.
        VerificationError: a list is not the one that its gate reported.
        InputError: a list cannot be read.
    """
    with workspace.store.reading() as session:
        updates.require(session, update_id)
        run = runs.latest(session, update_id)
        reports = () if run is None else runs.reports(session, run.id)
    found: dict[int, list[RowFinding]] = {}
    for report in reports:
        listed = next((each for each in report.attachments if each.name == FLAGGED), None)
        if listed is None or run is None:
            continue
        path = folder_of(workspace.evidence_dir / run.id, report.gate) / FLAGGED
        if not path.is_file() or sha256_file(path) != listed.sha256:
            raise VerificationError(
                f"The flagged rows of {report.gate} are not those that it reported.", hint="Evaluate the update again."
            )
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                row, finding = _read(report.gate, line)
                found.setdefault(row, []).append(finding)
    return tuple(FlaggedRow(row=row, findings=tuple(said)) for row, said in sorted(found.items()))


def texts_of(workspace: Workspace, update_id: str, rows: Collection[int]) -> Mapping[int, str]:
    """Return what some rows say, as the update's own copy has them; rows that lie too far back are left out.

    Raises:
        UsageError: there is no such update.
        InputError: the rows cannot be read any more.
    """
    with workspace.store.reading() as session:
        data = updates.as_update(updates.require(session, update_id)).data
    wanted = {row for row in rows if row < FURTHEST}
    found: dict[int, str] = {}
    if data is None or not wanted:
        return found
    last = max(wanted)
    for row, text in enumerate(read_texts(data.path)):
        if row in wanted:
            found[row] = text
        if row >= last:
            break
    return found


def _read(gate: str, line: str) -> tuple[int, RowFinding]:
    try:
        said = json.loads(line)
        row = said["row"]
        if not isinstance(row, int):
            raise TypeError(row)
        return row, RowFinding(
            gate=gate,
            test=str(said["test"]),
            id=str(said["id"]),
            reason=str(said["reason"]),
            release=str(said["release"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"The flagged rows of {gate} cannot be read.", hint="Evaluate the update again.") from error
