"""Whether a text orders a model about in words that no fixed pattern foresees, by which words stand together.

Three things count, each by words that stand near each other:

1. setting aside, or being without, what a model is bound by, where a model is named or spoken to;
2. setting aside what it was told;
3. a model that shall be wild, where the text speaks to it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from gatekeeper.gates.data.content.harm_lexicon import Hit, Lexicon, read_terms, words_of

_NEAR = 5
"""Words from the first of two that count together to the second."""
_OWNED = 3
"""Words from a word of owning to what is owned."""
_ABOUT = 14
"""Words within which a third must stand."""
_READ = 4_000
"""Words of a text that are read, from the start."""
_CLASSES = frozenset({"drop", "void", "free", "limits", "rules", "lax", "own", "told", "model", "you", "wild"})


def orders_in(text: str) -> str:
    """Return what a text tells a model to do, in words, or nothing."""
    words = words_of(text)[:_READ]
    kinds: dict[str, list[Hit]] = {kind: [] for kind in _CLASSES}
    for hit in _lexicon().hits(words):
        kinds[hit.term.kind].append(hit)
    for pair in (*_after(kinds["drop"], kinds["told"]), *_after(kinds["told"], kinds["void"])):
        return f'sets aside what was said ("{_shown(words, pair)}")'
    spoken = [*kinds["model"], *kinds["you"]]
    if not spoken:
        return ""
    for pair in (*_after(kinds["drop"], kinds["rules"]), *_after(kinds["rules"], kinds["void"])):
        rules = pair[0] if pair[0].term.kind == "rules" else pair[1]
        if any(0 < rules.start - hit.start <= _OWNED for hit in kinds["own"]):
            return f'sets a model\'s rules aside ("{_shown(words, pair)}")'
    for pair in _after(kinds["drop"], [*kinds["rules"], *kinds["lax"]]):
        if any(0 < hit.start - pair[1].start <= _NEAR for hit in kinds["model"]):
            return f'sets a model\'s rules aside ("{_shown(words, pair)}")'
    for pair in (*_after(kinds["free"], kinds["limits"]), *_after(kinds["limits"], kinds["void"])):
        if _beside(pair, kinds["model"]) and _beside(pair, kinds["you"]):
            return f'frees a model of its limits ("{_shown(words, pair)}")'
    wild = kinds["wild"]
    for pair in (*_after(wild, kinds["model"]), *_after(kinds["model"], wild)):
        if _beside(pair, spoken, outside=True) or len({hit.start for hit in wild}) > 1:
            return f'has the model play one without limits ("{_shown(words, pair)}")'
    return ""


def _after(first: Sequence[Hit], second: Sequence[Hit]) -> Iterator[tuple[Hit, Hit]]:
    """Yield the pairs whose second part follows the first within a few words."""
    return ((one, other) for one in first for other in second if one.end <= other.start <= one.start + _NEAR)


def _beside(pair: tuple[Hit, Hit], others: Sequence[Hit], *, outside: bool = False) -> bool:
    taken = {at for hit in pair for at in range(hit.start, hit.end)} if outside else set()
    return any(abs(hit.start - pair[0].start) <= _ABOUT and hit.start not in taken for hit in others)


def _shown(words: Sequence[str], pair: tuple[Hit, Hit]) -> str:
    first, second = pair
    return f"{' '.join(words[first.start : first.end])} … {' '.join(words[second.start : second.end])}"


@cache
def _lexicon() -> Lexicon:
    text = files(__package__).joinpath("order_terms.txt").read_text(encoding="utf-8")
    return Lexicon(tuple(read_terms(text, classes=_CLASSES)))
