"""Writes the golden reports again. Run ``python tests/audits/reports/regenerate.py``, then read the difference."""

from pathlib import Path

from run_example import example

from audits.reports import FORMATS

GOLDENS = {
    "html": "report.html",
    "json": "report.json",
    "junit": "report.xml",
    "markdown": "report.md",
    "sarif": "report.sarif",
}
"""Golden file of each format."""
FOLDER = Path(__file__).parent / "goldens"

if __name__ == "__main__":
    for kind, name in GOLDENS.items():
        (FOLDER / name).write_text(FORMATS[kind](example()), encoding="utf-8", newline="\n")
