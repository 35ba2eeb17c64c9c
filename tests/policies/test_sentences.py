import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_catalogue import count, finding, measured, metric

from policies.expression import RuleError
from policies.sentences import ABSENT, check_sentence, fill, write_number


def test_numbers_stand_in_the_sentence():
    report = measured("data/pii", metric("k.d", -0.052, -0.08, -0.02), findings=(finding("data/pii/iban"),))
    template = (
        "Knowledge changed by {m[k.d].value:+points} (margin {margin:points}); {f[data/pii/iban]:#account number}."
    )

    text = fill(template, report, margin=0.05)

    assert text == "Knowledge changed by −5.2 points (margin 5 points); 1 account number."


def test_a_number_that_was_not_measured_says_so():
    report = measured("data/pii", count("a", 1), count("b", math.nan))

    assert fill("{m[gone].value} {m[a].low} {m[b].value} {margin}", report, margin=None) == " ".join(
        [ABSENT.capitalize(), *[ABSENT] * 3]
    )


@pytest.mark.parametrize(
    ("value", "form", "written"),
    [
        (0.05, "points", "5 points"),
        (0.01, "points", "1 point"),
        (-0.0512, "+.1points", "−5.1 points"),
        (0.012, "+points", "+1.2 points"),
        (-0.2, "abspoints", "20 points"),
        (0.873, ".0%", "87 %"),
        (-0.0001, ".1points", "0.0 points"),
        (12345.0, "", "12,345"),
        (0.0731, "", "0.073"),
        (3.14159, ".3", "3.142"),
        (0.0, "#row", "no row"),
        (1.0, "#row", "1 row"),
        (2.0, "#copy|copies", "2 copies"),
    ],
)
def test_numbers_read_as_people_write_them(value, form, written):
    assert write_number(value, form) == written


@pytest.mark.parametrize(
    "template",
    [
        "{0}",
        "{}",
        "{m}",
        "{m[a]}",
        "{m[a].__class__}",
        "{m[a].value.__class__}",
        "{m[a].value!r}",
        "{m[a].value:>9999999999}",
        "{m[a].value:{m[b].value}}",
        "{f[a].value}",
        "{sev[awful]}",
        "{margin[a]}",
        "an open { brace",
        "a closed } brace",
        "{{doubled}}",
    ],
)
def test_a_placeholder_reaches_nothing_but_numbers(template):
    with pytest.raises(RuleError):
        check_sentence(template)


@given(st.text(alphabet="{}[]m.value:f+%#a0 ", max_size=40), st.floats())
def test_a_sentence_that_loads_can_always_be_filled(template, value):
    report = measured("data/pii", metric("a", value))
    try:
        check_sentence(template)
    except RuleError:
        return

    assert isinstance(fill(template, report, margin=0.05), str)
