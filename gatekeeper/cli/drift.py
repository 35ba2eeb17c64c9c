"""``gatekeeper drift``: how far the champions of a model have moved from the anchor, and what they may."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from audits.reports.figures import signed
from audits.reports.lineage_plot import LineagePanel, Mark, lineage_plot
from gatekeeper.cli.desk.choose import desk
from gatekeeper.cli.screen import console, print_json
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.lineage import DriftPoint


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(drift)


def drift(
    model: Annotated[str, typer.Option("--model", help="Registered model.")],
    svg: Annotated[Path | None, typer.Option("--svg", help="Also draw it into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """List every champion's score against the anchor beside the budget it was judged by."""
    with desk() as at:
        points = at.drift(model)
    if svg is not None:
        try:
            svg.write_text(str(lineage_plot(panels_of(points), model=model)), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{svg} cannot be written: {error.strerror}.", hint="Name another file.") from error
    if as_json:
        print_json({"model": model, "points": [_line(point) for point in points]})
        return 0
    screen = console(as_json=False)
    if not points:
        screen.print(f"No champion of {model} was compared with an anchor yet.", markup=False)
        return 0
    table = Table(pad_edge=False)
    for column in ("Suite", "Version", "Anchor", "Points", "Surely between", "At most lost"):
        table.add_column(column, overflow="fold")
    for point in sorted(points, key=lambda each: each.suite):
        between = f"{_points(point.low)} to {_points(point.high)}"
        lost = "–" if point.budget is None else f"{100 * point.budget:g}"
        cells = (point.suite, point.version, point.anchor or "–", _points(point.delta), between, lost)
        table.add_row(*map(Text, cells))
    screen.print(table)
    return 0


def panels_of(points: tuple[DriftPoint, ...]) -> tuple[LineagePanel, ...]:
    """Return one panel per suite, in hundredths of the score."""
    suites: dict[str, list[Mark]] = {}
    for point in points:
        suites.setdefault(point.suite, []).append(
            Mark(
                version=point.version,
                value=100 * point.delta,
                low=100 * (point.delta if point.low is None else point.low),
                high=100 * (point.delta if point.high is None else point.high),
                budget=None if point.budget is None else -100 * point.budget,
                anchor=point.anchor,
            )
        )
    return tuple(LineagePanel(suite=suite, marks=tuple(marks)) for suite, marks in sorted(suites.items()))


def _line(point: DriftPoint) -> dict[str, object]:
    moment = point.promoted.isoformat(timespec="seconds") if point.promoted else None
    return {**dataclasses.asdict(point), "promoted": moment}


def _points(value: float | None) -> str:
    return "–" if value is None else signed(100 * value, digits=1, plus=True)
