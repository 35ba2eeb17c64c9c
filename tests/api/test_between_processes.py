"""Changing one thing is one process's turn at a time; other things wait for nobody."""

import multiprocessing
import os
import signal
import threading

import pytest

from api.between import BetweenProcesses


def hold(file, entered, leave):
    """Change the thing in a process of its own, until told to leave."""
    with BetweenProcesses(file).turn("upd-1"):
        entered.set()
        leave.wait(30)


@pytest.fixture
def elsewhere(tmp_path):
    """A process that changes ``upd-1``, and what makes it leave."""
    context = multiprocessing.get_context("spawn")
    entered, leave = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "changes.lock", entered, leave))
    process.start()
    assert entered.wait(30)
    yield process, leave
    if process.is_alive():  # setting it would wait for ever for one that was killed while it waited
        leave.set()
    process.join(30)


def change(turns, subject):
    """Begin to change a thing in a thread; give what says that its turn came."""
    came = threading.Event()

    def work():
        with turns.turn(subject):
            came.set()

    threading.Thread(target=work, daemon=True).start()
    return came


def test_the_same_thing_waits_and_another_does_not(tmp_path, elsewhere):
    _process, leave = elsewhere
    turns = BetweenProcesses(tmp_path / "changes.lock")

    same, other = change(turns, "upd-1"), change(turns, "upd-2")
    assert other.wait(30)
    assert not same.wait(0.05)

    leave.set()
    assert same.wait(30)


def test_a_turn_ends_with_its_process(tmp_path, elsewhere):
    process, _leave = elsewhere
    os.kill(process.pid, signal.SIGKILL)

    assert change(BetweenProcesses(tmp_path / "changes.lock"), "upd-1").wait(30)


def test_a_turn_ends_when_its_block_raises(tmp_path):
    turns = BetweenProcesses(tmp_path / "changes.lock")
    with pytest.raises(ZeroDivisionError), turns.turn("upd-1"):
        raise ZeroDivisionError

    with turns.turn("upd-1"):
        pass
