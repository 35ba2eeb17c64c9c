"""Whether the rows hold credentials: passwords, keys, tokens.

Two detectors read every field: CredSweeper's rules for code and for prose, with its own model to drop look-alikes, and
the issuers' formats of ``credentials.token_formats``. Overlapping finds count once. No report shows more
than four characters of a secret; offsets are in the attachment ``secrets.jsonl``.
"""

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.credentials.token_formats import issued_tokens
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, SpanTest, flags_of_spans, write_flags
from gatekeeper.gates.data.reading.spans import Span, longest_first, masked, span_line, text_fields, write_lines

if TYPE_CHECKING:
    from credsweeper.credentials.candidate import Candidate

ATTACHMENT = "secrets.jsonl"
"""One line a secret: ``row``, ``field``, ``start``, ``end``, ``type``, ``score``."""

_CREDENTIAL = SpanTest(
    name="credential",
    release="Take it out and revoke it where it was issued, or a named reviewer finds that it opens nothing.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How the rows are searched."""

    weak_rules: bool = False
    """Also use the CredSweeper rules it calls weak: bare words of a certain length, which prose is full of."""
    listed_findings: int = 200
    """Findings in the report, worst first; the rest stand in the attachment and are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    span: Span
    severity: Severity
    text: str


@gate("data/secrets", asks="Do the rows hold credentials?", params=Params, version=2)
def data_secrets(context: GateContext, params: Params) -> GateReport:
    """Report every credential in the training rows by row, field and kind, never by its text."""
    if context.rows is None:
        return data_secrets.unmeasured("No training rows were given.")
    rows = 0
    found: list[_Found] = []
    ids: dict[int, str] = {}
    context.progress.start("secrets", None)
    with _quiet():
        search = _Search(weak_rules=params.weak_rules)
        for row in context.rows:
            rows += 1
            if here := search.row(row):
                ids[row.index] = row.id
                found.extend(here)
            context.progress.advance()
    if rows == 0:
        return data_secrets.unmeasured("The data set holds no rows.")
    found.sort(key=lambda one: (-one.severity, one.span))
    write_lines(context.workdir / ATTACHMENT, (span_line(one.span) for one in sorted(found, key=lambda one: one.span)))
    spans = [one.span for one in found]
    write_flags(context.workdir, flags_of_spans(spans, ids, {span.type: _CREDENTIAL for span in spans}))
    return data_secrets.measured(
        metrics=_metrics(found, rows=rows, listed=params.listed_findings),
        findings=tuple(_finding(one, ids[one.span.row]) for one in found[: params.listed_findings]),
        attachments=(context.attach(ATTACHMENT), context.attach(FLAGGED)),
    )


def _metrics(found: Sequence[_Found], *, rows: int, listed: int) -> tuple[Metric, ...]:
    by_severity = Counter(one.severity for one in found)
    secret_rows = len({one.span.row for one in found})
    return (
        count("rows", rows, n=rows),
        count("secret_rows", secret_rows, n=rows),
        share("secret_rate", secret_rows, n=rows),
        count("secrets", len(found), n=rows, unit="spans"),
        *(
            count(f"secrets.{severity.name.lower()}", by_severity[severity], n=rows, unit="spans")
            for severity in Severity
        ),
        count("unlisted_findings", max(0, len(found) - listed), n=rows, unit="findings"),
    )


def _finding(one: _Found, row_id: str) -> Finding:
    span = one.span
    return Finding(
        code="data/secrets/credential",
        severity=one.severity,
        confidence=span.score,
        subject=row_id,
        message=(
            f"Row {span.row} holds what looks like a credential ({span.type}) in {span.field} at characters "
            f"{span.start} to {span.end}: {masked(one.text, shown=4)}."
        ),
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

    def row(self, row: TrainingRow) -> list[_Found]:
        """Return what the row holds, overlaps resolved, in the order of its fields."""
        found: dict[Span, _Found] = {}
        for field, text in text_fields(row):
            for token in issued_tokens(text):
                span = Span(row=row.index, field=field, start=token.start, end=token.end, type=token.type, score=0.99)
                found[span] = _Found(span=span, severity=token.severity, text=text[token.start : token.end])
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


def _from_candidate(candidate: "Candidate", text: str, *, row: int, field: str) -> _Found | None:
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
    return _Found(span=span, severity=severity, text=text[start:end])


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
