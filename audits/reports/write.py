"""Writing a report where the command line says: ``html=FILE``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from audits.reports.as_html import render_html
from audits.reports.as_json import render_json
from audits.reports.as_junit import render_junit
from audits.reports.as_markdown import render_markdown
from audits.reports.as_sarif import render_sarif
from audits.reports.model import RunView
from gatekeeper.core.errors import UsageError

FORMATS: Mapping[str, Callable[[RunView], str]] = MappingProxyType(
    {
        "html": render_html,
        "json": render_json,
        "junit": render_junit,
        "markdown": render_markdown,
        "sarif": render_sarif,
    }
)
"""Every format by name."""


def parse_target(spec: str) -> tuple[str, Path]:
    """Return format and file of ``FORMAT=FILE``; call it before the run, so that a slip costs nothing.

    Raises:
        UsageError: the format is unknown, or the file cannot be written there.
    """
    kind, equals, name = spec.partition("=")
    if kind not in FORMATS or not equals or not name:
        raise UsageError(
            f"{spec!r} names no report.",
            hint=f"Write FORMAT=FILE with one of {', '.join(FORMATS)}, e.g. html=report.html.",
        )
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file.", hint=f"Name a file in it, e.g. {kind}={path / 'report'}.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist.", hint="Create it first, or name another.")
    return kind, path


def write_report(view: RunView, spec: str) -> Path:
    """Render ``view`` into the file ``spec`` names and return its path.

    Raises:
        UsageError: as for :func:`parse_target`, or the file cannot be written.
    """
    kind, path = parse_target(spec)
    text = FORMATS[kind](view)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(
            f"The report {path} cannot be written: {(error.strerror or 'unknown reason').lower()}.",
            hint="Name a file in a folder you may write to.",
        ) from error
    return path
