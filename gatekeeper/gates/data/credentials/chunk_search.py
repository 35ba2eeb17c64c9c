"""The search of one chunk of rows for credentials, and its result as bytes; no more of one than its masked form."""

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from gatekeeper.core.findings import Severity
from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.credentials.token_formats import issued_tokens
from gatekeeper.gates.data.reading.spans import Span, longest_first, masked, span_of, text_fields
from gatekeeper.gates.data.spreading.parcels import parcel

if TYPE_CHECKING:
    from credsweeper.credentials.candidate import Candidate

_SHOWN = 4
"""Most characters of a credential that a report shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One credential."""

    span: Span
    severity: Severity
    shown: str
    """Masked."""


def search_task(*, weak_rules: bool) -> RowTask:
    """Return the search as work on chunks."""
    return RowTask(function=f"{__name__}:make", settings={"weak_rules": weak_rules}, rows=1024, worth=12)


def make(settings: Mapping[str, Any], _: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`search_task`."""
    with _quiet():
        search = _Search(weak_rules=settings["weak_rules"])

    def work(chunk: RowChunk) -> bytes:
        with _quiet():
            found = [(row.id, search.row(row)) for row in chunk.rows]
        plain = [
            (id_, [(astuple(one.span), int(one.severity), one.shown) for one in here]) for id_, here in found if here
        ]
        return parcel({"rows": len(found), "found": plain})

    return work


def found_in(head: Mapping[str, Any]) -> Iterator[tuple[str, list[Found]]]:
    """Yield id and credentials of each row that holds any, in order."""
    for id_, found in head["found"]:
        yield (
            id_,
            [Found(span=span_of(span), severity=Severity(severity), shown=shown) for span, severity, shown in found],
        )


class _Search:
    """CredSweeper, set up once with a scanner for code and one for prose, and the format matcher beside it."""

    def __init__(self, *, weak_rules: bool) -> None:
        from credsweeper import Confidence, CredSweeper, StringContentProvider
        from credsweeper.scanner.scanner import Scanner

        self._sweeper = CredSweeper(confidence=Confidence.WEAK if weak_rules else Confidence.MODERATE)
        config = copy.copy(self._sweeper.config)
        config.doc = True
        prose = Scanner(config, None)
        # Rules meant for both kinds of text run once, in the scanner for code.
        prose.rules_scanners = [(rule, scan) for rule, scan in prose.rules_scanners if "code" not in rule.target]
        self._scanners = (self._sweeper.scanner, prose)
        self._provider = StringContentProvider

    def row(self, row: TrainingRow) -> list[Found]:
        """Return what the row holds, overlaps resolved, in the order of its fields."""
        found: dict[Span, Found] = {}
        for field, text in text_fields(row):
            for token in issued_tokens(text):
                span = Span(row=row.index, field=field, start=token.start, end=token.end, type=token.type, score=0.99)
                found[span] = Found(
                    span=span, severity=token.severity, shown=masked(text[token.start : token.end], shown=_SHOWN)
                )
            for candidate in self._candidates(text):
                one = _from_candidate(candidate, text, row=row.index, field=field)
                if one is not None:
                    found[one.span] = one
        return [found[span] for span in longest_first(found)]

    def _candidates(self, text: str) -> "list[Candidate]":
        provider = self._provider(text.split("\n"))
        candidates = [candidate for scanner in self._scanners for candidate in scanner.scan(provider)]
        if not candidates:
            return []
        self._sweeper.credential_manager.set_credentials(candidates)
        self._sweeper.post_processing(None)
        return list(self._sweeper.credential_manager.get_credentials())


_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
}
_PROSE_RULES = {
    "DOC_GET": "Default of a secret setting",
    "DOC_CREDENTIALS": "Credential in prose",
    "SECRET_PAIR": "Secret beside its name",
    "PASSWD_PAIR": "Password beside its name",
    "IP_ID_PASSWORD_TRIPLE": "Address, user and password",
    "ID_PAIR_PASSWD_PAIR": "User and password",
    "ID_PASSWD_PAIR": "User and password",
}
_CONFIDENCES = {"strong": 0.95, "moderate": 0.85, "weak": 0.5}


def _from_candidate(candidate: "Candidate", text: str, *, row: int, field: str) -> Found | None:
    """Return the candidate with offsets into the whole field, or ``None`` for a rule that names no value.

    A candidate over several lines (a key block) spans from its first value to its last.
    """
    severity = _SEVERITIES[candidate.severity.value]
    if severity is Severity.INFO:
        return None  # addresses of buckets and universally unique ids: names of things, not keys to them
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    places = []
    for data in candidate.line_data_list:
        if data.value is None or data.value_start < 0:
            continue
        base = starts[data.line_num - 1]
        start = text.find(data.value, base + data.value_start)
        start = start if start >= 0 else text.find(data.value, base)
        if start >= 0:
            places.append((start, start + len(data.value)))
    if not places:
        return None
    start, end = min(places)[0], max(end for _, end in places)
    name = str(candidate.rule_name)
    probability = candidate.ml_probability
    score = _CONFIDENCES[candidate.confidence.value] if probability is None else min(float(probability), 0.98)
    if name in _PROSE_RULES:
        name, score = _PROSE_RULES[name], min(score, 0.9)  # a rule for code that fits as well names it better
    span = Span(row=row, field=field, start=start, end=end, type=name, score=score)
    return Found(span=span, severity=severity, shown=masked(text[start:end], shown=_SHOWN))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep CredSweeper's log lines (some quote the scanned text) and deprecation notices off the terminal."""
    logger = logging.getLogger("credsweeper")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
