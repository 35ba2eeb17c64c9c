"""How much of a difference is arithmetic: one model against itself in another batch shape."""

from dataclasses import dataclass

from regression.models import ModelRef
from regression.session import Session
from regression.suites import Suite, SuiteKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """What moved although nothing changed."""

    max_abs_delta: float | None
    """Largest change of a log-likelihood, in nats: of a choice, or of a whole text. ``None`` for replies."""
    flips: int
    """Items whose score changed; for texts always 0, as their score is no yes or no."""
    n: int
    """Items."""


def noise_floor(session: Session, ref: ModelRef, suite: Suite) -> NoiseFloor:
    """Run a model in the session's batches and, past the cache, in batches of a third of their size.

    Raises:
        ModelError: as ``Session.evaluate``.
    """
    usual = session.evaluate(ref, suite)
    other_session = session.in_other_shape(
        batch_tokens=max(1, session.batch_tokens // 3), batch_replies=max(1, session.batch_replies // 3)
    )
    other = other_session.evaluate(ref, suite)
    moved: list[float] = []
    flips = 0
    for first, second in zip(usual.items, other.items, strict=True):
        moved += [abs(a - b) for (_, a), (_, b) in zip(first.values, second.values, strict=True)]
        flips += suite.kind is not SuiteKind.TEXT and first.score != second.score
    return NoiseFloor(max_abs_delta=max(moved, default=None), flips=flips, n=len(usual.items))
