"""Writers take turns: in the order in which they came, between processes too, and nobody who died holds others up."""

import os
import signal
import threading

import pytest
from held_elsewhere import held_elsewhere, until_let_go

from gatekeeper.store.turns import WaitedTooLong, WritersTurns


def until(condition, seconds=20):
    """Wait for something another thread or process does."""
    ended = threading.Event()
    for _ in range(seconds * 200):
        if condition():
            return True
        ended.wait(0.005)
    return False


def hold(database, entered):
    """Take a turn in a process of its own, until the other end of the pipe is closed."""
    with WritersTurns(database, patience=30).turn():
        until_let_go(entered)


@pytest.fixture
def elsewhere(tmp_path):
    """A process that has the turn; give it, and what makes it leave."""
    with held_elsewhere(hold, tmp_path / "a.db") as held:
        yield held


def test_threads_come_in_the_order_in_which_they_asked(tmp_path):
    turns, order, threads = WritersTurns(tmp_path / "a.db", patience=30), [], []

    def write(number):
        with turns.turn():
            order.append(number)

    with turns.turn():
        for number in range(8):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            assert until(lambda number=number: len(turns._line) == number + 1)
        assert order == []
    for thread in threads:
        thread.join()

    assert order == list(range(8))


def test_one_process_waits_for_another(tmp_path, elsewhere):
    _process, leave = elsewhere
    turns, written = WritersTurns(tmp_path / "a.db", patience=30), threading.Event()

    def write():
        with turns.turn():
            written.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert not written.wait(0.05)
    leave()
    thread.join(30)

    assert written.is_set()


def test_a_turn_ends_with_the_process_that_had_it(tmp_path, elsewhere):
    process, _leave = elsewhere
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)

    with WritersTurns(tmp_path / "a.db", patience=10).turn():
        pass


def test_whoever_waits_too_long_is_told_and_leaves_the_line(tmp_path):
    turns = WritersTurns(tmp_path / "a.db", patience=0.05)
    refused = []

    def write():
        try:
            with turns.turn():
                refused.append("entered")
        except WaitedTooLong:
            refused.append("told")

    with turns.turn():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(20)

    assert refused == ["told"]
    with turns.turn():
        pass


def test_whoever_waits_too_long_for_another_process_lets_the_next_one_try(tmp_path, elsewhere):
    _process, leave = elsewhere
    turns = WritersTurns(tmp_path / "a.db", patience=0.05)
    for _ in range(2):
        with pytest.raises(WaitedTooLong), turns.turn():
            pass

    leave()
    _process.join(30)
    with turns.turn():
        pass


def test_a_turn_ends_when_its_block_raises(tmp_path):
    turns = WritersTurns(tmp_path / "a.db", patience=1)
    with pytest.raises(ZeroDivisionError), turns.turn():
        raise ZeroDivisionError

    with turns.turn():
        pass


def test_a_folder_that_takes_no_files_keeps_nobody_from_writing(tmp_path):
    with WritersTurns(tmp_path / "nowhere" / "a.db", patience=1).turn():
        pass
