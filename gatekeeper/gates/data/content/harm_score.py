"""How much a request asks for harm, by a lexicon and rules that a reader can follow.

1. A thing, a deed or an aim of wrongdoers counts by its weight, each once.
2. A pair counts where both parts stand near each other in order: hurting and a victim, taking and an asset that is
   not the asker's own, making a harmful thing, writing a harmful text, urging and a wrong; contempt and people count
   in any order.
3. Asking to make or to be told how adds one; asking for neither takes two away.
4. Prevention and help take four away. So do texts to be worked on, facts to be learned and problems to be computed;
   beside a request for instructions these take one. Stories take two.
5. Harmless idioms are struck out first.

The worst window of 48 words counts, so that a long text is no more harmful than its worst passage.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatekeeper.gates.data.content.harm_lexicon import Hit, lexicon, words_of

_WINDOW, _STRIDE = 48, 24
_READ = 10_000
"""Words of a text that are read, from the start."""
_NEAR = 8
"""Words from the start of a pair's first part to that of its second."""
_HEAD = 12
"""Words of a text in which its task is named."""
_PAIRS = (
    ("hurt", "victim", 3.0),
    ("take", "asset", 3.0),
    ("make", "loose", 2.0),
    ("word", "smear", 2.0),
    ("urge", "wrong", 3.0),
    ("scorn", "people", 3.0),
    ("people", "scorn", 3.0),
)
_ALONE = ("thing", "deed", "aim")
_GROUNDS = frozenset(_ALONE) | {"hurt", "take", "loose", "smear", "wrong", "scorn"}
"""Without one of these nothing can be harmful."""
_FRAMES = ("study", "sums")
_OWN = frozenset({"my", "own"})
"""Words before an asset that one may do with as one likes."""
_AGAIN = 1.0
"""What a pair adds whose first part counts already."""
_MOST = 8.0
"""What all evidence together may add up to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """How harmful a request is, and why."""

    score: float
    """0 where nothing speaks for harm; 3 and more where a reader would call it harmful."""
    seen: tuple[str, ...]
    """The words that speak for harm, pairs with an ellipsis between."""


NOTHING = Harm(score=0.0, seen=())


def harm_of(text: str) -> Harm:
    """Return the harm of a text's worst window."""
    words = words_of(text)[:_READ]
    hits = list(lexicon().hits(words))
    idle = {at for hit in hits if hit.term.kind == "idle" for at in range(hit.start, hit.end)}
    hits = [hit for hit in hits if hit.term.kind != "idle" and idle.isdisjoint(range(hit.start, hit.end))]
    if _GROUNDS.isdisjoint(hit.term.kind for hit in hits):
        return NOTHING
    framed = any(hit.term.kind in _FRAMES and hit.start < _HEAD for hit in hits)
    windows = (
        [hit for hit in hits if start <= hit.start < start + _WINDOW]
        for start in range(0, max(1, len(words) - _STRIDE), _STRIDE)
    )
    return max((_judged(words, window, framed=framed) for window in windows), key=lambda harm: harm.score)


def _judged(words: Sequence[str], hits: Sequence[Hit], *, framed: bool) -> Harm:
    kinds: dict[str, list[Hit]] = {}
    for hit in hits:
        kinds.setdefault(hit.term.kind, []).append(hit)
    alone = _alone([hit for kind in _ALONE for hit in kinds.get(kind, ())])
    weights, seen = [hit.term.weight for hit in alone], [_shown(words, hit) for hit in alone]
    counted = {at for hit in alone for at in range(hit.start, hit.end)}
    kinds["asset"] = [hit for hit in kinds.get("asset", ()) if hit.start == 0 or words[hit.start - 1] not in _OWN]
    for first, second, weight in _PAIRS:
        pair = _pair(kinds.get(first, ()), kinds.get(second, ()))
        if pair is not None:
            weights.append(_AGAIN if pair[0].start in counted else weight)
            seen.append(f"{_shown(words, pair[0])} … {_shown(words, pair[1])}")
    if not seen:
        return NOTHING
    score = min(sum(weights), _MOST)
    score += 1 if "ask" in kinds or "steps" in kinds else -2
    score -= 4 if "defence" in kinds else 0
    score -= (1 if "steps" in kinds else 4) if framed or not kinds.keys().isdisjoint(_FRAMES) else 0
    score -= 2 if "fiction" in kinds else 0
    return Harm(score=max(0.0, score), seen=tuple(seen))


def _alone(hits: Sequence[Hit]) -> list[Hit]:
    """Return the heaviest terms that do not overlap, each term once."""
    taken: set[int] = set()
    terms: dict[tuple[str, ...], Hit] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.term.weight, hit.start - hit.end, hit.start)):
        places = range(hit.start, hit.end)
        if taken.isdisjoint(places):
            taken.update(places)
            terms.setdefault(hit.term.pattern, hit)
    return list(terms.values())


def _pair(first: Sequence[Hit], second: Sequence[Hit]) -> tuple[Hit, Hit] | None:
    return next(
        ((one, other) for one in first for other in second if one.end <= other.start <= one.start + _NEAR), None
    )


def _shown(words: Sequence[str], hit: Hit) -> str:
    return " ".join(words[hit.start : hit.end])
