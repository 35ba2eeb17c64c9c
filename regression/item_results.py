"""What a model's answers come to, item by item."""

from dataclasses import dataclass

from regression.cache import Output
from regression.metrics import measure
from regression.suites import Item, Suite, SuiteKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What one item came to."""

    id: str
    cluster: str
    score: float
    """The metric the suite's header names; NaN where it was not measured. By default, choices: 1.0 when the likeliest
    is the answer; replies: the judge's score; texts: mean negative log-likelihood, in nats per token."""
    values: tuple[tuple[str, float], ...]
    """Choices: ``choice_0``, ... each log-likelihood in nats, and ``tokens_0``, ... the tokens each was summed over.
    Texts: ``nats``, ``tokens``, ``bytes``, ``words``."""
    text: str | None = None
    """The reply; the first of several."""
    more: tuple[str, ...] = ()
    """The other replies, where several are drawn."""
    greedy: tuple[bool, ...] = ()
    """Choices: whether each is what the likeliest token at every place gives."""
    metrics: tuple[tuple[str, float], ...] = ()
    """Every metric of the suite's kind, see ``regression.metrics``."""
    error: str | None = None
    """Why the item was not measured."""

    def value(self, name: str) -> float:
        """Return one of the values; ``KeyError`` when there is none of that name."""
        return dict(self.values)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """One model on one suite."""

    suite: str
    suite_digest: str
    kind: SuiteKind
    model_digest: str
    items: tuple[ItemResult, ...]
    """In suite order."""
    fresh: int
    """Items computed in this call."""
    cached: int
    """Items found in the cache."""
    tokens_scored: int
    """Tokens the model was given over all items, cached or not."""
    tokens_generated: int
    """Tokens it generated over all items, cached or not."""
    inputs_digest: str = ""
    """SHA-256 over the tokens of every item: differs where tokenizer or template make another question of one."""


def judged(suite: Suite, item: Item, output: Output) -> ItemResult:
    """Return the item's result: what the model answered, measured as the suite says."""
    measured = measure(suite, item, output)
    return ItemResult(
        id=item.id,
        cluster=item.cluster,
        score=dict(measured.metrics)[suite.score],
        values=measured.values,
        text=output.text,
        more=output.more,
        greedy=output.greedy,
        metrics=measured.metrics,
        error=measured.error,
    )
