import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_catalogue import count, finding, measured, metric

from gatekeeper.core.findings import Severity
from policies.expression import RuleError
from policies.rules import compile_rule, evaluate


def answer(rule: str, *metrics, findings=(), margin=None):
    return evaluate(rule, measured("data/pii", *metrics, findings=findings), margin=margin)


def test_a_rule_holds_or_not():
    delta = metric("a", 0.0, -0.04, 0.04)

    assert answer('m["a"].low > -margin', delta, margin=0.05).holds is True
    assert answer('m["a"].low > -margin', delta, margin=0.03).holds is False


def test_a_code_that_did_not_occur_counts_zero():
    iban = finding("data/pii/iban")

    assert answer('f["data/pii/iban"] == 0', findings=()).holds is True
    assert answer('f["data/pii/iban"] == 2', findings=(iban, iban)).holds is True


def test_findings_are_counted_by_severity():
    found = (finding("data/pii/a", Severity.CRITICAL), finding("data/pii/b", Severity.LOW))

    assert answer('sev["critical"] == 1 && sev["high"] == 0', findings=found).holds is True


@pytest.mark.parametrize(
    "rule",
    [
        'm["gone"].value > 0',
        '!(m["gone"].value > 0)',
        'm["gone"].value != 0',
        'm["a"].value > 0 || m["gone"].value > 0',
        'm["gone"].value > 0 || m["a"].value > 0',
        'm["a"].value > 0 ? true : m["gone"].value > 0',
    ],
)
def test_a_missing_metric_stops_the_rule_however_it_is_written(rule):
    result = answer(rule, metric("a", 1.0))

    assert result.holds is None
    assert "no metric named gone" in result.problem


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "rule",
    ['m["a"].value > 0', 'm["a"].value < 0', 'm["a"].value != 0', 'm["a"].value == 0', '!(m["a"].value == 0)'],
)
def test_a_number_that_is_none_never_answers(rule, value):
    assert answer(rule, metric("a", value)).holds is None


@pytest.mark.parametrize("rule", ['m["a"].low > -1', 'm["a"].low != 0', 'm["a"].high < 1'])
def test_a_metric_without_bounds_cannot_be_judged_by_them(rule):
    result = answer(rule, count("a", 0))

    assert result.holds is None
    assert "came without" in result.problem


def test_bounds_that_contradict_each_other_are_no_evidence():
    assert answer('m["a"].low > -1', metric("a", 0.0, 0.5, -0.5)).holds is None


def test_a_metric_reported_twice_is_ambiguous():
    result = answer('m["a"].value == 0', count("a", 0), count("a", 7))

    assert result.holds is None
    assert "2 metrics" in result.problem


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        pytest.param('m["a"].value', "not with true or false", id="a-number"),
        pytest.param('m["a"].value + 1 > 2', "write 2.0, not 2", id="whole-beside-decimal"),
        pytest.param('m["a"].value >', "mismatched input", id="half-a-rule"),
        pytest.param('m["a"].low > -margin', "has no margin", id="no-margin"),
        pytest.param('(m["a"].value > 0', "missing", id="an-open-bracket"),
    ],
)
def test_a_rule_that_cannot_answer_is_refused_before_any_update(rule, why):
    with pytest.raises(RuleError, match=why):
        compile_rule(rule, margin=None)


@given(value=st.floats(allow_nan=False, allow_infinity=False), line=st.floats(-1e6, 1e6))
def test_a_comparison_agrees_with_arithmetic(value, line):
    result = answer('m["a"].value > margin', metric("a", value), margin=line)

    assert result.holds is (value > line)
