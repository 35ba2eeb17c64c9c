"""The run as one HTML file that opens offline: no script, no request, everything drawn and styled inside it.

Its content security policy allows the one style sheet it carries, by hash, and nothing else. Every text is escaped by
the template engine; only the plots, which :mod:`audits.reports.forest` and :mod:`audits.reports.lineage_plot` build
from numbers and escaped labels, are inserted as they are.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from audits.reports.figures import scale, write
from audits.reports.forest import forest, panels_of_run, panels_of_update
from audits.reports.lineage_plot import lineage_figure
from audits.reports.model import RunView
from audits.reports.visible import visible
from gatekeeper.core.findings import Metric
from gatekeeper.core.verdict import Outcome

if TYPE_CHECKING:
    from jinja2 import Template

SHOWN_FINDINGS = 8
"""Findings of one update that are open to see; the others unfold."""
MOST_FINDINGS = 200
"""Findings of one update in the file; the JSON report has all."""
SYMBOLS: Mapping[str, str] = {"ADMIT": "✓", "REVIEW": "?", "BLOCK": "✕", "ERROR": "!"}
"""Beside the word, so that colour is never alone in saying a verdict."""


def render_html(view: RunView) -> str:
    """Return the run as a single HTML document."""
    style = files("audits.reports").joinpath("templates", "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _template().render(
        view=view,
        style=style,
        style_hash=f"sha256-{digest}",
        overview=[(panel, forest(panel)) for panel in panels_of_run(view.updates)],
        panels={update.id: [(panel, forest(panel)) for panel in panels_of_update(update)] for update in view.updates},
        lineage=lineage_figure(view.lineage, model=view.model),
        shown=SHOWN_FINDINGS,
        most=MOST_FINDINGS,
        symbols=SYMBOLS,
        admitted=Outcome.ADMIT,
    )


@lru_cache(maxsize=1)
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("audits.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["duration"] = _duration
    environment.filters["number"] = _number
    environment.filters["unit"] = _unit
    environment.filters["bounds"] = _bounds
    environment.filters["slug"] = _slug
    return environment.get_template("report.html.j2")


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _number(metric: Metric) -> str:
    return write(metric.value, metric=metric.name, unit=metric.unit)


def _unit(metric: Metric) -> str:
    return scale(metric.name, metric.unit)[1]


def _bounds(metric: Metric) -> str:
    if metric.low is None and metric.high is None:
        return "exact" if metric.confidence is None else "–"
    low, high = (write(bound, metric=metric.name, unit=metric.unit) for bound in (metric.low, metric.high))
    return f"{low} to {high}"


def _slug(text: str) -> str:
    """Return a fragment name for ``text``: letters, digits and hyphens only."""
    return "-".join("".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text).split())
