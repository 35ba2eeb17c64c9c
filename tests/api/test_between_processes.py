"""Changing one thing is one process's turn at a time; other things wait for nobody."""

import os
import signal
import threading

import pytest
from held_elsewhere import held_elsewhere, until_let_go

from api.between import BetweenProcesses


def hold(file, entered):
    """Change the thing in a process of its own, until the other end of the pipe is closed."""
    with BetweenProcesses(file).turn("upd-1"):
        until_let_go(entered)


@pytest.fixture
def elsewhere(tmp_path):
    """A process that changes ``upd-1``, and what makes it leave."""
    with held_elsewhere(hold, tmp_path / "changes.lock") as held:
        yield held


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

    leave()
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
