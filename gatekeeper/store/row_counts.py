"""Counts of the rows that updates were learned from, and which of them are history by now.

Rows become history when their update went live by an ordinary promotion and has been live, or superseded, for its
quarantine. An update that is rolled back or revoked takes its rows out again. Counts that are not the ones written
down are an error, never history.
"""

import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.states import State
from gatekeeper.store.tables import RevocationRow, RowCountsRow, UpdateRow

STANDING = (State.ACTIVE, State.SUPERSEDED, State.PROMOTING)
"""States in which an update's rows are history: live, live before, or about to be live again."""
_LEVEL = 1


def keep(
    session: Session,
    *,
    update_id: str,
    model: str,
    data_digest: Digest,
    history: RowHistory,
    quarantine_days: float,
    now: datetime | None = None,
) -> None:
    """Write the counts of an update's rows down, in the place of earlier ones of the same update."""
    session.merge(
        RowCountsRow(
            update_id=update_id,
            model=model,
            data_digest=data_digest,
            rows=history.rows,
            counts=zlib.compress(history.sketch, _LEVEL),
            digest=history.digest,
            quarantine_days=quarantine_days,
            made=now or datetime.now(UTC),
            counts_from=None,
        )
    )
    session.flush()


def went_live(session: Session, update_id: str, *, now: datetime | None = None) -> RowCountsRow | None:
    """Let an update's quarantine begin; return its counts, or ``None`` where it has none or it began before."""
    row = session.get(RowCountsRow, update_id)
    if row is None or row.counts_from is not None:
        return None
    row.counts_from = (now or datetime.now(UTC)) + timedelta(days=row.quarantine_days)
    session.flush()
    return row


def find(session: Session, update_id: str) -> RowCountsRow | None:
    """Return what is kept of an update's rows, or ``None``."""
    return session.get(RowCountsRow, update_id)


def counted(session: Session, model: str, at: datetime) -> list[str]:
    """Return the updates of a model whose rows are history at a moment, in the order in which they became it."""
    query = (
        select(RowCountsRow.update_id)
        .join(UpdateRow, UpdateRow.id == RowCountsRow.update_id)
        .where(
            RowCountsRow.model == model,
            RowCountsRow.counts_from <= at,
            UpdateRow.state.in_(STANDING),
            UpdateRow.manifest_digest.not_in(select(RevocationRow.update_digest)),
        )
    )
    return list(session.scalars(query.order_by(RowCountsRow.counts_from, RowCountsRow.update_id)))


def histories(session: Session, update_ids: Iterable[str]) -> Iterator[RowHistory]:
    """Yield the counts of these updates, one at a time, each checked against its digest.

    Raises:
        VerificationError: counts are missing, or not the ones that were written down.
    """
    for update_id in update_ids:
        row = session.get(RowCountsRow, update_id)
        history = None if row is None else _history(row)
        if row is None or history is None or history.digest != row.digest:
            raise VerificationError(
                f"The stored counts of the rows of update {update_id} are not the ones that were written down.",
                hint="Someone changed the application database: run `gatekeeper ledger verify`.",
            )
        session.expunge(row)
        yield history


def _history(row: RowCountsRow) -> RowHistory | None:
    try:
        return RowHistory(rows=row.rows, sketch=zlib.decompress(row.counts))
    except (zlib.error, ValueError):
        return None
