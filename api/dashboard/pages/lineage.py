"""One model: what its aliases point to, its champions so far, and how far each was from the anchor."""

import math

from starlette.responses import Response

from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.routes import models
from api.shapes.models import DriftOut, LineageOut, ModelOut
from audits.reports.figures import signed
from audits.reports.lineage_plot import LineagePanel, Mark, lineage_figure
from gatekeeper.core.errors import RegistryError


def lineage(visit: Visit) -> Response:
    """Show where a model's champions came from."""
    name = visit.named["model"]
    found = visit.ask("GET", "/v1/models/{model}/lineage", models.lineage, LineageOut, model=name)
    return show(
        visit,
        "lineage",
        title=f"{name}: lineage",
        model=name,
        now=_now(visit, name),
        champions=found.champions,
        drift=found.drift,
        points=_points,
        figure=lineage_figure(panels_of(found.drift), model=name),
    )


def panels_of(points: list[DriftOut]) -> tuple[LineagePanel, ...]:
    """Return one panel per suite, in hundredths of the score; what is no finite number is in the table alone."""
    suites: dict[str, list[Mark]] = {}
    for point in points:
        delta, low, high = (_number(each) for each in (point.delta, point.low, point.high))
        if delta is not None:
            suites.setdefault(point.suite, []).append(
                Mark(
                    version=point.version,
                    value=100 * delta,
                    low=100 * (delta if low is None else low),
                    high=100 * (delta if high is None else high),
                    budget=None if point.budget is None else -100 * point.budget,
                    anchor=point.anchor,
                )
            )
    return tuple(LineagePanel(suite=suite, marks=tuple(marks)) for suite, marks in sorted(suites.items()))


def _points(value: float | str | None) -> str:
    """Return a number in points, with its sign."""
    number = _number(value)
    return "–" if number is None else signed(100 * number, digits=1, plus=True)


def _number(value: float | str | None) -> float | None:
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def _now(visit: Visit, name: str) -> ModelOut | None:
    try:
        return visit.ask("GET", "/v1/models/{model}", models.one_model, ModelOut, model=name)
    except RegistryError:
        return None
