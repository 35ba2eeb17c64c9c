"""Find the items of an index in one row after the other; memory grows with the items and never with the rows.

1. *exact*: a form's words stand in the row one after the other. A form of fewer than ``anywhere`` words must fill
   whole fields of the row, since so few words meet by chance.
2. *gram*: a run of ``gram`` words of a form stands in the row, half of them the question's (or all of its words, where
   it has fewer), and not all of it is boilerplate of the suite.
3. *near*: a window of the row has a Jaccard similarity of at least ``similarity`` to the form, over sets of word
   pairs, and holds as large a share of the question's pairs that are no boilerplate: another sentence of the same
   template is no leak, and neither is an answer by itself.

Candidates come from word pairs of the forms, the rarest first. A window as similar as that lacks at most
``len(pairs) - ceil(similarity * len(pairs))`` of a form's pairs; with two probes more than that, at least two are hit.
So, unlike MinHash, no window is missed by chance, and each candidate is then compared in full. For the runs, a probe
stands in every ``gram`` consecutive words.

Source:
    Brown et al. 2020, "Language models are few-shot learners", appendix C (13-grams); Bayardo, Ma and Srikant 2007,
    "Scaling up all pairs similarity search" (prefix filter); Broder 1997, "On the resemblance and containment of
    documents".
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, pairwise
from typing import TypeAlias

from gatekeeper.gates.data.leaks.item_forms import Form
from gatekeeper.gates.data.leaks.words import Words

Pair: TypeAlias = "tuple[str, str]"
_NEEDED = 2
"""Probes of a form that must be hit before it is compared."""


class LeakTest(IntEnum):
    """What shows that an item stands in a row, weakest first."""

    NEAR = 1
    GRAM = 2
    EXACT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One item in one row."""

    item: int
    test: LeakTest
    similarity: float
    """Jaccard similarity of the best window, 0 to 1; for a run, the share of the form's words that it covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What counts as the same words."""

    gram: int
    anywhere: int
    """Words from which a form counts wherever it stands."""
    similarity: float
    """Between 0 and 1."""


class Index:
    """The forms of all suites, ready to be looked for."""

    def __init__(self, forms: Sequence[Form], rules: Rules, *, frequent: Mapping[Pair, int]) -> None:
        """Choose probes.

        Args:
            forms: what is looked for.
            rules: what counts as found.
            frequent: how often word pairs occur in a sample of rows; it only makes the search quick.
        """
        self._rules = rules
        self._forms = forms
        self._whole: dict[Words, list[int]] = defaultdict(list)
        self._probes: dict[Pair, list[tuple[int, int]]] = defaultdict(list)
        self._pairs: dict[int, frozenset[Pair]] = {}
        self._longest_whole = 0
        own = Counter(pair for form in forms for pair in set(pairwise(form.words)))
        for place, form in enumerate(forms):
            if len(form.words) < rules.anywhere:
                self._whole[form.words].append(place)
                self._longest_whole = max(self._longest_whole, len(form.words))
                continue
            self._pairs[place] = frozenset(pairwise(form.words))
            for offset in sorted(self._offsets(form.words, self._pairs[place], frequent, own)):
                self._probes[form.words[offset], form.words[offset + 1]].append((place, offset))
        self._keys = frozenset(self._probes)

    def _offsets(
        self, words: Words, pairs: frozenset[Pair], frequent: Mapping[Pair, int], own: Mapping[Pair, int]
    ) -> set[int]:
        """Return where the probes of a form begin."""
        listed = list(pairwise(words))
        costs = [(frequent.get(pair, 0) * own[pair], own[pair], at) for at, pair in enumerate(listed)]
        allowed = len(pairs) - math.ceil(self._rules.similarity * len(pairs))
        rarest = sorted(dict(zip(listed, costs, strict=True)).items(), key=lambda one: one[1])
        chosen = {pair for pair, _ in rarest[: allowed + _NEEDED]}
        offsets = {at for at, pair in enumerate(listed) if pair in chosen}
        step = self._rules.gram - 1
        last = -1
        while len(words) >= self._rules.gram and last + step < len(listed):
            reach = range(last + 1 + step // 2, last + 1 + step)
            last = min(reach, key=lambda at: costs[at])
            offsets.add(last)
        return offsets

    def search(self, fields: Sequence[Words]) -> list[Leak]:
        """Return the items that stand in a row, each once, with the strongest test.

        Args:
            fields: the words of the row's texts, in their order.
        """
        best: dict[int, Leak] = {}
        for leak in (*self._in_whole_fields(fields), *self._anywhere(tuple(chain.from_iterable(fields)))):
            known = best.get(leak.item)
            if known is None or (leak.test, leak.similarity) > (known.test, known.similarity):
                best[leak.item] = leak
        return [best[item] for item in sorted(best)]

    def _in_whole_fields(self, fields: Sequence[Words]) -> Iterable[Leak]:
        for at in range(len(fields)):
            words: Words = ()
            for field in fields[at:]:
                words = (*words, *field[: self._longest_whole + 1])
                if len(words) > self._longest_whole:
                    break
                for place in self._whole.get(words, ()):
                    yield Leak(item=self._forms[place].item, test=LeakTest.EXACT, similarity=1.0)

    def _anywhere(self, words: Words) -> Iterable[Leak]:
        hit = set(pairwise(words)) & self._keys
        if not hit:
            return
        starts: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for position, pair in enumerate(pairwise(words)):
            if pair in hit:
                for place, offset in self._probes[pair]:
                    starts[place].append((position - offset, offset))
        for place, found in starts.items():
            leak = self._compare(self._forms[place], self._pairs[place], words, found)
            if leak is not None:
                yield leak

    def _compare(
        self, form: Form, pairs: frozenset[Pair], words: Words, found: Sequence[tuple[int, int]]
    ) -> Leak | None:
        size = len(form.words)
        if any(start >= 0 and words[start : start + size] == form.words for start in {start for start, _ in found}):
            return Leak(item=form.item, test=LeakTest.EXACT, similarity=1.0)
        if size >= self._rules.gram:
            longest = max(self._run(form, words, start, offset) for start, offset in found)
            if longest:
                return Leak(item=form.item, test=LeakTest.GRAM, similarity=longest / size)
        telling = frozenset(pairwise(form.words[: form.asked])) - form.shared
        spare = math.ceil(size / self._rules.similarity) - size + 1
        similarity = max(
            (
                _similarity(pairs, telling, words[max(0, low - spare) : max(0, high + size + spare)])
                for low, high in _groups(found, width=4 * spare)
            ),
            default=0.0,
        )
        if similarity < self._rules.similarity:
            return None
        return Leak(item=form.item, test=LeakTest.NEAR, similarity=similarity)

    def _run(self, form: Form, words: Words, start: int, offset: int) -> int:
        """Return the length of the equal run around a probe, 0 where it is too short or all boilerplate."""
        low = offset
        while low > 0 and start + low > 0 and words[start + low - 1] == form.words[low - 1]:
            low -= 1
        high = offset + 2
        while high < len(form.words) and start + high < len(words) and words[start + high] == form.words[high]:
            high += 1
        size = self._rules.gram
        if high - low < size or form.asked - low < min(form.asked, size // 2):
            return 0
        telling = not form.shared or any(
            form.words[at : at + size] not in form.shared for at in range(low, high - size + 1)
        )
        return high - low if telling else 0


def _groups(found: Sequence[tuple[int, int]], *, width: int) -> Iterable[tuple[int, int]]:
    """Yield first and last start of probes that lie together, where enough different ones do.

    Starts are put into cells of ``width``, and into cells shifted by half of it: starts that differ by at most half a
    cell share one. So the work is linear in the hits, however often a row repeats them.
    """
    cells: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for start, offset in found:
        for shift in (0, width // 2):
            cells[shift, (start + shift) // width].append((start, offset))
    for cell in cells.values():
        if len({offset for _, offset in cell}) >= _NEEDED:
            starts = [start for start, _ in cell]
            yield min(starts), max(starts)


def _similarity(pairs: frozenset[Pair], telling: frozenset[Words], words: Words) -> float:
    """Return how similar the best part of a window is, 0 to 1.

    The lesser of two: the Jaccard similarity of all pairs, and the share of the telling ones that the part holds. The
    best end is looked for first, then the best begin.

    Args:
        pairs: of the form.
        telling: those of the question that few other items share.
        words: of the window.
    """
    window = list(pairwise(words))
    inside = [at for at, pair in enumerate(window) if pair in pairs]
    if not inside or not telling:
        return 0.0
    first = inside[0]
    last = _best(pairs, [(end, window[first : end + 1]) for end in inside])
    first = _best(pairs, [(begin, window[begin : last + 1]) for begin in inside if begin <= last])
    kept = set(window[first : last + 1])
    return min(_jaccard(kept, pairs), len(kept & telling) / len(telling))


def _best(pairs: frozenset[Pair], parts: Sequence[tuple[int, Sequence[Pair]]]) -> int:
    return max(parts, key=lambda part: _jaccard(set(part[1]), pairs))[0]


def _jaccard(left: set[Pair], right: frozenset[Pair]) -> float:
    return len(left & right) / len(left | right)


def pair_counts(rows: Iterable[Sequence[Words]]) -> Counter[Pair]:
    """Return in how many rows each word pair occurs."""
    counts: Counter[Pair] = Counter()
    for fields in rows:
        counts.update(set(pairwise(chain.from_iterable(fields))))
    return counts
