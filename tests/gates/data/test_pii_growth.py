"""Hostile texts cost in proportion to their length: four times the text, not sixteen times the work."""

import time

import pytest

from gatekeeper.gates.data.personal.search import Search, SearchOptions

SHORT, TIMES = 30_000, 4
QUADRATIC = TIMES * TIMES


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "1.", "1-", "12 34 ", "4539 1488 0343 6467 ", "a@", "www.", "one two ", "a dot "]
)
def test_work_grows_with_the_text_and_not_with_its_square(unit):
    search = Search(SearchOptions(names=False))

    short, long = (min(work(search, (unit * size)[:size]) for _ in range(3)) for size in (SHORT, TIMES * SHORT))

    assert long < QUADRATIC * 0.6 * short


def work(search, text):
    """Return the processor time that the search takes."""
    began = time.process_time()
    search.batch([[text]])
    return time.process_time() - began
