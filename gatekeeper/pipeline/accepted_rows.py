"""Accepted rows of earlier updates: kept with an update, history once it has been live for its quarantine.

A run writes down which updates' rows it compared with, and their digest, so that its verdict can be replayed on the
same history whatever became of those updates since.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import moment
from audits.ledger.log import append
from gatekeeper.core.digests import Digest, Plain
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.update import Update
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.row_history import merged_history
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import entries, row_counts, runs
from gatekeeper.store.tables import PromotionKind, UpdateRow
from policies.policy import Policy

_ORDINARY = (PromotionKind.PROMOTE, PromotionKind.CERTIFY)
"""Promotions of what was admitted and agreed to; what broke the glass was blocked, and teaches no later test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedHistory:
    """The rows one run compares with, and whose they are."""

    history: RowHistory
    updates: tuple[str, ...]
    """In the order in which they became history."""

    @property
    def digest(self) -> Digest:
        """Identity of the history, as the run's ledger entry names it."""
        return self.history.digest

    def facts(self) -> Plain:
        """Return what a replay needs to know."""
        return {"digest": self.digest, "rows": self.history.rows, "updates": list(self.updates)}


def history_of(workspace: Workspace, model: str, at: datetime | None = None) -> ComparedHistory | None:
    """Return the rows that updates of a model are compared with at a moment; ``None`` where there are none yet.

    Raises:
        VerificationError: the stored counts were changed.
        InputError: they are of another kind than today's.
    """
    with workspace.store.reading() as session:
        return _compared(session, tuple(row_counts.counted(session, model, at or datetime.now(UTC))))


def history_of_run(workspace: Workspace, run_id: str) -> ComparedHistory | None:
    """Return exactly what a run compared with; ``None`` where it compared with nothing.

    Raises:
        UsageError: there is no such run.
        VerificationError: the counts are no longer those the run wrote down.
    """
    with workspace.store.reading() as session:
        environment = runs.require(session, run_id).environment
        known = environment.get("history") if isinstance(environment, dict) else None
        if not isinstance(known, dict):
            return None
        named = known.get("updates")
        found = _compared(session, tuple(str(each) for each in named) if isinstance(named, list) else ())
    if found is None or found.facts() != known:
        raise VerificationError(
            f"The history that run {run_id} compared with can no longer be put together.",
            hint="Someone changed the application database: run `gatekeeper ledger verify`.",
        )
    return found


def note_compared(session: Session, update_id: str, run_id: str, compared: ComparedHistory) -> None:
    """Write into the ledger what a run compares with."""
    append(
        session,
        type=Event.HISTORY_COMPARED,
        actor=ACTOR,
        subject=update_id,
        data={
            "run": run_id,
            "history_digest": compared.digest,
            "rows": compared.history.rows,
            "updates": len(compared.updates),
        },
    )


def keep_counts(session: Session, update: Update, policy: Policy, history: RowHistory | None) -> None:
    """Keep the counts of an update's rows, which become history once it has been live for long enough."""
    if history is not None and update.data is not None:
        row_counts.keep(
            session,
            update_id=update.id,
            model=update.model,
            data_digest=update.data.sha256,
            history=history,
            quarantine_days=policy.quarantine_days,
        )


def begin_quarantine(session: Session, row: UpdateRow, kind: PromotionKind) -> None:
    """Let the quarantine of an update's rows begin, where it went live by an ordinary promotion."""
    counts = row_counts.went_live(session, row.id) if kind in _ORDINARY else None
    if counts is None or counts.counts_from is None:
        return
    append(
        session,
        type=Event.HISTORY_ENTERED,
        actor=ACTOR,
        subject=row.id,
        data={
            "update_digest": row.manifest_digest,
            "data_digest": counts.data_digest,
            "history_digest": counts.digest,
            "rows": counts.rows,
            "counts_from": moment(counts.counts_from),
        },
    )


def _compared(session: Session, updates: tuple[str, ...]) -> ComparedHistory | None:
    if updates:
        _require_entered(session, updates)
    history = merged_history(row_counts.histories(session, updates))
    return None if history is None else ComparedHistory(history=history, updates=updates)


def _require_entered(session: Session, updates: Sequence[str]) -> None:
    """Return when counts and the end of their quarantine are those the ledger holds."""
    leaves = {entry.subject: entry.leaf for entry in entries.of_type(session, Event.HISTORY_ENTERED.value)}
    for update_id in updates:
        row = row_counts.find(session, update_id)
        said = json.loads(leaves[update_id])["data"] if update_id in leaves else {}
        kept = (row.digest, moment(row.counts_from)) if row is not None and row.counts_from is not None else None
        if kept is None or kept != (said.get("history_digest"), said.get("counts_from")):
            raise VerificationError(
                f"The stored history of update {update_id} is not the one the ledger names.",
                hint="Someone changed the application database: run `gatekeeper ledger verify`.",
            )
