"""How far a candidate's next-token distributions are from a reference's, from the largest log-probabilities of each.

Both models were scored on the same texts and kept their 64 largest log-probabilities at each position. The divergence
reported is a lower bound of the full one: merging tokens into buckets never increases KL (data-processing inequality).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regression.errors import UnmeasuredError
from regression.topk import unpack

if TYPE_CHECKING:
    from regression.models import ModelRef
    from regression.session import Session
    from regression.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """KL(reference ‖ candidate) of one text."""

    id: str
    cluster: str
    kl: float
    """In nats per token, at least 0; a lower bound."""
    tokens: int
    """Positions compared."""


def topk_kl(reference: tuple[Any, Any], candidate: tuple[Any, Any]) -> Any:
    """Return a lower bound of KL(reference ‖ candidate) at each position, in nats.

    Buckets: each token both kept; all tokens only the reference kept; all others. The candidate's mass ``x`` in the
    second bucket is not known, only that each of its tokens lies below the candidate's smallest kept one, so the
    smallest divergence over every possible ``x`` is taken: with reference masses a, r and candidate mass M on both
    buckets together, a·ln(a/x) + r·ln(r/(M - x)) is least at x = M·a/(a + r).

    Args:
        reference: ids and log-probabilities, (positions, kept).
        candidate: the same positions.

    Returns:
        (positions,), each at least 0.
    """
    (ids_p, logs_p), (ids_q, logs_q) = reference, candidate
    match = ids_p[:, :, None] == ids_q[:, None, :]
    shared = match.any(axis=2)
    logs_q_there = np.where(shared, np.take_along_axis(logs_q, match.argmax(axis=2), axis=1), 0.0)
    p = np.exp(logs_p)
    inside = np.where(shared, p * (logs_p - logs_q_there), 0.0).sum(axis=1)

    tiny = np.finfo(np.float64).tiny
    a = np.where(shared, 0.0, p).sum(axis=1)
    r = np.clip(1.0 - p.sum(axis=1), 0.0, None)
    both = np.clip(1.0 - np.where(shared, np.exp(logs_q_there), 0.0).sum(axis=1), tiny, None)
    kept_q = np.exp(logs_q).sum(axis=1)
    only_p = (~shared).sum(axis=1)
    most = np.minimum(only_p * np.exp(logs_q.min(axis=1)), np.clip(1.0 - kept_q, 0.0, None))
    x = np.minimum(both * a / np.clip(a + r, tiny, None), most)

    def term(mass: Any, other: Any) -> Any:
        return np.where(mass > 0, mass * np.log(np.clip(mass, tiny, None) / np.clip(other, tiny, None)), 0.0)

    return np.clip(inside + term(a, x) + term(r, both - x), 0.0, None)


def text_kl(session: "Session", candidate: "ModelRef", reference: "ModelRef", suite: "Suite") -> tuple[Drift, ...]:
    """Return KL(reference ‖ candidate) of every text of a suite, in nats per token, in suite order.

    Both models are scored through the session's cache, so after ``evaluate`` this costs no forward pass.

    Raises:
        UnmeasuredError: the suite holds no texts, or the two tokenizers cut a text differently.
    """
    if suite.kind != "text":
        raise UnmeasuredError(f"the suite {suite.name} holds no texts, so it has no drift.", hint="Use a text suite.")
    ours, theirs = session.outputs(candidate, suite), session.outputs(reference, suite)
    drifts = []
    for item, mine, other in zip(suite.items, ours, theirs, strict=True):
        p, q = unpack(other.top or b""), unpack(mine.top or b"")
        if p[0].shape != q[0].shape:
            raise UnmeasuredError(
                f"the two tokenizers cut item {item.id!r} differently.",
                hint="Drift needs one tokenizer on both sides.",
            )
        values = topk_kl(p, q)
        drifts.append(Drift(id=item.id, cluster=item.cluster, kl=float(values.mean()), tokens=len(values)))
    return tuple(drifts)
