"""What a process does with one chunk, whoever sent it: make the work of a task once, read the rows, answer in bytes.

An answer is a byte that says how it went, then the result, or the error as JSON: errors of the data are the same
wherever the rows are read.
"""

import importlib
import json
from collections.abc import Iterable, Mapping, Sequence

from gatekeeper.core import errors
from gatekeeper.core.digests import Plain
from gatekeeper.core.errors import GatekeeperError, InputError
from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowRange, RowTask
from gatekeeper.intake.ranges import read_range

_GOOD, _WRONG = b"\x00", b"\x01"
_FAULT = "RuntimeError"
_OURS = "gatekeeper.gates.data."


def work_of(function: str, settings: Mapping[str, Plain], shared: Sequence[Buffer]) -> ChunkWork:
    """Return the work that a function of a data gate makes.

    Raises:
        RuntimeError: the function is none of ours.
    """
    module, _, name = function.partition(":")
    if not module.startswith(_OURS):
        raise RuntimeError(f"{function} is no work of a data gate")
    made: ChunkWork = getattr(importlib.import_module(module), name)(settings, shared)
    return made


def task_line(task: RowTask) -> str:
    """Return a task without its shared data as one line."""
    return json.dumps({"function": task.function, "settings": task.settings})


def work_from_line(line: str, shared: Sequence[Buffer]) -> ChunkWork:
    """Return the work that :func:`task_line` stands for; where it cannot be made, work that says so for each chunk."""
    read = json.loads(line)
    try:
        return work_of(read["function"], read["settings"], shared)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised again by whoever asked
        why = f"{type(error).__name__}: {error}"

    def failing(chunk: RowChunk) -> bytes:
        del chunk
        raise RuntimeError(why)

    return failing


def range_line(place: RowRange) -> str:
    """Return a range as one line."""
    return json.dumps({name: getattr(place, name) for name in RowRange.__slots__})


def range_from_line(line: str) -> RowRange:
    """Return the range that :func:`range_line` stands for."""
    return RowRange(**json.loads(line))


def answer(work: ChunkWork, place: RowRange) -> bytes:
    """Return the answer for the rows of a range; what is wrong with the data is part of it."""
    rows = read_range(place)
    try:
        result = work(RowChunk(first=place.first, rows=rows))
        _read_to_the_end(rows)  # only then is it certain whose rows they are
    except GatekeeperError as error:
        return _WRONG + json.dumps([type(error).__name__, error.message, error.hint]).encode()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised again by whoever asked
        # Done again it would fail again: this too is an answer, and the process goes on.
        return _WRONG + json.dumps([_FAULT, f"{type(error).__name__}: {error}", ""]).encode()
    return _GOOD + result


def wrong(message: str) -> bytes:
    """Return the answer of a process that cannot do the work."""
    return _WRONG + json.dumps([InputError.__name__, message, "Make all machines alike, and scan again."]).encode()


def _read_to_the_end(rows: Iterable[object]) -> None:
    for _ in rows:
        raise RuntimeError("work on a chunk left rows unread")


def result_of(said: bytes) -> bytes:
    """Return the result in an answer.

    Raises:
        GatekeeperError: what was wrong with the data.
        RuntimeError: what was wrong with the work.
    """
    if said[:1] == _GOOD:
        return said[1:]
    try:
        name, message, hint = map(str, json.loads(said[1:]))
    except (ValueError, TypeError) as error:
        raise InputError("A process answered with something that is no result.", hint="Scan again.") from error
    if name == _FAULT:
        raise RuntimeError(message)
    kind = getattr(errors, name, InputError)
    known = isinstance(kind, type) and issubclass(kind, GatekeeperError)
    raise (kind if known else InputError)(message, hint=hint)
