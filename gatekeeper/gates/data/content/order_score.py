"""Whether a text orders a model about in words that no fixed pattern foresees, by which words stand together.

Three things count, each by words that stand near each other:

1. setting aside, or being without, what a model is bound by, where a model is named or spoken to;
2. setting aside what it was told;
3. a model that shall be wild, where the text speaks to it.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from gatekeeper.gates.data.content.harm_lexicon import Hit, Lexicon, read_terms, words_of

_NEAR = 6
"""Words between two that count together."""
_ABOUT = 14
"""Words within which a third must stand."""
_READ = 1_500
"""Words of a text that are read, from the start."""
_CLASSES = frozenset({"drop", "free", "rules", "lax", "told", "model", "you", "wild"})

_OWN = frozenset({"your", "yourself", "vos", "tes", "deine"})


def orders_in(text: str) -> str:
    """Return what a text tells a model to do, in words, or nothing."""
    words = words_of(text)[:_READ]
    kinds: dict[str, list[Hit]] = {}
    for hit in _lexicon().hits(words):
        kinds.setdefault(hit.term.kind, []).append(hit)
    spoken = [*kinds.get("model", ()), *kinds.get("you", ())]
    if "told" in kinds and (pair := _near(kinds.get("drop", ()), kinds["told"])):
        return f'sets aside what was said ("{_shown(words, pair)}")'
    own = [hit for hit in kinds.get("you", ()) if hit.term.pattern[0] in _OWN]
    rules, models = kinds.get("rules", []), kinds.get("model", [])
    bound = [*rules, *kinds.get("lax", ())]
    dropped, freed = _near(kinds.get("drop", ()), bound), _near(kinds.get("free", ()), bound)
    if dropped and spoken and _beside(dropped, models):
        return f'sets a model\'s rules aside ("{_shown(words, dropped)}")'
    if (pair := _near(kinds.get("drop", ()), rules)) and _beside(pair, own):
        return f'sets a model\'s rules aside ("{_shown(words, pair)}")'
    if freed and _beside(freed, models):
        return f'frees a model of its limits ("{_shown(words, freed)}")'
    if (
        "wild" in kinds
        and (pair := _near(kinds["wild"], kinds.get("model", ())))
        and _beside(pair, spoken, outside=True)
    ):
        return f'has the model play one without limits ("{_shown(words, pair)}")'
    return ""


def _near(first: Sequence[Hit], second: Sequence[Hit]) -> tuple[Hit, Hit] | None:
    """Return two that stand near each other, in either order, without sharing a word."""
    return next(
        (
            (one, other)
            for one in first
            for other in second
            if (one.end <= other.start or other.end <= one.start) and abs(one.start - other.start) <= _NEAR
        ),
        None,
    )


def _beside(pair: tuple[Hit, Hit], others: Sequence[Hit], *, outside: bool = False) -> bool:
    taken = {at for hit in pair for at in range(hit.start, hit.end)} if outside else set()
    return any(abs(hit.start - pair[0].start) <= _ABOUT and hit.start not in taken for hit in others)


def _shown(words: Sequence[str], pair: tuple[Hit, Hit]) -> str:
    first, second = sorted(pair, key=lambda hit: hit.start)
    return f"{' '.join(words[first.start : first.end])} … {' '.join(words[second.start : second.end])}"


@cache
def _lexicon() -> Lexicon:
    text = files(__package__).joinpath("order_terms.txt").read_text(encoding="utf-8")
    return Lexicon(tuple(read_terms(text, classes=_CLASSES)))
