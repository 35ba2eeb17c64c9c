"""One promotion at a time on one machine, and none settled by others while it goes on.

The database allows one open promotion per alias whatever machine it comes from; this lock tells a promotion that is
going on from one whose process died. The operating system drops it with the process.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(lock_file: Path) -> Iterator[bool]:
    """Give whether this process holds the lock; never waits."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
