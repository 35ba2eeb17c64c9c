"""The history of evaluation sets, kept in the application database."""

from collections.abc import Sequence

from gatekeeper.core.digests import Digest
from gatekeeper.core.suite_history import SuiteHistory
from gatekeeper.store import suite_uses
from gatekeeper.store.database import Store


class StoredSuiteHistory(SuiteHistory):
    """A :class:`~gatekeeper.core.suite_history.SuiteHistory` of one installation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, suite_digest: str, asked: Digest) -> Sequence[Digest]:
        """Write the use down and return those before it."""
        with self._store.transaction() as session:
            before = suite_uses.of_suite(session, suite_digest)
            suite_uses.note(session, suite_digest, asked)
        return before
