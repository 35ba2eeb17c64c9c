"""Credentials that can be told by their issuer's own format, whether or not their check digits are right.

CredSweeper drops a GitHub token whose checksum is wrong and a key block it cannot parse. A row with one damaged
character still teaches the rest, so the formats are matched here as well, with less confidence where a check failed.
Placeholders (``AKIA…EXAMPLE``, ``ghp_xxxx…``) are no credentials.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gatekeeper.core.findings import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat:
    """One issuer's format."""

    type: str
    """Name in findings and spans."""
    pattern: re.Pattern[str]
    """What such a token looks like; group ``value`` where only a part of the match is secret."""
    severity: Severity
    """How bad it is when the token is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMatch:
    """One match in one text."""

    type: str
    start: int
    end: int
    severity: Severity


def _format(type_: str, pattern: str, severity: Severity = Severity.HIGH) -> TokenFormat:
    return TokenFormat(type=type_, pattern=re.compile(pattern), severity=severity)


_EDGE = r"(?<![A-Za-z0-9_\-])"
_FORMATS = (
    _format("AWS access key", _EDGE + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _format("GitHub token", _EDGE + r"gh[pousr]_[A-Za-z0-9]{36,251}(?![A-Za-z0-9_])"),
    _format("GitHub fine-grained token", _EDGE + r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![A-Za-z0-9_])"),
    _format("GitLab token", _EDGE + r"gl(?:pat|ptt|dt|rt|ft|cbt|soat)-[A-Za-z0-9_\-]{20,}"),
    _format("Slack token", _EDGE + r"xox[abeoprs]-(?:[A-Za-z0-9]+-){1,4}[A-Za-z0-9]{16,}"),
    _format("Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/(?P<value>[A-Za-z0-9]{20,})"),
    _format("Stripe key", _EDGE + r"[srp]k_(?:live|test)_[A-Za-z0-9]{20,}"),
    _format("Model provider key", _EDGE + r"sk-(?=[\w\-]*\d)(?:[a-z0-9]{2,12}-)*[A-Za-z0-9_\-]{32,}"),
    _format("Hugging Face token", _EDGE + r"hf_[A-Za-z0-9]{30,}(?![A-Za-z0-9_])"),
    _format("Google API key", _EDGE + r"AIza[A-Za-z0-9_\-]{35}(?![A-Za-z0-9_\-])"),
    _format("Package registry token", _EDGE + r"(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_\-]{50,})(?![A-Za-z0-9_])"),
    _format("Mail provider key", _EDGE + r"(?:SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,}|key-[a-f0-9]{32})"),
    _format("Telephony provider key", _EDGE + r"(?:AC|SK)[a-f0-9]{32}(?![A-Za-z0-9])"),
    _format(
        "JSON Web Token",
        _EDGE + r"eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{16,}",
        Severity.MEDIUM,
    ),
    _format(
        "Private key block",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])*"
        r"(?P<value>(?:[A-Za-z0-9+/=:\-, .]|\s|\\[nr]){40,}?)(?:-----END|\Z)",
        Severity.CRITICAL,
    ),
)

_PREFILTER = re.compile(
    r"AKIA|ASIA|ABIA|ACCA|gh[pousr]_|github_pat_|gl[a-z]{2,4}-|xox[abeoprs]-|hooks\.slack|[srp]k_|sk-|hf_|AIza|npm_"
    r"|pypi-|SG\.|key-|AC[a-f0-9]{8}|SK[a-f0-9]{8}|eyJ|PRIVATE KEY"
)
_PLACEHOLDER = re.compile(
    r"example|placeholder|redacted|your[_\-]|x{6,}|\*{4,}|\.{4,}|0{8,}|1234567890{0,1}abc", re.IGNORECASE
)
_MIN_DISTINCT = 8
"""A live token of 16 random characters has more distinct ones than this with certainty near 1."""


def issued_tokens(text: str) -> Iterator[TokenMatch]:
    """Yield every match of a known format that is no placeholder."""
    if not _PREFILTER.search(text):
        return
    for known in _FORMATS:
        for match in known.pattern.finditer(text):
            group = "value" if "value" in known.pattern.groupindex else 0
            value = match.group(group)
            if len(set(value)) < _MIN_DISTINCT or _PLACEHOLDER.search(value):
                continue
            start, end = match.span()
            yield TokenMatch(type=known.type, start=start, end=end, severity=known.severity)
