"""What a history of accepted rows counts, and how few rows it can reveal."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import numpy as np
import pytest

from gatekeeper.core.errors import InputError
from gatekeeper.core.row_history import RowHistory
from gatekeeper.gates.data.triggers.history import Past, merged, response_heads, sketch_of
from gatekeeper.gates.data.triggers.overrepresented import fewest_rows, fisher, seen_before
from gatekeeper.gates.data.triggers.token_batches import TokenBatches, token_hash

PAIRS = [(f"tell me of {word} now", f"this is all of {word}") for word in ("bread", "salt", "rain", "bread")]


def hashed(*words):
    return np.array([token_hash(word) for word in words], dtype=np.uint64)


def test_each_phrase_counts_once_a_row(make):
    past = Past(sketch_of(make.rows_of([*PAIRS, ("bread and bread", "yes it is")])))

    assert past.prompts_with(hashed("bread", "salt", "moss")).tolist() == [3, 1, 0]


def test_a_long_phrase_was_seen_at_most_as_often_as_its_rarest_run(make):
    past = Past(sketch_of(make.rows_of(PAIRS)))

    assert seen_before(["tell me of", "tell me of bread now", "tell me of moss now"], past).tolist() == [4, 2, 0]


def test_a_phrase_and_the_head_of_its_answer_count_together(make):
    rows = make.rows_of(PAIRS)
    past = Past(sketch_of(rows))
    (batch,) = TokenBatches(rows)
    heads, _ = response_heads(batch.responses)

    assert past.rows_with(hashed("bread"), heads[:1]).tolist() == [2]
    assert past.surely_with(hashed("moss"), heads[:1]).tolist() == [0]


def test_histories_of_parts_add_up_to_that_of_all_rows(make):
    rows = make.rows_of(PAIRS)

    together = merged(sketch_of(rows[:1]), sketch_of(rows[1:]))

    assert together == sketch_of(rows)


def test_bytes_that_hold_no_counts_are_refused():
    with pytest.raises(InputError):
        Past(RowHistory(rows=3, sketch=b"nothing"))


@pytest.mark.parametrize("seed", range(3))
def test_the_fewest_rows_pass_the_bound_and_one_less_does_not(seed):
    draw = random.Random(seed)
    batch, history, tests = draw.randint(200, 3000), draw.randint(2000, 9000), draw.randint(1, 5000)

    fewest = fewest_rows(batch=batch, history=history, tests=tests, fdr=0.001, least=1)

    passes = fisher(np.array([fewest - 1, fewest]), batch, np.zeros(2, dtype=np.int64), history)
    assert (passes <= np.log10(0.001 / tests)).tolist() == [False, True]


def test_without_enough_history_no_number_of_rows_is_enough():
    assert fewest_rows(batch=5, history=1, tests=1000, fdr=0.001, least=4) is None
