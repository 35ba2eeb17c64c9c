"""The judge `match` filters and compares as lm-evaluation-harness does, and keeps the law of early decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.judges import read_judge

FILTERS = {
    "regex": {"function": "regex", "regex_pattern": r"(\d+)|([a-z]+)", "group_select": -1, "fallback": "none"},
    "remove_whitespace": {"function": "remove_whitespace"},
    "lowercase": {"function": "lowercase"},
    "uppercase": {"function": "uppercase"},
}


@given(reply=st.text(max_size=30), more=st.text(max_size=10), answer=st.text(max_size=5))
def test_what_is_decided_does_not_change(reply, more, answer):
    judge = read_judge({"type": "match", "answers": [answer], "ignore_case": True})

    assert not judge.decided(reply) or judge.score(reply) == judge.score(reply + more)


@pytest.mark.parametrize("name", FILTERS)
@given(reply=st.text("aB1 \n#", max_size=20))
def test_each_filter_gives_what_the_harness_gives(name, reply):
    registry = pytest.importorskip("lm_eval.api.registry", reason="lm-evaluation-harness is an optional extra")
    pytest.importorskip("lm_eval.filters")
    step = FILTERS[name]
    theirs = registry.get_filter(name)(**{field: value for field, value in step.items() if field != "function"})
    ours = read_judge({"type": "match", "answers": [""], "filters": [step]})

    assert ours.filtered(reply) == next(iter(theirs.apply([[reply]], [{}])))[0]


@given(
    reply=st.text("aB1 .,", max_size=8),
    answer=st.text("aB1 .,", max_size=8),
    options=st.fixed_dictionaries(
        {name: st.booleans() for name in ("ignore_case", "ignore_punctuation", "ignore_numbers")}
    ),
    ignored=st.sampled_from([[], [","], ["a+", r"\s"]]),
)
def test_the_comparison_is_the_harness_exact_match(reply, answer, options, ignored):
    metrics = pytest.importorskip("lm_eval.api.metrics", reason="lm-evaluation-harness is an optional extra")
    judge = read_judge({"type": "match", "answers": [answer], "regexes_to_ignore": ignored, **options})

    theirs = metrics.exact_match_hf_evaluate([reply], [answer], regexes_to_ignore=ignored or None, **options)

    assert judge.score(reply) == float(theirs["exact_match"])


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"answers": []}, "must be a list of texts"),
        ({"answers": ["a"], "filters": [{"function": "majority_vote"}]}, "unknown filter 'majority_vote'"),
        ({"answers": ["a"], "filters": [{"function": "regex", "regex_pattern": "("}]}, "no regular expression"),
        ({"answers": ["a"], "filters": [{"function": "lowercase", "k": 1}]}, "has no field 'k'"),
        ({"answers": ["a"], "ignore_case": 1}, "must be true or false"),
        ({"answers": ["a"], "strict": True}, "has no field 'strict'"),
    ],
)
def test_a_broken_judge_is_refused(row, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_judge({"type": "match", **row})
