"""The part of CEL a policy may use, and what a rule refers to, known without running it.

A rule compares numbers. It may name ``m["metric"].value`` (or ``low``, ``high``, ``n``, ``confidence``),
``f["finding/code"]``, ``sev["high"]`` and ``margin``, and join comparisons with ``&&``, ``||``, ``!`` and ``?:``.
Everything else of CEL is refused when the policy loads: because every number a rule needs is then known by name,
a number that is missing stops the rule before ``||`` or ``!=`` could turn its absence into a pass.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gatekeeper.core.findings import Severity

MAX_LENGTH = 1000
"""Characters a rule may have; a longer one is no rule a reviewer can check."""

METRIC_FIELDS = ("value", "low", "high", "n", "confidence")
"""What a rule may ask of a metric."""

SEVERITIES = tuple(severity.name.lower() for severity in Severity)
"""Keys of ``sev``."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<sign>&&|\|\||[<>=!]=|[-<>!+*?:()\[\].])""",
    re.VERBOSE,
)
_ALLOWED = 'Rules compare m["metric"].low, f["code"], sev["high"] and margin with numbers.'


class RuleError(ValueError):
    """A rule that is not in the language of rules; one sentence says why."""


class Source(StrEnum):
    """Where a number in a rule comes from."""

    METRIC = "m"
    CODE = "f"
    SEVERITY = "sev"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """One number a rule needs."""

    source: Source
    name: str = ""
    """Metric name, finding code or severity; empty for the margin."""
    field: str = ""
    """One of :data:`METRIC_FIELDS` for a metric, else empty."""

    def __str__(self) -> str:
        """Return the reference as it is written in a rule."""
        if self.source is Source.MARGIN:
            return self.source.value
        tail = f".{self.field}" if self.field else ""
        return f'{self.source.value}["{self.name}"]{tail}'


class Better(StrEnum):
    """On which side of its threshold a number is welcome."""

    HIGHER = "higher"
    LOWER = "lower"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A rule that is a single comparison, which can be drawn and put in words."""

    reference: Reference
    sign: str
    """``>``, ``>=``, ``<``, ``<=`` or ``==``."""
    threshold: float
    """Where the line lies on the reference's own axis."""

    @property
    def better(self) -> Better:
        """Return the side on which the comparison holds."""
        return {">": Better.HIGHER, "<": Better.LOWER, "=": Better.EQUAL}[self.sign[0]]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def references(expression: str) -> tuple[Reference, ...]:
    """Return every number ``expression`` needs, sorted, each once.

    Raises:
        RuleError: the expression leaves the language of rules, or refers to nothing that was measured.
    """
    found = {part for part in _parts(expression) if isinstance(part, Reference)}
    if not any(reference.source is not Source.MARGIN for reference in found):
        raise RuleError("it refers to no measurement, so it would vote the same whatever the gate found")
    return tuple(sorted(found))


def comparison(expression: str, *, margin: float | None) -> Comparison | None:
    """Return ``expression`` as a single comparison with a number, or ``None`` when it is something else.

    Raises:
        RuleError: the expression leaves the language of rules.
    """
    match list(_parts(expression)):
        case [Reference() as left, _Token(text=">" | ">=" | "<" | "<=" | "==" as sign), *right]:
            threshold = _threshold(right, margin)
        case _:
            return None
    if threshold is None or left.source is Source.MARGIN:
        return None
    return Comparison(reference=left, sign=sign, threshold=threshold)


def _threshold(parts: list["_Token | Reference"], margin: float | None) -> float | None:
    """Return the number on the right of a comparison: ``0.05``, ``-0.05``, ``margin`` or ``-margin``."""
    match parts:
        case [_Token(text="-"), *rest]:
            positive = _threshold(rest, margin) if rest else None
            return None if positive is None else -positive
        case [_Token(kind="number", text=text)]:
            return float(text)
        case [Reference(source=Source.MARGIN)]:
            return margin
    return None


def numbers(expression: str) -> tuple[float, ...]:
    """Return the numbers written in ``expression``, in order.

    Raises:
        RuleError: the expression leaves the language of rules.
    """
    return tuple(float(part.text) for part in _parts(expression) if isinstance(part, _Token) and part.kind == "number")


def _parts(expression: str) -> Iterator["_Token | Reference"]:
    tokens = list(_tokens(expression))
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "word" and token.text in {"m", "f", "sev"}:
            length = 6 if token.text == "m" else 4
            yield _reference(tokens[at : at + length])
            at += length
            continue
        if token.kind == "word" and token.text == "margin":
            yield Reference(source=Source.MARGIN)
        elif token.kind == "word" and token.text not in {"true", "false"}:
            raise RuleError(f"it uses {token.text!r}, which rules do not know. {_ALLOWED}")
        elif token.kind == "string" or token.text in {".", "[", "]"}:
            raise RuleError(f"{token.text} stands where no name belongs. {_ALLOWED}")
        else:
            yield token
        at += 1


def _reference(tokens: list[_Token]) -> Reference:
    match [(token.kind, token.text) for token in tokens]:
        case [(_, "m"), (_, "["), ("string", name), (_, "]"), (_, "."), ("word", field)] if field in METRIC_FIELDS:
            return Reference(source=Source.METRIC, name=name[1:-1], field=field)
        case [(_, "f"), (_, "["), ("string", code), (_, "]")]:
            return Reference(source=Source.CODE, name=code[1:-1])
        case [(_, "sev"), (_, "["), ("string", level), (_, "]")] if level[1:-1] in SEVERITIES:
            return Reference(source=Source.SEVERITY, name=level[1:-1])
    written = "".join(token.text for token in tokens)
    shapes = {
        "m": f'm["metric"] and one of {", ".join("." + field for field in METRIC_FIELDS)}',
        "f": 'f["gate/code"]',
        "sev": f"sev[...] with one of {', '.join(SEVERITIES)}",
    }
    raise RuleError(f"{written} is not complete: write {shapes[tokens[0].text]}")


def _tokens(expression: str) -> Iterator[_Token]:
    if len(expression) > MAX_LENGTH:
        raise RuleError(f"it is longer than {MAX_LENGTH} characters")
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise RuleError(_why_not(expression[at]))
        if match.lastgroup != "space":
            yield _Token(match.lastgroup, match.group())
        at = match.end()


def _why_not(character: str) -> str:
    if character in "/%":
        return "it divides; a ratio has no meaning at 0, so let the gate measure it as a metric"
    return f"{character!r} has no place in a rule. {_ALLOWED}"
