"""One thread computes at a time; whoever waits, or takes long, keeps nobody else waiting."""

import asyncio
import threading
import time

import pytest

from api.one_computes import OneComputes
from gatekeeper.core.waiting import waiting


def together(line, *works):
    """Do everything in the line, and return the results in the order in which the works were given."""

    async def all_of_them():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(line, work) for work in works))

    return asyncio.run(all_of_them())


@pytest.fixture
def line():
    """A line whose patience never ends within a test."""
    return OneComputes(8, patience=60)


def test_results_and_errors_come_back(line):
    def fails():
        raise ZeroDivisionError

    async def both():
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(line, lambda: 41 + 1) == 42
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(line, fails)
        assert await loop.run_in_executor(line, lambda: "goes on") == "goes on"

    asyncio.run(both())


def test_one_computes_at_a_time_in_the_order_in_which_they_came(line):
    inside, most, order = set(), [], []

    def work(number):
        inside.add(number)
        most.append(len(inside))
        time.sleep(0.001)
        order.append(number)
        inside.remove(number)
        return number

    numbers = list(range(20))
    assert together(line, *(lambda n=n: work(n) for n in numbers)) == numbers
    assert max(most) == 1
    assert order == numbers


def test_whoever_waits_lets_the_next_one_compute(line):
    opened = threading.Event()

    def waits():
        with waiting():
            return opened.wait(30)

    assert together(line, waits, opened.set) == [True, None]


def test_whoever_comes_back_computes_before_those_who_have_not_begun(line):
    order, opened = [], threading.Event()

    def waits():
        with waiting():
            assert opened.wait(30)
        order.append("back")

    def opens():
        opened.set()
        time.sleep(0.1)  # the other thread is back in the line before this one ends

    together(line, waits, opens, lambda: order.append("later"))
    assert order == ["back", "later"]


def test_whoever_takes_too_long_loses_the_turn_and_still_ends():
    line, opened = OneComputes(8, patience=0.02), threading.Event()

    def says_nothing():
        return opened.wait(30)

    assert together(line, says_nothing, opened.set) == [True, None]
    assert together(line, *(lambda n=n: n for n in range(5))) == list(range(5))


def test_whoever_comes_back_does_not_wait_for_one_that_takes_too_long():
    line, back, ready = OneComputes(8, patience=0.02), threading.Event(), threading.Event()

    def waits():
        with waiting():
            assert ready.wait(30)
        back.set()

    def blocks():
        ready.set()
        return back.wait(30)

    assert together(line, waits, blocks) == [None, True]


def test_there_are_never_more_threads_than_said():
    line, started, opened = OneComputes(3, patience=0.01), [], threading.Event()

    def work():
        started.append(threading.get_ident())
        if len(started) == 3:
            threading.Timer(0.1, opened.set).start()
        return opened.wait(30)

    assert all(together(line, *[work] * 9))
    assert len(set(started)) <= 3


def test_many_that_wait_and_compute_all_end():
    line, door = OneComputes(6, patience=0.005), threading.Semaphore(2)

    def work(number):
        with waiting():
            door.acquire()
        try:
            with waiting():
                time.sleep(0.001 * (number % 7))
            if number % 13 == 0:
                time.sleep(0.01)
        finally:
            door.release()
        return number

    assert together(line, *(lambda n=n: work(n) for n in range(200))) == list(range(200))
    assert line._computes is None
    assert not line._line
    assert not line._returning
