"""``gatekeeper drift`` in a project where nothing was compared yet; what it shows later is tested beside its parts."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

from gatekeeper.cli.drift import panels_of
from gatekeeper.pipeline.lineage import DriftPoint


def test_a_model_without_champions_has_no_points_and_an_honest_plot(gatekeeper, project):
    ended = gatekeeper("drift", "--model", "tiny", "--svg", "drift.svg", "--json")

    assert (ended.code, ended.json) == (0, {"model": "tiny", "points": []})
    assert ET.parse("drift.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own text


def test_a_plot_that_cannot_be_written_is_a_usage_error(gatekeeper, project):
    assert gatekeeper("drift", "--model", "tiny", "--svg", Path("nowhere") / "drift.svg").code == 64


def test_the_budget_is_drawn_below_zero_and_numbers_in_points():
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    point = DriftPoint(
        version="2", suite="knowledge", anchor="1", delta=-0.01, low=-0.02, high=0.0, confidence=0.95, budget=0.03,
        promoted=moment,
    )  # fmt: skip

    (panel,) = panels_of((point,))

    (mark,) = panel.marks
    assert (mark.value, mark.low, mark.high, mark.budget) == (-1.0, -2.0, 0.0, -3.0)
