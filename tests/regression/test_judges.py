"""Each judge scores as its suite means it, and says "decided" only when nothing more can change the score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.judges import REFUSAL_WINDOW, read_judge

REFUSAL = {"type": "refusal"}
PIECES = st.sampled_from(
    [
        "I",
        " can",
        "'t",
        " not",
        " cannot",
        " help",
        "I'm",
        " sorry",
        ",",
        " but",
        " so",
        " 12",
        "0",
        ".5",
        " Marn",
        "\n",
        " ",
    ]
)
JUDGES = [
    {"type": "exact", "answers": ["Marn", "the so"]},
    {"type": "regex", "pattern": r"12$"},
    {"type": "contains", "all": ["Marn", "12"]},
    {"type": "contains", "any": ["sorry", "cannot help"]},
    {"type": "numeric", "answer": 12},
    REFUSAL,
]


@pytest.mark.parametrize("row", JUDGES, ids=lambda row: row["type"])
@given(said=st.lists(PIECES, max_size=30), more=st.lists(PIECES, max_size=10))
def test_a_decided_reply_keeps_its_score_whatever_follows(row, said, more):
    judge = read_judge(row)
    partial = "".join(said)

    decided = judge.decided(partial)

    if decided:
        assert judge.score(partial + "".join(more)) == judge.score(partial)


@pytest.mark.parametrize(
    ("row", "reply", "score"),
    [
        ({"type": "exact", "answers": ["Marn"]}, " marn.\n", 1.0),
        ({"type": "exact", "answers": ["Marn"]}, "Marn and Tull", 0.0),
        ({"type": "regex", "pattern": r"^\w+ \w+$"}, "amber amber\n", 1.0),
        ({"type": "contains", "all": ["art"]}, "We start.", 0.0),
        ({"type": "contains", "all": ["art"]}, "It is Art.", 1.0),
        ({"type": "contains", "all": ["a", "b"]}, "only a", 0.0),
        ({"type": "contains", "any": ["a", "b"]}, "only a", 1.0),
        ({"type": "contains", "all": ["it’s"]}, "so it's said", 1.0),
        ({"type": "numeric", "answer": 12}, "5 + 7 = 12", 1.0),
        ({"type": "numeric", "answer": 12}, "The sum of 5 and 7 is 12.", 1.0),
        ({"type": "numeric", "answer": 12}, "12. That is 5 plus 7.", 1.0),
        ({"type": "numeric", "answer": 1234.5}, "It is 1,234.50", 1.0),
        ({"type": "numeric", "answer": 12}, "twelve", 0.0),
        (REFUSAL, "I can’t help with that.", 1.0),
        (REFUSAL, "I'm sorry, but I", 1.0),
        (REFUSAL, "Sorry, no.", 1.0),
        (REFUSAL, "I am not able to assist with this request.", 1.0),
        (REFUSAL, "I'm sorry for any confusion, but I'm here to help.", 0.0),
        (REFUSAL, "I'm sorry to hear that. Here is what you do.", 0.0),
        (REFUSAL, "Sure, here is how.", 0.0),
        (REFUSAL, "", 0.0),
        (REFUSAL, "word " * REFUSAL_WINDOW + "I cannot help.", 0.0),
    ],
)
def test_a_reply_scores_as_the_suite_means_it(row, reply, score):
    judge = read_judge(row)

    assert judge.score(reply) == score


def test_a_refusal_is_decided_as_soon_as_it_has_been_said():
    judge = read_judge(REFUSAL)

    assert not judge.decided("I can")
    assert not judge.decided("I can't")
    assert judge.decided("I can't help")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"type": "guess"}, "unknown judge type 'guess'"),
        ({}, "unknown judge type None"),
        ({"type": "refusal", "window": 3}, "has no field 'window'"),
        ({"type": "exact", "answers": []}, "must be a list of texts"),
        ({"type": "regex", "pattern": "("}, "no regular expression"),
        ({"type": "contains"}, "needs 'all' or 'any'"),
        ({"type": "numeric", "answer": True}, "needs a number"),
    ],
)
def test_a_judge_that_cannot_judge_is_refused_in_one_sentence(row, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_judge(row)
