"""Scores against the anchor by version as one SVG file: an estimate, its bounds and the budget line per suite.

One panel per suite, versions from left to right in the order they came. The file holds its own few colours, for light
and dark, and no number that the table beside it lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from audits.reports.figures import signed

WIDTH = 860
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 190, 70, 20, 34, 34
_STYLE = Markup(
    "<style>svg{{font:13px system-ui,sans-serif;background:#fff;fill:#1a1d21}}.axis{{stroke:#626973}}"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LineagePanel:
    """One suite."""

    suite: str
    marks: tuple[Mark, ...]


def lineage_plot(panels: Sequence[LineagePanel], *, model: str) -> Markup:
    """Return the whole file; without panels, one sentence that says so."""
    height = max(1, len(panels)) * _HEIGHT
    title = Markup("<title>{}</title>").format(f"{model}: change against the anchor, by version")
    empty = Markup('<text x="20" y="40">No version was compared with an anchor yet.</text>')
    body = Markup("").join(_panel(panel, place * _HEIGHT) for place, panel in enumerate(panels)) or empty
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{}" role="img">{}{}{}</svg>\n'
    ).format(WIDTH, height, WIDTH, _STYLE, title, body)


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
    budgets = [mark.budget for mark in panel.marks if mark.budget is not None]
    if budgets:
        parts.append(
            Markup('<text class="tick" text-anchor="end" x="{}" y="{}">{}</text>').format(
                _LEFT - 8, y(budgets[0]), signed(budgets[0], digits=1, plus=True)
            )
        )
    return Markup("<g>{}</g>").format(Markup("").join(parts))
