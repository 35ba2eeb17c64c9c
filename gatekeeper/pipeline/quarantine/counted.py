"""Where releases count: a gate does not see the rows that people released from it, and its report says so.

A release counts for a row of exactly the released content, from a gate that measures in exactly the same way, while
the person who signed it is among the project's people, holds a role that may approve, and neither proposed nor
trained the update. What the stored release says counts only as far as its signature and the ledger say it too.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from audits.passport.release import SignedRelease, read_release
from gatekeeper.core.digests import Digest, digest_of, sha256_bytes
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.findings import Finding, GateReport, Severity
from gatekeeper.core.gate import Family, Gate, GateContext
from gatekeeper.core.rows import RowSource, TrainingRow
from gatekeeper.core.update import Update
from gatekeeper.intake.record_text import content_digest, read_texts
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.quarantine.method import method_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import entries, releases, updates
from policies.policy import GateRule, Policy, Section

CODE = "released-rows"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedReleases:
    """The rows of one update that one gate does not see."""

    gate: str
    rows: tuple[int, ...]
    """Positions in the file."""
    ids: tuple[str, ...]
    """Releases they rest on, sorted."""

    @property
    def digest(self) -> Digest:
        """Identity of the releases."""
        return digest_of(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsWithout:
    """Rows of a source without some, which keep their places."""

    source: RowSource
    without: frozenset[int]

    def __iter__(self) -> Iterator[TrainingRow]:
        """Yield the other rows in order."""
        return (row for row in self.source if row.index not in self.without)


def counted_releases(
    workspace: Workspace, update: Update, policy: Policy, section: Section
) -> tuple[CountedReleases, ...]:
    """Return the releases that count for an update, by gate; gates that see every row are left out.

    Raises:
        InputError: the rows cannot be read.
    """
    if update.data is None:
        return ()
    with workspace.store.reading() as session:
        standing = {
            rule.gate: _standing(workspace, session, update, policy, rule)
            for rule in policy.rules(section)
            if workspace.catalogue[rule.gate].family is Family.DATA
        }
    standing = {gate: found for gate, found in standing.items() if found}
    if not standing:
        return ()
    return tuple(
        CountedReleases(
            gate=gate,
            rows=tuple(row for row, _ in found),
            ids=tuple(sorted({release for _, ids in found for release in ids})),
        )
        for gate, found in _present(update.data.path, standing).items()
        if found
    )


def without_released(gate: Gate[Any], counted: CountedReleases) -> Gate[Any]:
    """Return the gate, which does not see released rows and says in its report that there were some."""

    def measure(context: GateContext, params: object) -> GateReport:
        if context.rows is None:
            return gate.measure(context, params)
        seen = RowsWithout(source=context.rows, without=frozenset(counted.rows))
        # Without the file behind the rows: a gate that read it would count other rows than it was given.
        update = dataclasses.replace(context.update, data=None)
        report = gate.measure(dataclasses.replace(context, rows=seen, update=update), params)
        return dataclasses.replace(report, findings=(*report.findings, _finding(counted)))

    return dataclasses.replace(gate, measure=measure)


def note_releases(session: Session, update_id: str, run_id: str, counted: CountedReleases) -> None:
    """Write into the ledger that a run leaves rows to those who released them."""
    append(
        session,
        type=Event.RELEASES_COUNTED,
        actor=ACTOR,
        subject=update_id,
        data={
            "run": run_id,
            "gate": label(counted.gate),
            "rows": len(counted.rows),
            "releases_digest": counted.digest,
        },
    )


def _standing(
    workspace: Workspace, session: Session, update: Update, policy: Policy, rule: GateRule
) -> Mapping[Digest, tuple[str, ...]]:
    """Return the releases from a gate that count for this update, by content of the row."""
    row = updates.require(session, update.id)
    method = method_of(workspace.catalogue[rule.gate], rule.params)
    entitled = {
        person.key
        for person in workspace.principals.values()
        if person.key is not None
        and set(person.roles) & set(policy.approvals.roles)
        and part_in(workspace, session, row, person.name) is None
    }
    known = releases.of_gate(session, rule.gate, method)
    on_record = _on_record(session) if known else {}
    found: dict[Digest, tuple[str, ...]] = {}
    for kept in known:
        if on_record.get(kept.id) != sha256_bytes(kept.envelope.encode()):
            continue
        try:
            signed, _key = read_release(kept.envelope, entitled)
        except VerificationError:
            continue  # somebody who may not decide about this update, or is no longer here
        if _says(signed) == (kept.id, kept.row_digest, rule.gate, method):
            found[signed.row_digest] = (*found.get(signed.row_digest, ()), signed.release)
    return found


def _on_record(session: Session) -> dict[str, object]:
    """Return the digest of each release's envelope, as the ledger holds it."""
    return {
        entry.subject: json.loads(entry.leaf)["data"]["envelope_digest"]
        for entry in entries.of_type(session, Event.ROW_RELEASED.value)
    }


def _says(signed: SignedRelease) -> tuple[str, str, str, str]:
    return signed.release, signed.row_digest, signed.gate, signed.method


def _present(
    path: Path, standing: Mapping[str, Mapping[Digest, tuple[str, ...]]]
) -> dict[str, list[tuple[int, tuple[str, ...]]]]:
    found: dict[str, list[tuple[int, tuple[str, ...]]]] = {gate: [] for gate in standing}
    for row, text in enumerate(read_texts(path)):
        digest = content_digest(text)
        for gate, released in standing.items():
            if digest in released:
                found[gate].append((row, released[digest]))
    return found


def _finding(counted: CountedReleases) -> Finding:
    rows = len(counted.rows)
    first = ", ".join(map(str, counted.rows[:_SHOWN])) + (", …" if rows > _SHOWN else "")
    was = f"Row {first} was" if rows == 1 else f"{rows} rows ({first}) were"
    return Finding(
        code=f"{counted.gate}/{CODE}",
        severity=Severity.INFO,
        confidence=1.0,
        subject=counted.ids[0],
        message=f"{was} released by named reviewers and not measured here; the ledger holds who and why.",
    )
