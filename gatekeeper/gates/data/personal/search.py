"""All recognisers over one batch of rows: a pure map, so that batches can run anywhere and in any order.

1. Forms (``structured_pii``), on one page for the whole batch, and again on texts whose disguise was taken off.
2. Names that the words around them give away, and sentences that a language model has to read.
3. Overlaps are settled: a form beats a name, a person or a company beats a place, the surer beats the less sure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from gatekeeper.gates.data.personal.companies import companies
from gatekeeper.gates.data.personal.doubtful_sentences import doubtful, lower_words
from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass, PiiMatch
from gatekeeper.gates.data.personal.language_model import DEFAULT, NameModel, load_model, require_model
from gatekeeper.gates.data.personal.lower_case import lower_case_pii
from gatekeeper.gates.data.personal.page import Page, page_of
from gatekeeper.gates.data.personal.person_names import announced_names, names_above_addresses
from gatekeeper.gates.data.personal.read_names import read_names
from gatekeeper.gates.data.personal.split_numbers import split_numbers
from gatekeeper.gates.data.personal.structured_pii import structured_on
from gatekeeper.gates.data.reading.disguises import Disguise, all_undisguised
from gatekeeper.gates.data.reading.plain_view import PlainView

Found = tuple[int, int, PiiMatch]
"""Which row of the batch, which of its fields, and the match in the field as read."""
_SURE = 0.75
"""Least score of a detail that competes with names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What is searched and how."""

    names: bool = True
    """Look for names with the language model."""
    every_row: bool = False
    """Let it read every sentence instead of the doubtful ones."""
    details: bool = True
    """Also find what is no personal data by itself."""
    model: str = DEFAULT
    disguises: frozenset[Disguise] = frozenset(Disguise)
    """Disguises that are taken off."""
    min_score: float = 0.5


class Search:
    """The recognisers, set up once per process."""

    def __init__(self, options: SearchOptions) -> None:
        self._options = options

    @cached_property
    def _model(self) -> NameModel:
        return load_model(self._options.model)

    def require(self) -> None:
        """Make sure that the language model is there, so that a missing one is said before any row is searched."""
        if self._options.names:
            require_model(self._options.model)

    def batch(self, rows: Sequence[Sequence[str]]) -> list[Found]:
        """Return what the rows' fields hold, in order of row, field and place, without overlaps."""
        places = [(row, field) for row, fields in enumerate(rows) for field in range(len(fields))]
        texts = [text for fields in rows for text in fields]
        views = all_undisguised(texts, self._options.disguises)
        found: list[list[PiiMatch]] = [[] for _ in texts]
        page = page_of(rows)
        for which, match in structured_on(page, with_details=self._options.details):
            found[which].append(match)
        for which, match in self._behind_disguises(views):
            found[which].append(match)
        for which, match in self._split(rows, texts, views):
            found[which].append(match)
        for which, match in lower_case_pii(texts, names=self._options.names, with_details=self._options.details):
            found[which].append(match)
        if self._options.names:
            for which, match in page.of_text(names_above_addresses(page, [tuple(matches) for matches in found])):
                found[which].append(match)
            for which, match in self._names(rows, views):
                found[which].append(match)
        return [
            (*places[which], match)
            for which, matches in enumerate(found)
            for match in (_settled(matches) if matches else ())
            if match.score >= self._options.min_score
        ]

    @staticmethod
    def _behind_disguises(views: Sequence[PlainView | None]) -> Iterator[tuple[int, PiiMatch]]:
        """Yield the forms in texts whose disguise was taken off."""
        changed = [(which, view) for which, view in enumerate(views) if view is not None]
        page = page_of([[view.text] for _, view in changed])
        for at, match in structured_on(page, with_details=False) if changed else ():
            which, view = changed[at]
            if CLASSES[match.type] is not PiiClass.DETAIL:
                yield which, _as_read(match, view)

    def _split(
        self, rows: Sequence[Sequence[str]], texts: Sequence[str], views: Sequence[PlainView | None]
    ) -> Iterator[tuple[int, PiiMatch]]:
        if Disguise.SPLIT not in self._options.disguises:
            return
        plain = [text if view is None else view.text for text, view in zip(texts, views, strict=True)]
        first = 0
        for fields in rows:
            if len(fields) > 1:
                for field, match in split_numbers(plain[first : first + len(fields)]):
                    yield first + field, _as_read(match, views[first + field])
            first += len(fields)

    def _names(
        self, rows: Sequence[Sequence[str]], views: Sequence[PlainView | None]
    ) -> Iterator[tuple[int, PiiMatch]]:
        at = iter(views)
        plain = [[text if (view := next(at)) is None else view.text for text in fields] for fields in rows]
        texts = [text for fields in plain for text in fields]
        for which, match in self._named(page_of(plain), texts):
            yield which, _as_read(match, views[which])

    def _named(self, page: Page, texts: Sequence[str]) -> Iterator[tuple[int, PiiMatch]]:
        yield from page.of_text(announced_names(page))
        if self._options.details:
            yield from page.of_text(companies(page))
        lower: set[str] = set()
        for text in texts:
            lower |= lower_words(text)
        sentences: dict[str, list[tuple[int, int]]] = {}
        for which, text in enumerate(texts):
            for at, sentence in doubtful(text, lower, every=self._options.every_row):
                sentences.setdefault(sentence, []).append((which, at))
        for sentence, entities in zip(sentences, self._model.entities(list(sentences)), strict=True):
            for match in read_names(sentence, entities):
                if match.type != "PERSON" and not self._options.details:
                    continue
                if match.type == "PERSON" and sentence[match.start : match.end].casefold() in lower:
                    continue
                for which, at in sentences[sentence]:
                    yield which, _moved(match, at)


def _moved(match: PiiMatch, by: int) -> PiiMatch:
    return PiiMatch(type=match.type, start=match.start + by, end=match.end + by, score=match.score)


def _as_read(match: PiiMatch, view: PlainView | None) -> PiiMatch:
    if view is None:
        return match
    start, end = view.original(match.start, match.end)
    return PiiMatch(type=match.type, start=start, end=end, score=match.score)


def _rank(match: PiiMatch) -> int:
    kind = CLASSES[match.type]
    if kind in {PiiClass.HIGH_RISK, PiiClass.CONTACT}:
        return 0
    return 1 if kind is PiiClass.PERSON or match.score >= _SURE else 2


def _settled(matches: list[PiiMatch]) -> list[PiiMatch]:
    """Return the matches that survive overlap, by place."""
    if len(matches) == 1:
        return matches
    kept: list[PiiMatch] = []
    ordered = sorted(
        matches,
        key=lambda match: (
            _rank(match),
            -match.score,
            match.start - match.end,
            match.start,
            match.type,
        ),
    )
    for match in ordered:
        if all(match.end <= other.start or match.start >= other.end for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda match: match.start)
