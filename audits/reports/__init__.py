"""One run's result in the form its reader uses: JSON, HTML, Markdown, JUnit XML or SARIF 2.1.0.

Every renderer is a pure function of a :class:`~audits.reports.model.RunView`. Text that came from an update (row ids,
file names, templates, model replies) is escaped for the format, and characters nobody can see are made visible.
"""

from audits.reports.as_html import render_html
from audits.reports.as_json import render_json
from audits.reports.as_junit import render_junit
from audits.reports.as_markdown import render_markdown
from audits.reports.as_sarif import render_sarif
from audits.reports.model import LimitView, RunView, UpdateView
from audits.reports.write import FORMATS, parse_target, write_report

__all__ = [
    "FORMATS",
    "LimitView",
    "RunView",
    "UpdateView",
    "parse_target",
    "render_html",
    "render_json",
    "render_junit",
    "render_markdown",
    "render_sarif",
    "write_report",
]
