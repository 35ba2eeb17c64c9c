"""Scores against the anchor by version as SVG: an estimate, its bounds and the budget line per suite.

One panel per suite, versions from left to right in the order they came, with a line where the anchor moved. A file of
its own holds its few colours, for light and dark; inside a report the report's style colours it. It holds no number
that the table beside it lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from audits.reports.figures import signed

WIDTH = 860
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 190, 70, 20, 34, 34
_STYLE = Markup(
    "<style>svg{{font:13px system-ui,sans-serif;background:#fff;fill:#1a1d21}}.axis{{stroke:#626973}}"
    ".anchor{{stroke:#626973;stroke-dasharray:1 3}}"
    ".margin{{stroke:#b3261e;stroke-width:1.5;stroke-dasharray:4 3}}.bar{{stroke:#1f5fbf;stroke-width:2.5}}"
    ".mark{{fill:#1f5fbf}}.tick{{font-size:11.5px;fill:#626973}}"
    "@media (prefers-color-scheme:dark){{svg{{background:#1b1e22;fill:#e8eaed}}.margin{{stroke:#f08a80}}"
    ".bar{{stroke:#86b4f7}}.mark{{fill:#86b4f7}}.tick{{fill:#9aa3ad}}}}</style>"
).format()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One version on one suite, in points (hundredths)."""

    version: str
    value: float
    low: float
    high: float
    budget: float | None
    """Lowest tolerated value; ``None`` where the policy names none."""
    anchor: str | None = None
    """Version it was compared with; ``None`` where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineagePanel:
    """One suite."""

    suite: str
    marks: tuple[Mark, ...]


def lineage_plot(panels: Sequence[LineagePanel], *, model: str) -> Markup:
    """Return the whole file; without panels, one sentence that says so."""
    empty = Markup('<text x="20" y="40">No version was compared with an anchor yet.</text>')
    return _svg(panels, _STYLE, _panels(panels) or empty, model=model)


def lineage_figure(panels: Sequence[LineagePanel], *, model: str) -> Markup:
    """Return the same drawing for a page that has its own style; empty without panels."""
    return _svg(panels, Markup(""), _panels(panels), model=model) if panels else Markup("")


def _svg(panels: Sequence[LineagePanel], style: Markup, body: Markup, *, model: str) -> Markup:
    title = Markup("<title>{}</title>").format(f"{model}: change against the anchor, by version")
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="lineage" viewBox="0 0 {} {}" width="{}" role="img">'
        "{}{}{}</svg>\n"
    ).format(WIDTH, max(1, len(panels)) * _HEIGHT, WIDTH, style, title, body)


def _panels(panels: Sequence[LineagePanel]) -> Markup:
    return Markup("").join(_panel(panel, place * _HEIGHT) for place, panel in enumerate(panels))


def _panel(panel: LineagePanel, top: int) -> Markup:
    numbers = [0.0, *(number for mark in panel.marks for number in (mark.low, mark.high, mark.budget or 0.0))]
    low, high = min(numbers), max(numbers)
    room = 0.08 * (high - low) or 1.0
    low, high = low - room, high + room
    first, last = top + _TOP, top + _HEIGHT - _BOTTOM
    step = (WIDTH - _LEFT - _RIGHT) / len(panel.marks)

    def y(value: float) -> str:
        return f"{first + (high - value) / (high - low) * (last - first):.1f}"

    parts = [
        Markup('<text x="{}" y="{}">{}, points against the anchor</text>').format(_LEFT, top + 20, panel.suite),
        Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(_LEFT, WIDTH - _RIGHT, y(0.0), y(0.0)),
        Markup('<text class="tick" text-anchor="end" x="{}" y="{}">0</text>').format(_LEFT - 8, y(0.0)),
    ]
    for place, mark in enumerate(panel.marks):
        x = f"{_LEFT + (place + 0.5) * step:.1f}"
        if mark.budget is not None:
            ends = (f"{_LEFT + place * step:.1f}", f"{_LEFT + (place + 1) * step:.1f}")
            parts.append(
                Markup('<line class="margin" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                    *ends, y(mark.budget), y(mark.budget)
                )
            )
        said = f"version {mark.version}: {signed(mark.value, digits=1, plus=True)}"
        parts += [
            Markup('<line class="bar" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(x, x, y(mark.low), y(mark.high)),
            Markup('<circle class="mark" cx="{}" cy="{}" r="5"><title>{}</title></circle>').format(
                x, y(mark.value), said
            ),
            Markup('<text class="tick" text-anchor="middle" x="{}" y="{}">{}</text>').format(
                x, last + 18, mark.version
            ),
        ]
    for place, (before, mark) in enumerate(pairwise(panel.marks), start=1):
        if before.anchor != mark.anchor:
            x = f"{_LEFT + place * step:.1f}"
            parts += [
                Markup('<line class="anchor" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(x, x, first, last),
                Markup('<text class="tick" x="{}" y="{}">{}</text>').format(
                    f"{_LEFT + place * step + 4:.1f}", first + 10, f"anchor {mark.anchor or 'unknown'} from here"
                ),
            ]
    budgets = [mark.budget for mark in panel.marks if mark.budget is not None]
    if budgets:
        parts.append(
            Markup('<text class="tick" text-anchor="end" x="{}" y="{}">{}</text>').format(
                _LEFT - 8, y(budgets[0]), signed(budgets[0], digits=1, plus=True)
            )
        )
    return Markup("<g>{}</g>").format(Markup("").join(parts))
