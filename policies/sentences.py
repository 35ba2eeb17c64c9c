"""Plain-language sentences with numbers in them, written by a policy's author.

A placeholder is ``{m[knowledge.delta].value:points}``, ``{f[data/pii/iban]}``, ``{sev[high]}`` or ``{margin:points}``.
Nothing else may stand in braces: no attribute, no call, no conversion, so a sentence can show the numbers of its own
report and nothing more. A number that was not measured is written ``not measured``; a sentence never fails.
"""

import math
import re

from gatekeeper.core.findings import GateReport
from policies.expression import METRIC_FIELDS, SEVERITIES, Reference, RuleError, Source
from policies.rules import reference_number

_PLACE = re.compile(
    r"\{(?P<source>m|f|sev|margin)(?:\[(?P<name>[^\[\]{}]+)\])?(?:\.(?P<field>[a-z]+))?(?::(?P<form>[^{}]*))?\}"
)
_FORM = re.compile(r"(?P<sign>\+|abs|)(?P<digits>(?:\.\d)?)(?P<unit>points|%|#[a-z -]+(?:\|[a-z -]+)?|)")
_MINUS = "\N{MINUS SIGN}"
ABSENT = "not measured"
"""What stands in a sentence where a number is missing."""


def check_sentence(template: str) -> None:
    """Return when every brace in ``template`` is a placeholder that can be filled.

    Raises:
        RuleError: one is not; the message names it.
    """
    for place in _PLACE.finditer(template):
        _reference(place)
        _form(place)
    rest = _PLACE.sub("", template)
    if "{" in rest or "}" in rest:
        raise RuleError(
            "a brace is not part of a placeholder; placeholders look like {m[metric].value:points}, "
            "{f[code]}, {sev[high]} or {margin:points}"
        )


def margin_unit(template: str) -> str:
    """Return how the margin is shown: ``points``, ``%``, or empty when it is shown plainly or not at all."""
    units = [_form(place)["unit"] for place in _PLACE.finditer(template) if place["source"] == "margin"]
    return next((unit for unit in units if unit in {"points", "%"}), "")


def fill(template: str, report: GateReport, *, margin: float | None) -> str:
    """Return ``template`` with the numbers of ``report`` in it, beginning with a capital."""

    def number(place: "re.Match[str]") -> str:
        try:
            value = reference_number(_reference(place), report, margin=margin)
            return write_number(value, place["form"] or "")
        except RuleError:
            return ABSENT

    text = _PLACE.sub(number, template)
    return text[:1].upper() + text[1:]


def write_number(value: float, form: str = "") -> str:
    """Return ``value`` as a person writes it.

    Args:
        value: the number; a proportion for the forms ``points`` and ``%``.
        form: an optional ``+`` (always show the sign), an optional ``.d`` (digits after the point), and an optional
            unit, ``points``, ``%`` or ``#row`` (counted: no row, 1 row, 2 rows; ``#copy|copies`` when an s is wrong).
            ``abs`` instead of ``+`` leaves the sign out. Without digits, whole numbers stay whole and others get as
            many as they need.

    Raises:
        RuleError: there is no such form.
    """
    parts = _FORM.fullmatch(form)
    if parts is None:
        raise RuleError(f"{form!r} is no form of a number; use e.g. points, +.1points, .0%, #row or .3")
    if not math.isfinite(value):
        return ABSENT
    in_hundredths = parts["unit"] in {"points", "%"}
    scaled = value * 100 if in_hundredths else value
    digits = int(parts["digits"][1:]) if parts["digits"] else _digits(scaled, hundredths=in_hundredths)
    magnitude = f"{abs(scaled):,.{digits}f}"
    if not parts["digits"] and not in_hundredths and "." in magnitude:
        magnitude = magnitude.rstrip("0").rstrip(".")
    is_zero = not magnitude.strip("0.,")
    if parts["unit"].startswith("#"):
        one, _, many = parts["unit"][1:].partition("|")
        return f"no {one}" if is_zero else f"{magnitude} {one if magnitude == '1' else many or one + 's'}"
    sign = "" if is_zero or parts["sign"] == "abs" else _MINUS if scaled < 0 else parts["sign"]
    unit = {"points": " point" if magnitude == "1" else " points", "%": " %", "": ""}[parts["unit"]]
    return f"{sign}{magnitude}{unit}"


def _digits(value: float, *, hundredths: bool) -> int:
    if hundredths:
        return 0 if math.isclose(value, round(value), abs_tol=1e-9) else 1
    if value == round(value):
        return 0
    return 3 if abs(value) < 1 else 2


def _reference(place: "re.Match[str]") -> Reference:
    source, name, field = Source(place["source"]), place["name"] or "", place["field"] or ""
    fits = {
        Source.METRIC: bool(name) and field in METRIC_FIELDS,
        Source.CODE: bool(name) and not field,
        Source.SEVERITY: name in SEVERITIES and not field,
        Source.MARGIN: not name and not field,
    }
    if not fits[source]:
        raise RuleError(
            f"{place.group()} is not complete; write it like {{m[metric].value}}, {{f[code]}} or {{margin}}"
        )
    return Reference(source=source, name=name, field=field)


def _form(place: "re.Match[str]") -> "re.Match[str]":
    write_number(0.0, place["form"] or "")
    form = _FORM.fullmatch(place["form"] or "")
    if form is None:
        raise RuleError(f"{place.group()} cannot be written")
    return form
