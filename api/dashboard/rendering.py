"""From a template and what it shows to a page. Every text is escaped; hidden characters are named."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import HTMLResponse

from audits.reports.as_html import SYMBOLS
from audits.reports.figures import scale, write
from audits.reports.visible import one_line, visible

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
"""Content security policy of every page: nothing inline, nothing from elsewhere."""


def page(template: str, context: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """Return a page."""
    return HTMLResponse(_environment().get_template(f"{template}.html.j2").render(context), status_code=status)


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("api.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["line"] = one_line
    environment.filters["moment"] = _moment
    environment.filters["part"] = _part
    environment.globals["symbols"] = SYMBOLS
    environment.globals["write"] = write
    environment.globals["unit_of"] = _unit_of
    return environment


def _moment(value: datetime | None) -> str:
    """Return a moment to the minute, in UTC."""
    return "–" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _part(text: str) -> str:
    """Return text as one part of a path."""
    return quote(text, safe="")


def _unit_of(metric: str, unit: str) -> str:
    return scale(metric, unit)[1]
