"""What is scored, as tokens: one path per choice, phrase or window of a text.

A choice is cut from its prompt exactly as lm-evaluation-harness does it: white space at the prompt's end moves to the
choice, prompt and prompt-with-choice are encoded whole, and what follows the prompt's token count is the choice.

A phrase is the event that the model goes on with its tokens. One whose tokens begin with those of another phrase of
its set is part of that event, and is left out so that nothing is counted twice; one that begins with a phrase of the
other set would count on both sides, and its item is refused. Other ways to cut the same text into tokens are not
counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from regression.errors import ModelError
from regression.models import Encoder
from regression.suites import ChoiceItem, ClozeItem, PhrasesItem, TextItem

WINDOW: Final = 1024
"""Longer texts are read in windows of so many tokens, each on its own; shorter where the model's context is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One sequence to score."""

    tokens: tuple[int, ...]
    """All of it; the last one is only predicted, never read."""
    start: int
    """Index of the first token scored, at least 1."""
    number: int
    """Which number of the item's output its log-likelihood adds to."""


Scored: TypeAlias = ChoiceItem | ClozeItem | PhrasesItem
"""Items with texts to score after a prompt."""


def choice_paths(items: Sequence[Scored], encoder: Encoder) -> list[tuple[Path, ...]]:
    """Return each item's paths, one per choice or phrase that counts.

    Where a tokenizer merges the prompt's end with a whole choice, so that nothing would be left to score, the item is
    cut at what prompt and every prompt-with-choice have in common instead.

    Raises:
        ModelError: the tokenizer leaves nothing to predict from or nothing to predict, or a phrase of one set begins
            with a phrase of the other.
    """
    texts = [text for item in items for text in (item.prompt.rstrip(), *(item.prompt + one for one in item.choices))]
    encoded = iter(encoder.whole(texts))
    found = []
    for item in items:
        prompt = next(encoded)
        wholes = [next(encoded) for _ in item.choices]
        start = len(prompt)
        if any(len(whole) <= start for whole in wholes):
            start = _common([prompt, *wholes])
        if isinstance(item, PhrasesItem):
            start = _common([whole[:start] for whole in wholes])
        if start == 0 or any(len(whole) <= start for whole in wholes):
            raise ModelError(
                f"the tokenizer gives nothing to score for item {item.id!r}.",
                hint="Check the tokenizer against the suite's language.",
            )
        paths = tuple(Path(tokens=tuple(whole), start=start, number=k) for k, whole in enumerate(wholes))
        found.append(_counted_once(item, paths) if isinstance(item, PhrasesItem) else paths)
    return found


def text_paths(item: TextItem, encoder: Encoder, *, window: int = WINDOW) -> tuple[Path, ...]:
    """Return the windows of one text; the first token of a window counts only after a begin token.

    Raises:
        ModelError: fewer than two tokens.
    """
    ids = encoder.ids(item.text)
    step = window - len(encoder.prefix)
    parts = [(*encoder.prefix, *ids[start : start + step]) for start in range(0, len(ids), step)]
    paths = tuple(Path(tokens=part, start=1, number=0) for part in parts if len(part) > 1)
    if not paths:
        raise ModelError(f"the tokenizer gives nothing to score for item {item.id!r}.")
    return paths


def rolling_paths(item: TextItem, encoder: Encoder, *, window: int) -> tuple[Path, ...]:
    """Return the windows of one text, every token of which counts: the first is predicted from the begin token.

    Later windows begin with the token before them, and the last one reaches back as far as the window is long.

    Raises:
        ModelError: nothing to score, or a tokenizer without begin and end token.

    Source:
        ``get_rolling_token_windows`` of lm-evaluation-harness 0.4.13 with one token of context.
    """
    begin = encoder.tokenizer.bos_token_id
    begin = encoder.tokenizer.eos_token_id if begin is None else begin
    ids = encoder.ids(item.text)
    if begin is None or not ids:
        raise ModelError(f"the tokenizer gives nothing to score for item {item.id!r}.")
    whole = (begin, *ids)
    paths = []
    for done in range(0, len(ids), window):
        end = min(done + window, len(ids))
        start = max(0, end - window)
        paths.append(Path(tokens=whole[start : end + 1], start=done - start + 1, number=0))
    return tuple(paths)


def _counted_once(item: PhrasesItem, paths: Sequence[Path]) -> tuple[Path, ...]:
    said = [path.tokens for path in paths]
    wanted = range(len(item.wanted))
    unwanted = range(len(item.wanted), len(paths))

    def begins(one: int, other: int) -> bool:
        return one != other and said[one][: len(said[other])] == said[other]

    for ours, theirs in ((wanted, unwanted), (unwanted, wanted)):
        for one in ours:
            if (other := next((other for other in theirs if begins(one, other)), None)) is not None:
                raise ModelError(
                    f"the phrase {item.choices[one]!r} of item {item.id!r} begins with {item.choices[other]!r} of the "
                    "other set.",
                    hint="Word the two sets so that no phrase begins with one of the other set.",
                )
    # Of two with the same tokens, the first covers.
    return tuple(
        path
        for one, path in enumerate(paths)
        if not any(
            begins(one, other) and (said[one] != said[other] or other < one)
            for other in (wanted if one in wanted else unwanted)
        )
    )


def _common(sequences: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all sequences share."""
    first, least = sequences[0], min(map(len, sequences))
    for n in range(least):
        if any(other[n] != first[n] for other in sequences):
            return n
    return least
