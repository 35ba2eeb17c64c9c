"""Where updates stand, of many at once: what lists and single views show, in three statements however many there are.

Rows that are long, such as a run's whole policy, stay in the database.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Result, Select, Text, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from gatekeeper.core.verdict import Verdict
from gatekeeper.store.runs import checked_verdict
from gatekeeper.store.tables import ApprovalRow, Decision, PersonRow, RunRow, UpdateRow, VerdictRow, table_of

_P: Final = table_of(PersonRow)
_R: Final = table_of(RunRow)
_V: Final = table_of(VerdictRow)
_A: Final = table_of(ApprovalRow)


def _both(query: Select[Any], about: ColumnElement[Any]) -> tuple[Select[Any], Select[Any]]:
    """Return the query about one value of a column, and about many: a list costs more than it asks for one."""
    return query.where(about == bindparam("one")), query.where(about.in_(bindparam("many", expanding=True)))


# Made once: making a statement takes longer than carrying it out.
_NAMES: Final = _both(select(_P.c.pseudonym, _P.c.display_name), _P.c.pseudonym)
_LATEST: Final = _both(
    select(
        _R.c.update_id,
        _R.c.id,
        _R.c.started,
        _R.c.finished,
        _V.c.outcome,
        _V.c.errored,
        _V.c.evidence_digest,
        type_coerce(_V.c.verdict, Text).label("text"),
    )
    .select_from(_R.outerjoin(_V, _V.c.run_id == _R.c.id))
    .order_by(_R.c.started.desc(), _R.c.id),
    _R.c.update_id,
)
_CONSENTS: Final = _both(
    select(_A.c.run_id, _A.c.update_digest, _A.c.policy_digest, _A.c.evidence_digest).where(
        _A.c.decision == Decision.APPROVE, _A.c.expires > bindparam("now")
    ),
    _A.c.run_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What belongs to one update beside its own row."""

    proposer: str | None
    """Name of who proposed it; ``None`` where it was erased."""
    run: str | None = None
    """Id of the newest run; ``None`` before the first."""
    judged: datetime | None = None
    """When the gates of that run had measured, or when it began where they have not."""
    waivers_end: datetime | None = None
    """When the first waiver ends that its verdict counts; ``None`` where it counts none."""
    verdict: Verdict | None = None
    given: int = 0
    """Consents to exactly the verdict's digests that have not expired."""


def measured_at(environment: object) -> datetime | None:
    """Return when the gates measured of a run that was decided anew with waivers; ``None`` for any other run."""
    return _moment(environment, "measured_at")


def waivers_end(environment: object) -> datetime | None:
    """Return when the first waiver ends that a run's verdict counts; ``None`` where it counts none."""
    return _moment(environment, "waivers_end")


def _moment(environment: object, name: str) -> datetime | None:
    known = environment.get(name) if isinstance(environment, dict) else None
    return datetime.fromisoformat(known) if isinstance(known, str) else None


def standings(session: Session, rows: Sequence[UpdateRow], *, now: datetime | None = None) -> dict[str, Standing]:
    """Return where updates stand, by their ids.

    Raises:
        StoreError: a verdict does not have the shape of one.
        VerificationError: a verdict's columns and its content disagree.
    """
    names = _names(session, {row.submitter for row in rows})
    latest = _latest(session, [row.id for row in rows])
    given = _given(session, latest, now or datetime.now(UTC))
    anew = _environments(session, [run for run, _judged, verdict in latest.values() if verdict and verdict.waived])
    found = {}
    for row in rows:
        proposer = names.get(row.submitter)
        if row.id not in latest:
            found[row.id] = Standing(proposer=proposer)
            continue
        run, judged, verdict = latest[row.id]
        found[row.id] = Standing(
            proposer=proposer,
            run=run,
            judged=measured_at(anew.get(run)) or judged,
            waivers_end=waivers_end(anew.get(run)),
            verdict=verdict,
            given=given.get(run, 0),
        )
    return found


def _environments(session: Session, ids: Collection[str]) -> dict[str, object]:
    if not ids:
        return {}
    query = select(RunRow.id, RunRow.environment).where(RunRow.id.in_(ids))
    return {row.id: row.environment for row in session.execute(query)}


def _names(session: Session, pseudonyms: Collection[str]) -> dict[str, str]:
    return {row.pseudonym: row.display_name for row in _asked(session, _NAMES, pseudonyms)}


def _asked(
    session: Session, both: tuple[Select[Any], Select[Any]], values: Collection[str], **more: object
) -> Result[Any]:
    one, many = both
    if len(values) == 1:
        (value,) = values
        return session.execute(one, {"one": value, **more})
    return session.execute(many, {"many": list(values), **more})


def _latest(session: Session, ids: Collection[str]) -> dict[str, tuple[str, datetime, Verdict | None]]:
    """Return the newest run of each update that has one, with its verdict."""
    found: dict[str, tuple[str, datetime, Verdict | None]] = {}
    for row in _asked(session, _LATEST, ids):
        if row.update_id not in found:
            verdict = None
            if row.text is not None:
                verdict = checked_verdict(
                    row.id, row.text, outcome=row.outcome, errored=row.errored, evidence=row.evidence_digest
                )
            found[row.update_id] = (row.id, row.finished or row.started, verdict)
    return found


def _given(session: Session, latest: dict[str, tuple[str, datetime, Verdict | None]], now: datetime) -> dict[str, int]:
    """Return how many consents to exactly its verdict's digests each run has that have not expired."""
    wanted = {
        run: (verdict.update_digest, verdict.policy_digest, verdict.evidence_digest)
        for run, _judged, verdict in latest.values()
        if verdict is not None
    }
    if not wanted:
        return {}
    found: dict[str, int] = {}
    for row in _asked(session, _CONSENTS, wanted, now=now):
        if (row.update_digest, row.policy_digest, row.evidence_digest) == wanted[row.run_id]:
            found[row.run_id] = found.get(row.run_id, 0) + 1
    return found
