"""What the store asks about a passport: whether it is valid, and where it counts.

The files are not to hand in a registry; that the bytes are the passport's is checked where they are loaded.
"""

from datetime import UTC, datetime
from typing import Protocol

from audits.passport.binding import Binding
from audits.passport.trust import Trust


class Judge(Protocol):
    """Says what a passport covers."""

    def binding(self, passport: str, revocations: str | None) -> Binding:
        """Return where a valid passport counts.

        Args:
            passport: its file.
            revocations: the list kept with the model; ``None`` when none was ever published.

        Raises:
            VerificationError: it is not valid, not valid now, or revoked.
        """
        ...


class PassportJudge:
    """Runs the passport's own checks against a trust file."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def binding(self, passport: str, revocations: str | None) -> Binding:
        """Return where a valid passport counts.

        Raises:
            VerificationError: it is not valid, not valid now, revoked, or for a registry the trust file does not name.
        """
        from audits.passport.check import NO_LIST, check_passport

        # An empty list is no list: only where none was published may a passport stand without one.
        known = NO_LIST if revocations is None else revocations or None
        checked = check_passport(passport, self._trust, subject=None, revocations=known, now=datetime.now(UTC))
        return checked.binding


def judge_for(trust: Trust) -> Judge:
    """Return who judges passports under this trust."""
    return PassportJudge(trust)
