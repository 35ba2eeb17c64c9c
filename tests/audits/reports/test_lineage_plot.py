"""The plot of a lineage is a file of its own, shows every version, and keeps names from becoming markup."""

import dataclasses
import xml.etree.ElementTree as ET

from run_example import example

from audits.reports import render_html
from audits.reports.lineage_plot import LineagePanel, Mark, lineage_figure, lineage_plot

SVG = "{http://www.w3.org/2000/svg}"


def mark(version, value, budget=-3.0):
    return Mark(version=version, value=value, low=value - 1.0, high=value + 1.0, budget=budget)


def test_lower_scores_stand_lower_and_the_budget_line_is_where_the_budget_is():
    panel = LineagePanel(suite="knowledge", marks=(mark("2", 0.0), mark("3", -3.0)))

    drawn = ET.fromstring(lineage_plot([panel], model="helper"))  # noqa: S314 - our own text

    first, second = drawn.findall(f".//{SVG}circle")
    budget = drawn.find(f".//{SVG}line[@class='margin']")
    assert float(first.get("cy")) < float(second.get("cy"))
    assert float(second.get("cy")) == float(budget.get("y1"))


def test_names_are_text_and_never_markup():
    panel = LineagePanel(suite="<script>", marks=(mark("<b>", 0.0, budget=None),))

    text = lineage_plot([panel], model="<i>")

    assert "<script>" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert not ET.fromstring(text).findall(f".//{SVG}line[@class='margin']")  # noqa: S314 - our own text


def test_without_versions_the_file_says_so():
    assert "No version was compared" in lineage_plot([], model="helper")


def test_a_moved_anchor_is_marked_and_versions_of_the_former_one_stay():
    marks = tuple(
        dataclasses.replace(mark(version, 0.0), anchor=anchor)
        for version, anchor in (("2", "1"), ("3", "1"), ("4", "3"))
    )

    drawn = ET.fromstring(lineage_plot([LineagePanel(suite="knowledge", marks=marks)], model="helper"))  # noqa: S314 - our own text

    assert len(drawn.findall(f".//{SVG}circle")) == 3
    assert len(drawn.findall(f".//{SVG}line[@class='anchor']")) == 1
    assert "anchor 3 from here" in "".join(drawn.itertext())


def test_an_html_report_shows_the_champions_so_far_without_a_style_of_their_own():
    panel = LineagePanel(suite="knowledge", marks=(mark("2", -0.5), mark("3", -1.0)))
    with_lineage = render_html(dataclasses.replace(example(), lineage=(panel,)))
    without = render_html(example())

    assert str(lineage_figure([panel], model=example().model)) in with_lineage
    assert with_lineage.count("<style") == without.count("<style")
    assert "The champions so far" not in without
