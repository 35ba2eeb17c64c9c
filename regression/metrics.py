"""What a model's answer to an item comes to: every metric of the item's kind, one of which is the item's score.

Metrics that lm-evaluation-harness also has carry its names and follow its definitions (version 0.4.13): ``acc``,
``acc_norm`` and ``acc_bytes`` take the likeliest choice by raw log-likelihood, per character and per byte of the
choice without its delimiter, the first of equals; ``mc2`` is the probability of all right choices among all choices;
``perplexity``, ``word_perplexity``, ``byte_perplexity`` and ``bits_per_byte`` are taken over a whole suite, weighted
by length. An item's share of the last three is in nats (bits) per word or byte, so that scores can be averaged.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from regression.cache import Output
from regression.errors import JudgeError
from regression.items import ChoiceItem, ClozeItem, GenerateItem, Item, PhrasesItem, TextItem
from regression.suites import Suite

LOWER_IS_BETTER: Final = frozenset(
    {"nats_per_token", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "topk_kl"}
)
"""Of every other metric, more is better."""

COUNTS_TOKENS: Final = frozenset(
    {"nats_per_token", "loglikelihood_token", "acc_tokens", "topk_kl", "share", "preferred", "margin"}
)
"""Metrics that depend on how a tokenizer cuts a text: comparable only under one tokenizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One item's numbers."""

    values: tuple[tuple[str, float], ...]
    """What the model answered, in nats, tokens and bytes."""
    metrics: tuple[tuple[str, float], ...]
    """Every metric of the kind; NaN where it was not measured."""
    error: str | None = None
    """Why the item was not measured."""


def measure(suite: Suite, item: Item, output: Output) -> Measured:
    """Return the numbers of one item. Nothing is measured by default: a judge that fails leaves NaN and a reason."""
    match item:
        case ChoiceItem():
            return Measured(values=_values(output), metrics=_choice(suite, item, output))
        case ClozeItem():
            return Measured(values=_values(output), metrics=_cloze(item, output))
        case PhrasesItem():
            return Measured(values=_values(output), metrics=_phrases(item, output))
        case GenerateItem():
            return _replies(item, output)
        case TextItem():
            return _text(suite, item, output)


def totals(suite: Suite, measured: Sequence[Measured]) -> dict[str, float]:
    """Return every metric over the whole suite; NaN where an item was not measured.

    Args:
        suite: the suite.
        measured: one entry per item, in suite order.

    Source:
        lm-evaluation-harness 0.4.13, ``lm_eval/api/metrics.py``: mean, perplexity, weighted_perplexity, bits_per_byte.
    """
    columns: dict[str, list[float]] = {}
    for one in measured:
        for name, value in one.metrics:
            columns.setdefault(name, []).append(value)
    found = {name: math.fsum(column) / len(column) for name, column in columns.items()}
    if isinstance(suite.items[0], ClozeItem):
        found["perplexity"] = math.exp(-found["loglikelihood"])
    if isinstance(suite.items[0], TextItem):
        sums = {name: math.fsum(dict(one.values)[name] for one in measured) for name in ("nats", "words", "bytes")}
        sums["tokens"] = math.fsum(dict(one.values)["tokens"] for one in measured)
        found["nats_per_token"] = sums["nats"] / sums["tokens"]
        found["word_perplexity"] = math.exp(sums["nats"] / sums["words"])
        found["byte_perplexity"] = math.exp(sums["nats"] / sums["bytes"])
        found["bits_per_byte"] = sums["nats"] / sums["bytes"] / math.log(2)
    return found


def log_sum_exp(logs: Sequence[float]) -> float:
    """Return the logarithm of the summed exponentials; minus infinity of nothing."""
    most = max(logs, default=-math.inf)
    if most == -math.inf:
        return -math.inf
    return most + math.log(math.fsum(math.exp(value - most) for value in logs))


def _values(output: Output) -> tuple[tuple[str, float], ...]:
    return (
        *((f"choice_{k}", number) for k, number in enumerate(output.numbers) if number > -math.inf),
        *((f"tokens_{k}", float(count)) for k, count in enumerate(output.counts) if count),
    )


def _choice(suite: Suite, item: ChoiceItem, output: Output) -> tuple[tuple[str, float], ...]:
    bare = [choice.removeprefix(suite.delimiter) for choice in item.choices]
    lengths: Mapping[str, Sequence[float]] = {
        "acc": [1] * len(bare),
        "acc_norm": [len(text) or 1 for text in bare],
        "acc_bytes": [len(text.encode()) or 1 for text in bare],
        "acc_tokens": output.counts or [1] * len(bare),
    }
    found = []
    for name, length in lengths.items():
        # The first of equals: a tie is right only when the answer stands first, whichever model it is.
        best = max(range(len(bare)), key=lambda k, length=length: output.numbers[k] / length[k])  # type: ignore[misc]  # a default binds the loop's value
        found.append((name, float(best in item.right)))
    whole = log_sum_exp(output.numbers)
    mass = log_sum_exp([output.numbers[k] for k in item.right])
    return (*found, ("mc2", math.exp(mass - whole)))


def _cloze(item: ClozeItem, output: Output) -> tuple[tuple[str, float], ...]:
    log = output.numbers[0]
    return (
        ("acc", float(output.greedy[0])),
        ("loglikelihood", log),
        ("loglikelihood_token", log / output.counts[0]),
        ("loglikelihood_byte", log / len(item.target.encode())),
    )


def _phrases(item: PhrasesItem, output: Output) -> tuple[tuple[str, float], ...]:
    """Phrases that begin with another of their set were left out when the rows were made: their numbers are −∞."""
    count = len(item.wanted)
    margin = log_sum_exp(output.numbers[:count]) - log_sum_exp(output.numbers[count:])
    share = 1 / (1 + math.exp(-margin)) if margin > -700 else 0.0
    return (("share", share), ("preferred", float(margin > 0)), ("margin", margin))


def _replies(item: GenerateItem, output: Output) -> Measured:
    replies = (output.text or "", *output.more)
    try:
        scores = [item.judge.score(reply) for reply in replies]
    except JudgeError as error:
        nothing = (("judge", math.nan), ("judge_any", math.nan))
        return Measured(values=(), metrics=nothing, error=f"item {item.id!r}: {error}")
    return Measured(values=(), metrics=(("judge", math.fsum(scores) / len(scores)), ("judge_any", max(scores))))


def _text(suite: Suite, item: TextItem, output: Output) -> Measured:
    nats, tokens = -output.numbers[0], output.written
    words, size = len(re.split(r"\s+", item.text)), len(item.text.encode())
    metrics = [
        ("nats_per_token", nats / tokens),
        ("word_perplexity", nats / words),
        ("byte_perplexity", nats / size),
        ("bits_per_byte", nats / size / math.log(2)),
    ]
    error = None
    if suite.score == "topk_kl":
        metrics.append(("topk_kl", math.nan))
        error = f"item {item.id!r}: topk_kl needs a reference model."
    return Measured(
        values=(("nats", nats), ("tokens", float(tokens)), ("bytes", float(size)), ("words", float(words))),
        metrics=tuple(metrics),
        error=error,
    )
