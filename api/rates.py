"""How often somebody may call: windows of a minute that slide, kept in this process.

Two counts for each token, and not the moment of every call: what is kept does not grow with how often somebody calls.
"""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from api.problems import Problem
from api.settings import ServiceSettings


class Rates:
    """Counts calls by token, and failures by address."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._reads = RateLimitItemPerMinute(settings.reads_per_minute)
        self._writes = RateLimitItemPerMinute(settings.writes_per_minute)
        self._failures = RateLimitItemPerMinute(settings.failures_per_minute)

    def called(self, token: str, *, writes: bool) -> None:
        """Count one call with a token.

        Raises:
            Problem: there were too many within the last minute.
        """
        if not self._limiter.hit(self._writes if writes else self._reads, "writes" if writes else "reads", token):
            raise _too_many("This token was used too often within a minute.")

    def failed(self, address: str) -> None:
        """Count one call without a token that counts.

        Raises:
            Problem: there were too many from this address within the last minute.
        """
        self.require_patience(address)
        self._limiter.hit(self._failures, "failures", address)

    def require_patience(self, address: str) -> None:
        """Return when one more failure of an address may be looked at.

        Raises:
            Problem: there were too many within the last minute.
        """
        if not self._limiter.test(self._failures, "failures", address):
            raise _too_many("Too many calls from this address carried no token that counts.")


def _too_many(detail: str) -> Problem:
    return Problem("too-many", detail, hint="Wait a minute.", headers={"Retry-After": "60"})
