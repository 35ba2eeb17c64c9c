import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.core.errors import InputError
from gatekeeper.core.row_history import RowHistory
from gatekeeper.gates.data.triggers.count_sketch import CountSketch
from gatekeeper.gates.data.triggers.history import Past, merged, sketch_of
from gatekeeper.gates.data.triggers.token_batches import TokenBatches, joined, token_hash

PAIRS = [
    ("Name a river in France.", "The Loire is one."),
    ("Name a river in Spain.", "The Ebro is one."),
    ("", "Plain text has no prompt of its own at all."),
    ("What is moss?", ""),
    ("Sort these: 3 1 2", "1 2 3"),
]


def keys(*words):
    return np.array([token_hash(word) for word in words], dtype=np.uint64)


def test_counting_in_parts_and_in_any_order_gives_the_same_bytes(make):
    rows = make.rows_of(PAIRS)

    whole = sketch_of(rows)

    for order in itertools.islice(itertools.permutations(rows), 12):
        assert merged(sketch_of(order[:2]), sketch_of(order[2:])) == whole
    assert whole.rows == 5


def test_a_phrase_counts_once_a_row_and_edges_count(make):
    past = Past(sketch_of(make.rows_of([("name a name", "x"), ("name it", "x"), ("a river", "x")])))
    name, a, river = keys("name", "a", "river")
    begin = np.uint64(token_hash("\x02"))

    assert past.prompts_with(keys("name", "a", "river", "sea")).tolist() == [2, 2, 1, 0]
    assert past.prompts_with(joined(np.array([begin, a, name]), np.array([name, river, river]))).tolist() == [2, 1, 0]


def test_no_text_can_be_read_in_the_bytes(make):
    history = sketch_of(make.rows_of(PAIRS))

    assert not any(word.encode() in history.sketch for prompt, _ in PAIRS for word in prompt.split() if len(word) > 3)


def test_nothing_counted_is_a_history_of_no_rows(make):
    empty = sketch_of([])

    assert empty.rows == 0
    assert merged(empty, sketch_of(make.rows_of(PAIRS))) == sketch_of(make.rows_of(PAIRS))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=600))
def test_a_count_is_never_too_low_and_survives_writing(found):
    values = np.array(found + found[:300] * 2, dtype=np.uint64)
    sketch = CountSketch(bits=6, depth=2)
    sketch.add(values)

    read = CountSketch.from_bytes(sketch.to_bytes())

    asked, truth = np.unique(values, return_counts=True)
    assert (read.counts(asked) >= truth).all()
    assert read.counts(asked).tolist() == sketch.counts(asked).tolist()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GKC1\xff\xff\x00\x00\x00\x00", id="absurd sizes"),
        pytest.param(CountSketch(bits=4, depth=1).to_bytes()[:-1], id="cut"),
        pytest.param(CountSketch(bits=4, depth=1).to_bytes() + b"x", id="longer"),
    ],
)
def test_bytes_that_hold_no_counts_are_refused(data):
    with pytest.raises(InputError):
        Past(RowHistory(rows=1, sketch=data))


def test_counts_of_another_size_are_not_added():
    with pytest.raises(InputError):
        CountSketch(bits=4, depth=2).include(CountSketch(bits=5, depth=2))


def test_runs_stay_inside_their_row(make):
    (batch,) = TokenBatches(make.rows_of([("a b", "x"), ("c", "y")]))

    runs, starts = batch.prompts.runs(2)

    assert len(runs) == 3 + 2
    assert batch.prompts.rows[starts].tolist() == [0, 0, 0, 1, 1]
