"""Forest plots as plain SVG: an estimate, its bounds and its margin per row, on one shared axis.

The picture holds no script, no style of its own (classes only, so that light, dark and print can differ), and no
number that is not also in the tables beside it. The mark's shape says the vote as well as its colour: circle ADMIT,
diamond REVIEW, square BLOCK, cross when it could not be evaluated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from audits.reports.figures import is_change, scale, signed, write
from audits.reports.model import LimitView, UpdateView

WIDTH = 860
_LABEL, _VALUES = 232, 176
_LEFT, _RIGHT = _LABEL + 12, WIDTH - _VALUES - 12
_CAPPED = 18.0
"""Pixels a bar needs before its ends are drawn; on a shorter one they would hide the mark's shape."""
_ROW, _TOP, _BOTTOM = 32, 10, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One estimate against its margin."""

    label: str
    word: str
    """``ADMIT``, ``REVIEW``, ``BLOCK`` or ``ERROR``."""
    value: float
    low: float
    high: float
    margin: float
    better: Literal["higher", "lower", "equal", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Rows that share an axis."""

    title: str
    unit: str
    rows: tuple[Row, ...]
    change: bool
    """True when 0 means no change and the axis must show it."""


def panels_of_update(update: UpdateView) -> tuple[Panel, ...]:
    """Return one panel per unit with the update's limits that have an interval and a margin."""
    return _panels([(_label(limit.metric), limit) for limit in update.limits])


def panels_of_run(updates: Sequence[UpdateView]) -> tuple[Panel, ...]:
    """Return one panel per metric and margin that at least two updates were judged by, to compare them."""
    found: dict[tuple[str, str, float | None], list[tuple[str, LimitView]]] = {}
    for update in updates:
        for limit in update.limits:
            if is_change(limit.metric):
                found.setdefault((limit.metric, limit.id, limit.margin), []).append((update.name, limit))
    return tuple(
        Panel(
            title=f"{_capital(_label(metric))}, change in {panel.unit}",
            unit=panel.unit,
            rows=panel.rows,
            change=panel.change,
        )
        for (metric, _, _), named in found.items()
        for panel in _panels(named)
        if len(panel.rows) > 1
    )


def _panels(named: Sequence[tuple[str, LimitView]]) -> tuple[Panel, ...]:
    groups: dict[tuple[str, bool], list[Row]] = {}
    for label, limit in named:
        numbers = (limit.value, limit.low, limit.high, limit.margin)
        if any(number is None or not math.isfinite(number) for number in numbers):
            continue
        factor, unit = scale(limit.metric, limit.unit)
        value, low, high, margin = (factor * (number or 0.0) for number in numbers)
        word = "ERROR" if limit.errored else limit.outcome.name
        row = Row(label=label, word=word, value=value, low=low, high=high, margin=margin, better=limit.better)
        groups.setdefault((unit, is_change(limit.metric)), []).append(row)
    return tuple(
        Panel(title=_title(unit, change=change), unit=unit, rows=tuple(rows), change=change)
        for (unit, change), rows in groups.items()
    )


def _title(unit: str, *, change: bool) -> str:
    if change:
        return f"Change, in {unit}"
    return "Share, in %" if unit == "%" else f"Level, in {unit}"


def _label(metric: str) -> str:
    """Return a metric's name as a person reads it: ``knowledge.anchor_delta`` is ``knowledge, against the anchor``."""
    subject, _, rest = metric.partition(".")
    words = rest.split("_")
    if words[-1:] == ["delta"]:
        words.pop()
    anchored = words[-1:] == ["anchor"]
    if anchored:
        words.pop()
    name = " ".join([subject.replace("_", " "), *words]).strip()
    return f"{name}, against the anchor" if anchored else name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def forest(panel: Panel) -> Markup:
    """Return the panel as an ``<svg>`` element."""
    ticks = _ticks(panel)
    axis = _Axis(low=ticks[0], high=ticks[-1])
    height = _TOP + len(panel.rows) * _ROW + _BOTTOM
    foot = _TOP + len(panel.rows) * _ROW
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    parts = [
        _element(
            "line",
            cls="zero" if tick == 0 and panel.change else "grid",
            x1=axis(tick),
            x2=axis(tick),
            y1=_TOP,
            y2=foot,
        )
        for tick in ticks
    ]
    parts += [_row(row, place, axis) for place, row in enumerate(panel.rows)]
    parts += [
        _text(signed(tick, digits=digits, plus=panel.change), cls="tick", x=axis(tick), y=foot + 17) for tick in ticks
    ]
    title = Markup("<title>{}</title>").format(f"{panel.title}: {len(panel.rows)} estimates against their margins")
    desc = Markup("<desc>{}</desc>").format("; ".join(_said(row, panel.unit) for row in panel.rows))
    return Markup('<svg class="forest" viewBox="0 0 {} {}" role="img">{}{}{}</svg>').format(
        WIDTH, height, title, desc, Markup("").join(parts)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Return the x coordinate of ``value``, kept inside the plot."""
        share = (value - self.low) / (self.high - self.low)
        return _LEFT + min(1.0, max(0.0, share)) * (_RIGHT - _LEFT)


def _row(row: Row, place: int, axis: _Axis) -> Markup:
    top = _TOP + place * _ROW
    middle = top + _ROW / 2
    edge = {"higher": _LEFT, "lower": _RIGHT}.get(row.better)
    parts = []
    if edge is not None:
        left, right = sorted((float(edge), axis(row.margin)))
        parts.append(_element("rect", cls="beyond", x=left, y=top + 3, width=max(0.0, right - left), height=_ROW - 6))
    parts += [
        _element("line", cls="margin", x1=axis(row.margin), x2=axis(row.margin), y1=top + 3, y2=top + _ROW - 3),
        _element("line", cls=f"bar {row.word.lower()}", x1=axis(row.low), x2=axis(row.high), y1=middle, y2=middle),
        *(
            _element("line", cls=f"bar {row.word.lower()}", x1=axis(end), x2=axis(end), y1=middle - 4, y2=middle + 4)
            for end in (row.low, row.high)
            if axis(row.high) - axis(row.low) > _CAPPED
        ),
        _mark(row.word, axis(row.value), middle),
        _text(row.label, cls="label", x=_LABEL, y=middle + 4.5),
        _text(_numbers(row), cls="numbers", x=WIDTH - _VALUES, y=middle + 4.5),
    ]
    return Markup("<g>{}</g>").format(Markup("").join(parts))


def _mark(word: str, x: float, y: float) -> Markup:
    kind = f"mark {word.lower()}"
    if word == "ADMIT":
        return _element("circle", cls=kind, cx=x, cy=y, r=5.5)
    if word == "BLOCK":
        return _element("rect", cls=kind, x=x - 5, y=y - 5, width=10, height=10)
    size = 7 if word == "REVIEW" else 5
    return _element("path", cls=kind, d=f"M{x:.1f} {y - size:.1f}l{size} {size}l-{size} {size}l-{size} -{size}z")


def _numbers(row: Row) -> str:
    digits = 1 if max(abs(row.low), abs(row.high)) >= 1 else 3
    value, low, high = (signed(number, digits=digits, plus=True) for number in (row.value, row.low, row.high))
    return f"{value}  ({low} to {high})"


def _said(row: Row, unit: str) -> str:
    return f"{row.label}: {_numbers(row)} {unit}, margin {write(row.margin)}, {row.word}"


def _ticks(panel: Panel) -> tuple[float, ...]:
    """Return round numbers, evenly spaced, that cover every number of the panel."""
    numbers = [number for row in panel.rows for number in (row.value, row.low, row.high, row.margin)]
    low, high = min([*numbers, 0.0] if panel.change else numbers), max([*numbers, 0.0] if panel.change else numbers)
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    low, high = low - room, high + room
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(place * step, 10) + 0.0 for place in range(first, last + 1))


def _element(name: str, *, cls: str, **at: float | str) -> Markup:
    written = Markup(" ").join(Markup('{}="{}"').format(key, _coordinate(value)) for key, value in at.items())
    return Markup('<{} class="{}" {}/>').format(Markup(name), cls, written)  # noqa: S704 - one of four fixed names


def _text(text: str, *, cls: str, x: float, y: float) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(cls, _coordinate(x), _coordinate(y), escape(text))


def _coordinate(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
