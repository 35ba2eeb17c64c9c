"""Champions against the anchor are read back from the reports that their promotions stood on."""

import pytest

from gatekeeper.pipeline.lineage import drift_of


def test_a_second_champion_stands_against_the_anchor_with_its_budget(workspace, second):
    points = drift_of(workspace, second.update.model)

    report = next(run.report for run in second.runs if run.report.gate == "behaviour/regression")
    by_suite = {point.suite: point for point in points}
    knowledge, metric = by_suite["knowledge"], report.metric("knowledge.anchor_delta")
    assert (knowledge.version, knowledge.anchor) == ("2", "1")
    assert (knowledge.delta, knowledge.low, knowledge.high) == (metric.value, metric.low, metric.high)
    assert knowledge.budget == pytest.approx(0.15)
    assert by_suite["instructions"].budget is None, "this policy names no limit for it"


def test_a_model_with_its_first_champion_alone_has_drifted_nowhere(workspace, certified):
    assert drift_of(workspace, certified.update.model) == ()
    assert drift_of(workspace, "a stranger") == ()
