"""A window of a minute moves with the clock, tells keys apart, and keeps nothing of what is over."""

from hypothesis import given
from hypothesis import strategies as st

from api.rates import Window


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_so_many_within_a_minute_and_no_more():
    clock = Clock()
    window = Window(3, now=clock)
    assert [window.hit("a") for _ in range(4)] == [True, True, True, False]

    clock.now = 59.999
    assert not window.test("a")
    clock.now = 60.0
    assert window.test("a")


def test_one_key_takes_nothing_from_another():
    window = Window(1, now=Clock())

    assert (window.hit("a"), window.hit("b"), window.hit("a")) == (True, True, False)


def test_what_is_refused_is_not_counted():
    clock = Clock()
    window = Window(1, now=clock)
    window.hit("a")
    for second in range(1, 60):
        clock.now = float(second)
        assert not window.hit("a")

    clock.now = 60.0
    assert window.hit("a")


def test_keys_that_nobody_uses_any_more_are_forgotten():
    clock = Clock()
    window = Window(5, now=clock)
    for number in range(1000):
        window.hit(f"token {number}")

    clock.now = 61.0
    window.hit("another")

    assert list(window._done) == ["another"]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 5))
def test_no_minute_ever_holds_more(pauses, most):
    clock, counted = Clock(), []
    window = Window(most, now=clock)
    for pause in pauses:
        clock.now += pause
        if window.hit("a"):
            counted.append(clock.now)

    assert all(sum(begin <= each < begin + 60 for each in counted) <= most for begin in counted)
