import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.expression import Better, RuleError, comparison, references


def test_every_number_a_rule_needs_is_known_without_running_it():
    rule = """m["a.b"].low > -margin && (f['data/pii/iban'] == 0 || sev["high"] < 2) && !(m["a.b"].n < 10)"""

    needed = [str(reference) for reference in references(rule)]

    assert needed == ['f["data/pii/iban"]', 'm["a.b"].low', 'm["a.b"].n', "margin", 'sev["high"]']


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("true", id="a-constant"),
        pytest.param("1 < 2", id="arithmetic-alone"),
        pytest.param("margin > 0.01", id="the-margin-alone"),
        pytest.param('m["a"] != null', id="null"),
        pytest.param('"a" in m', id="membership"),
        pytest.param('has(m.a) || m["a"].value > 0', id="has"),
        pytest.param("m.all(k, m[k].value > 0)", id="a-macro-over-every-metric"),
        pytest.param('m["a"].method == "t"', id="text"),
        pytest.param('m["a"].value / m["b"].value > 1', id="a-ratio"),
        pytest.param('m["a"].value > 0 // m["b"].value > 0', id="a-comment"),
        pytest.param('m["a\\"].value > 0', id="an-escape"),
        pytest.param('r"x" == m["a"].value', id="a-raw-string"),
        pytest.param('sev["terrible"] == 0', id="an-unknown-severity"),
        pytest.param('m[f["x"]].value > 0', id="a-computed-name"),
        pytest.param('m["a"]', id="no-field"),
        pytest.param("", id="nothing"),
        pytest.param('m["a"].value > 0 && ' * 200 + 'm["a"].value > 0', id="too-long"),
    ],
)
def test_what_is_not_a_comparison_of_measured_numbers_is_refused(rule):
    with pytest.raises(RuleError):
        references(rule)


@pytest.mark.parametrize(
    ("rule", "threshold", "better"),
    [
        ('m["a"].low > -margin', -0.05, Better.HIGHER),
        ('m["a"].high < margin', 0.05, Better.LOWER),
        ('m["a"].value <= 0.25', 0.25, Better.LOWER),
        ('m["a"].value == 0', 0.0, Better.EQUAL),
    ],
)
def test_a_single_comparison_says_where_its_line_lies(rule, threshold, better):
    found = comparison(rule, margin=0.05)

    assert found is not None
    assert (found.threshold, found.better) == (threshold, better)


def test_two_comparisons_have_no_single_line():
    assert comparison('m["a"].low > 0 && m["a"].high < 1', margin=None) is None


@given(st.text(max_size=80))
def test_any_text_is_a_rule_or_refused_with_a_sentence(text):
    try:
        needed = references(text)
    except RuleError:
        return

    assert needed
