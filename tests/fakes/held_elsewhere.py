"""Something held by a process of its own, until it is let go or the process is killed."""

import contextlib
import multiprocessing


def until_let_go(entered):
    """Say that what is to be held is held, and wait until the other end of the pipe is closed."""
    entered.send(True)
    with contextlib.suppress(EOFError):
        entered.recv()


@contextlib.contextmanager
def held_elsewhere(hold, *about):
    """Give a process that holds something, and what makes it let go; ``hold`` gets ``about`` and its end of a pipe."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(*about, there))
    process.start()
    there.close()
    assert here.poll(60)
    assert here.recv()
    try:
        yield process, here.close
    finally:
        here.close()
        process.join(30)
