"""A suite as tokens for one model: the rows or prompts of every item, refused by name where they do not fit.

``phrases``: a phrase is the event that the model goes on with its tokens. A phrase whose tokens begin with those of
another phrase of its set is part of that event, and is left out so that nothing is counted twice; one that begins
with a phrase of the other set would count on both sides, and its item is refused. Other ways to cut the same text
into tokens are not counted.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from regression import scoring
from regression.errors import ModelError
from regression.models import Encoder
from regression.suites import GenerateItem, PhrasesItem, Suite, SuiteKind, TextItem

_CONTEXT: Final = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")


def configuration(base: Path) -> tuple[str, int | None]:
    """Return the architecture's name and the most tokens the model reads at once.

    Raises:
        ModelError: the folder holds no readable configuration.
    """
    try:
        config = json.loads((base / "config.json").read_text(encoding="utf-8"))
        limit = next((config[name] for name in _CONTEXT if name in config), None)
        return str(config.get("model_type", "")), limit if isinstance(limit, int) and limit > 0 else None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{base} holds no readable config.json.", hint="Give a model folder.") from error


def tokenise(suite: Suite, encoder: Encoder, *, context: int | None, branching: bool) -> list[Any]:
    """Return each item's rows, or, for replies, the token ids of its prompt, in suite order.

    Args:
        suite: the suite.
        encoder: the model's tokenizer.
        context: most tokens the model reads at once; ``None`` where its configuration names no limit.
        branching: whether all choices of an item may share one row.

    Raises:
        ModelError: the tokenizer leaves nothing to score, or an item is longer than the context; it is named.
    """
    if suite.kind is SuiteKind.GENERATE:
        return [_prompt(cast("GenerateItem", item), encoder, context) for item in suite.items]
    if suite.kind is SuiteKind.TEXT:
        texts = cast("Sequence[TextItem]", suite.items)
        window = min(context or scoring.WINDOW, scoring.WINDOW)
        if suite.rolling:
            return [scoring.rolling_rows(item, encoder, window=context or scoring.WINDOW) for item in texts]
        return [scoring.text_rows(item, encoder, window=window) for item in texts]
    found = []
    for item in cast("Sequence[scoring.Scored]", suite.items):
        rows = (
            phrase_rows(item, encoder, branching=branching)
            if isinstance(item, PhrasesItem)
            else scoring.choice_rows(item, encoder, branching=branching)
        )
        _fits(item.id, 1 + max(place for row in rows for place in row.places), context)
        found.append(rows)
    return found


def phrase_rows(item: PhrasesItem, encoder: Encoder, *, branching: bool) -> tuple[scoring.Row, ...]:
    """Return the rows of one item, without phrases that another phrase of their set already covers.

    Raises:
        ModelError: a phrase of one set begins with a phrase of the other.
    """
    cut = {phrase: tuple(encoder.ids(item.prompt + phrase)) for phrase in item.choices}

    def begins(phrase: str, other: str) -> bool:
        return phrase != other and cut[phrase][: len(cut[other])] == cut[other]

    for ours, theirs in ((item.wanted, item.unwanted), (item.unwanted, item.wanted)):
        for phrase in ours:
            if other := next((other for other in theirs if begins(phrase, other)), None):
                raise ModelError(
                    f"the phrase {phrase!r} of item {item.id!r} begins with {other!r} of the other set.",
                    hint="Word the two sets so that no phrase begins with one of the other set.",
                )
    kept = [
        {n: p for n, p in enumerate(phrases) if not any(_covers(cut, other, p, phrases) for other in phrases)}
        for phrases in (item.wanted, item.unwanted)
    ]
    places = [*kept[0], *(len(item.wanted) + n for n in kept[1])]
    smaller = replace(item, wanted=tuple(kept[0].values()), unwanted=tuple(kept[1].values()))
    rows = scoring.choice_rows(smaller, encoder, branching=branching)
    return tuple(
        replace(row, targets=tuple((index, token, places[k]) for index, token, k in row.targets)) for row in rows
    )


def _covers(cut: dict[str, tuple[int, ...]], other: str, phrase: str, phrases: Sequence[str]) -> bool:
    """Whether ``other`` already covers ``phrase``; of two with the same tokens, the first covers."""
    if phrase == other or cut[phrase][: len(cut[other])] != cut[other]:
        return False
    return cut[phrase] != cut[other] or phrases.index(other) < phrases.index(phrase)


def _prompt(item: GenerateItem, encoder: Encoder, context: int | None) -> list[int]:
    ids = encoder.chat(item.messages) if item.messages else [*encoder.prefix, *encoder.ids(item.prompt)]
    if not ids:
        what = "chat template" if item.messages else "tokenizer"
        raise ModelError(f"the {what} gives nothing to answer for item {item.id!r}.")
    _fits(item.id, len(ids) + item.max_new_tokens, context)
    return ids


def _fits(name: str, tokens: int, context: int | None) -> None:
    if context is not None and tokens > context:
        raise ModelError(
            f"item {name!r} needs {tokens} tokens, the model reads at most {context}.",
            hint="Shorten the item, its preamble or its reply, or leave it out of the suite.",
        )
