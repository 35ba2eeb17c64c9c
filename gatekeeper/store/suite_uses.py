"""Which updates were evaluated on which version of an evaluation set."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import SuiteUseRow


def of_suite(session: Session, suite_digest: str) -> list[Digest]:
    """Return the updates that were evaluated on a set, oldest first, each once."""
    query = select(SuiteUseRow.update_digest).where(SuiteUseRow.suite_digest == suite_digest)
    return [Digest(each) for each in session.scalars(query.order_by(SuiteUseRow.number))]


def note(session: Session, suite_digest: str, update_digest: Digest, *, now: datetime | None = None) -> None:
    """Write down that an update is evaluated on a set; harmless when it was before."""
    known = of_suite(session, suite_digest)
    if update_digest in known:
        return
    session.add(
        SuiteUseRow(
            suite_digest=suite_digest,
            update_digest=update_digest,
            number=len(known) + 1,
            first=now or datetime.now(UTC),
        )
    )
    session.flush()
