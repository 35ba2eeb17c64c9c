"""Runs, the reports their gates made, and the verdict.

What is read back is checked against the digest written beside it: evidence that was changed in the database is an
error, never evidence.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Select, Text, bindparam, select, type_coerce
from sqlalchemy.orm import Session, defer

from gatekeeper.core.digests import Digest, Plain, plain, sha256_bytes
from gatekeeper.core.errors import StoreError, UsageError, VerificationError
from gatekeeper.core.findings import GateReport, report_from_json
from gatekeeper.core.verdict import Verdict
from gatekeeper.store.tables import ReportRow, RunRow, VerdictRow, table_of

_VERDICT: TypeAdapter[Verdict] = TypeAdapter(Verdict)
_REMEMBERED: Final = 128
"""Verdicts whose texts were read last: reading the same text again gives the same verdict."""

# Made once: making a statement takes longer than carrying it out.
_NEWEST: Final = (
    select(RunRow).where(RunRow.update_id == bindparam("update")).order_by(RunRow.started.desc(), RunRow.id).limit(1)
)
_NEWEST_BRIEF: Final = _NEWEST.options(defer(RunRow.policy))
_V: Final = table_of(VerdictRow).c
_VERDICT_OF: Final = select(
    _V.outcome, _V.errored, _V.evidence_digest, type_coerce(_V.verdict, Text).label("text")
).where(_V.run_id == bindparam("run"))
_R: Final = table_of(ReportRow).c
_REPORTS: Final = (
    select(_R.run_id, _R.gate, _R.status, _R.digest, _R.seconds, type_coerce(_R.report, Text).label("text"))
    .where(_R.run_id == bindparam("run"))
    .order_by(_R.gate)
)
_REPORT: Final = _REPORTS.where(_R.gate == bindparam("gate"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One gate's report as it was kept."""

    report: GateReport
    digest: Digest
    """Of exactly this report; checked."""
    seconds: float
    """How long the gate took."""


def new_run_id() -> str:
    """Return an id nobody has used."""
    return f"run-{secrets.token_hex(8)}"


def start(
    session: Session,
    *,
    update_id: str,
    policy_name: str,
    policy_digest: Digest,
    policy: Plain,
    seed: int,
    environment: Plain,
    run_id: str | None = None,
    now: datetime | None = None,
) -> RunRow:
    """Write down that an evaluation has begun."""
    row = RunRow(
        id=run_id or new_run_id(),
        update_id=update_id,
        policy_name=policy_name,
        policy_digest=policy_digest,
        policy=policy,
        seed=seed,
        environment=environment,
        started=now or datetime.now(UTC),
        finished=None,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, run_id: str) -> RunRow | None:
    """Return the run of that id, or ``None``."""
    return session.get(RunRow, run_id)


def require(session: Session, run_id: str) -> RunRow:
    """Return the run of that id.

    Raises:
        UsageError: there is none.
    """
    row = find(session, run_id)
    if row is None:
        raise UsageError(f"There is no run {run_id}.", hint="`gatekeeper status` lists the runs of an update.")
    return row


def latest(session: Session, update_id: str) -> RunRow | None:
    """Return the update's newest run, or ``None`` when it was never evaluated."""
    return session.scalars(_NEWEST, {"update": update_id}).first()


def newest(session: Session, update_id: str) -> RunRow | None:
    """Return the same, without reading its policy: tens of kilobytes, which stay there until they are asked for."""
    return session.scalars(_NEWEST_BRIEF, {"update": update_id}).first()


def finish(session: Session, run_id: str, *, now: datetime | None = None) -> None:
    """Write down that the evaluation has ended, however it ended."""
    require(session, run_id).finished = now or datetime.now(UTC)
    session.flush()


def add_report(session: Session, run_id: str, report: GateReport, *, seconds: float) -> None:
    """Write down one gate's report; a run holds one report per gate."""
    session.add(
        ReportRow(
            run_id=run_id,
            gate=report.gate,
            status=report.status.value,
            report=report.to_plain(),
            digest=report.digest,
            seconds=seconds,
        )
    )
    session.flush()


def reports(session: Session, run_id: str) -> tuple[GateReport, ...]:
    """Return the run's reports by gate id; empty when no gate has reported.

    Raises:
        VerificationError: a report is not the one that was written down.
        InputError: a report does not have the shape of one.
    """
    return tuple(each.report for each in measured(session, run_id))


def measured(session: Session, run_id: str) -> tuple[Measured, ...]:
    """Return the run's reports by gate id, with their digests and times.

    Raises:
        VerificationError, InputError: as :func:`reports`.
    """
    return _measured(session, _REPORTS, {"run": run_id})


def report_digests(session: Session, run_id: str) -> tuple[Digest, ...]:
    """Return the digests of the run's reports, each checked against its text, by gate id.

    Raises:
        VerificationError: a report is not the one that was written down.
    """
    found = []
    for row in session.execute(_REPORTS, {"run": run_id}):
        if sha256_bytes(row.text.encode()) != row.digest:
            raise _changed(f"report of {row.gate} in run {run_id}")
        found.append(Digest(row.digest))
    return tuple(found)


def report(session: Session, run_id: str, gate: str) -> GateReport | None:
    """Return one gate's report, or ``None`` when it has not reported.

    Raises:
        VerificationError, InputError: as :func:`reports`.
    """
    found = _measured(session, _REPORT, {"run": run_id, "gate": gate})
    return found[0].report if found else None


def seconds(session: Session, run_id: str) -> dict[str, float]:
    """Return how long each gate of the run took, in seconds."""
    found = session.execute(select(ReportRow.gate, ReportRow.seconds).where(ReportRow.run_id == run_id))
    return {row.gate: row.seconds for row in found}


def add_verdict(session: Session, run_id: str, verdict: Verdict) -> None:
    """Write down what was decided; a run holds one verdict."""
    session.add(
        VerdictRow(
            run_id=run_id,
            outcome=verdict.outcome.name,
            errored=verdict.errored,
            verdict=plain(verdict),
            evidence_digest=verdict.evidence_digest,
        )
    )
    session.flush()


def verdict(session: Session, run_id: str) -> Verdict | None:
    """Return what was decided, or ``None`` when nothing was yet.

    Raises:
        StoreError: it does not have the shape of a verdict.
        VerificationError: its columns and its content disagree.
    """
    row = session.execute(_VERDICT_OF, {"run": run_id}).one_or_none()
    if row is None:
        return None
    return checked_verdict(run_id, row.text, outcome=row.outcome, errored=row.errored, evidence=row.evidence_digest)


def checked_verdict(run_id: str, text: str, *, outcome: str, errored: bool, evidence: str) -> Verdict:
    """Return the verdict of its stored text, when it agrees with the columns beside it.

    Raises:
        StoreError, VerificationError: as :func:`verdict`.
    """
    try:
        read = _read_verdict(text)
    except ValidationError as error:
        raise StoreError(
            f"The stored verdict of run {run_id} does not have the shape of a verdict.",
            hint="Run the update again: a verdict is made anew from the gates' reports.",
        ) from error
    if (read.outcome.name, read.errored, read.evidence_digest) != (outcome, errored, evidence):
        raise _changed(f"verdict of run {run_id}")
    return read


@lru_cache(maxsize=_REMEMBERED)
def _read_verdict(text: str) -> Verdict:
    return _VERDICT.validate_json(text)


def _measured(session: Session, which: Select[Any], about: Mapping[str, str]) -> tuple[Measured, ...]:
    found = []
    for row in session.execute(which, about):
        read = report_from_json(row.text)
        # The text is RFC 8785 JSON, so its own digest is the report's.
        if (sha256_bytes(row.text.encode()), read.gate, read.status.value) != (row.digest, row.gate, row.status):
            raise _changed(f"report of {row.gate} in run {row.run_id}")
        found.append(Measured(report=read, digest=Digest(row.digest), seconds=row.seconds))
    return tuple(found)


def _changed(what: str) -> VerificationError:
    return VerificationError(
        f"The stored {what} is not the one that was written down.",
        hint="Someone changed the application database: run `gatekeeper ledger verify`.",
    )
