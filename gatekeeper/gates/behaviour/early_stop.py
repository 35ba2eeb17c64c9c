"""Stop measuring a candidate that is surely worse than the policy's margin, and say no more than that.

The champion is measured in full, the candidate round by round, with capital bet against "not more than the margin
worse". A stop can only block: its lower bound is −1, so nothing passes on it. When there is no stop, the fixed-n
comparison finds every item in the cache and keeps all of its own level.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import GateContext
from gatekeeper.gates.behaviour.comparison import Triple, model_ref
from regression import ItemResult, Session, Suite, sequentially
from regression.sequential import REJECT_ALPHA


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A candidate that was given up on a part of a suite."""

    read: Triple
    """The items that were read, in suite order, as candidate and champion answered them."""
    metrics: tuple[Metric, ...]


def stop_early(context: GateContext, suite: Suite, *, margin: float) -> Stop | None:
    """Return why the candidate was given up; ``None`` when it was not, or there is no champion to compare it with.

    Args:
        context: of the gate.
        suite: scored from 0 to 1.
        margin: δ, in the score's unit, that the policy blocks beyond.

    Raises:
        UnmeasuredError: a difference lies outside −1 to 1.
    """
    if context.champion is None:
        return None
    session = context.resources.get(Session)
    context.progress.start(f"{suite.name}: champion", None)
    champion = session.evaluate(model_ref(context.champion), suite)
    context.progress.start(f"{suite.name}: candidate, until it is surely worse", None)
    read: dict[str, ItemResult] = {}

    def rounds() -> Iterator[tuple[ItemResult, ...]]:
        for results in session.rounds(model_ref(context.update.candidate), suite):
            read.update((item.id, item) for item in results)
            yield results

    sizes = Counter(item.cluster for item in suite.items)
    states = list(sequentially(rounds(), champion.items, margin=margin, largest_cluster=max(sizes.values())))
    if not states or not states[-1].rejected:
        return None
    theirs = tuple(item for item in champion.items if item.id in read)
    ours = tuple(read[item.id] for item in theirs)
    candidate = dataclasses.replace(champion, model_digest=model_ref(context.update.candidate).digest, items=ours)
    items = len(ours)
    delta = math.fsum(a.score - b.score for a, b in zip(ours, theirs, strict=True)) / items
    change = Metric(
        name=f"{suite.name}.delta",
        value=delta,
        # What was rejected is a mean of −margin or more: the margin itself does not lie within the bounds.
        low=-1.0,
        high=math.nextafter(-margin, -1.0),
        confidence=1 - REJECT_ALPHA,
        unit="share",
        n=items,
        method=f"betting e-process, stopped after {items} of {len(suite.items)} items",
    )
    stopped = Metric(name=f"{suite.name}.stopped_after", value=float(items), unit="items", n=len(suite.items))
    return Stop(
        read=Triple(
            suite=suite, candidate=candidate, champion=dataclasses.replace(champion, items=theirs), anchor=None
        ),
        metrics=(change, stopped),
    )
