import itertools

from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gates.data.reading.counts import share, wilson
from gatekeeper.gates.data.reading.spans import Span, longest_first, masked


def spans():
    return st.builds(
        lambda start, length, score, type_: Span(
            row=0, field="text", start=start, end=start + length, type=type_, score=score
        ),
        start=st.integers(0, 30),
        length=st.integers(1, 10),
        score=st.sampled_from([0.6, 0.85, 1.0]),
        type_=st.sampled_from(["A", "B"]),
    )


@given(text=st.text(min_size=1), shown=st.integers(0, 8))
def test_a_mask_never_shows_more_than_a_quarter(text, shown):
    result = masked(text, shown=shown)

    visible = result.partition("… (")[0]
    assert text.startswith(visible)
    assert len(visible) <= max(0, min(shown, len(text) // 4))


@given(st.lists(spans()), st.lists(spans()))
def test_surviving_spans_never_overlap_and_every_loser_met_a_winner(first, second):
    kept = longest_first(first, second)

    assert all(one.end <= other.start for one, other in itertools.pairwise(kept))
    for span in (*first, *second):
        assert any(span.start < other.end and other.start < span.end for other in kept)


def test_an_earlier_rank_beats_a_surer_later_one():
    street = Span(row=0, field="text", start=0, end=10, type="STREET_ADDRESS", score=0.6)
    name = Span(row=0, field="text", start=3, end=8, type="PERSON", score=0.9)

    assert longest_first([street], [name]) == [street]


@given(n=st.integers(1, 500), data=st.data())
def test_wilson_bounds_hold_the_share_and_stay_in_range(n, data):
    successes = data.draw(st.integers(0, n))

    low, high = wilson(successes, n)

    assert 0.0 <= low <= successes / n <= high <= 1.0


def test_no_hit_in_a_hundred_rows_still_leaves_room_above():
    metric = share("contact_rate", 0, n=100)

    assert metric.low == 0.0
    assert metric.high is not None
    assert 0.02 < metric.high < 0.03
