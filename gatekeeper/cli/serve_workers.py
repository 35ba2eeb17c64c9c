"""Several processes behind one address: each opens the project for itself and answers its share of connections.

The processes share what lies in the database and in files: tokens, kept answers, the ledger, who is next to write.
What a process holds alone is said in ``docs/api.md``. The system spreads connections over them. When one of them ends
by itself, all are ended: whoever started the service starts it again, with as many as were asked for.
"""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Final

from gatekeeper.core.errors import StateError, UsageError

MOST: Final = 64
_BACKLOG: Final = 512
_PATIENCE: Final = 30.0
"""Seconds that a process has to end in."""

Work = Callable[[socket.socket], None]
"""Answers what comes to one listening socket until the process is told to end; importable by its name."""


def listeners(first: socket.socket, count: int) -> list[socket.socket]:
    """Return sockets that share the address of one that has just been listening there alone, which is closed.

    Raises:
        UsageError: somebody took the address meanwhile, or the system cannot share one.
    """
    address, family = first.getsockname(), first.family
    first.close()  # it showed that nobody else listens there, which a shared socket would not
    made = []
    try:
        for _ in range(count):
            shared = socket.socket(family, socket.SOCK_STREAM)
            made.append(shared)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind(address)
            shared.listen(_BACKLOG)
    except (OSError, AttributeError) as error:
        for each in made:
            each.close()
        raise UsageError(
            f"Several processes cannot listen at {address[0]}:{address[1]}: {error}.", hint="Leave --workers out."
        ) from error
    return made


def run_workers(work: Work, sockets: list[socket.socket]) -> None:
    """Run one process for each socket until told to end.

    Raises:
        StateError: one of them ended by itself; the others were told to end.
    """
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_worker, args=(work, each), daemon=False) for each in sockets]
    with _told_to_end() as told:
        for process in processes:
            process.start()
        for each in sockets:
            each.close()
        by_themselves = _first_ended(processes, told)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
    if by_themselves:
        codes = ", ".join(str(each.exitcode) for each in by_themselves)
        raise StateError(
            f"A process of the service ended by itself ({codes}), so the service ended.", hint="Start it again."
        )


def _first_ended(processes: Sequence[BaseProcess], told: socket.socket) -> list[BaseProcess]:
    """Wait until somebody tells to end, or a process ends by itself; return those that did."""
    ready = wait([told, *(each.sentinel for each in processes)])
    return [] if told in ready else [each for each in processes if each.sentinel in ready]


@contextmanager
def _told_to_end() -> Iterator[socket.socket]:
    """Give a socket on which something comes as soon as the process is told to end."""
    reading, writing = socket.socketpair()

    def tell(number: int, frame: FrameType | None) -> None:
        del number, frame
        writing.send(b".")

    former = {each: signal.signal(each, tell) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield reading
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
        reading.close()
        writing.close()


def _worker(work: Work, listener: socket.socket) -> None:
    """Answer until told to end, or until the process that began this one is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    work(listener)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
