"""Judges that other packages bring, each in a process of its own with a time limit.

A package names its judge in the entry point group ``gatekeeper.judges``: a callable of the reply and the judge's
fields that returns a score in [0, 1]. A judge that fails, is late, or answers with anything else gives no score: its
item is unmeasured, never 0 and never 1. A late judge's process is ended, with everything it started.
"""

import atexit
import json
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from regression.errors import JudgeError

GROUP: Final = "gatekeeper.judges"
SECONDS: Final = 10.0
"""Time for one score, unless the judge's field ``seconds`` says otherwise."""
LOADING_SECONDS: Final = 60.0
"""Time for a judge's own imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A judge of another package."""

    name: str
    target: str
    """``MODULE:ATTRIBUTE`` of the callable."""
    package: str
    """Name and version of the distribution it comes from."""
    seconds: float
    """Time for one score."""
    fields: Mapping[str, Any] = field(hash=False)
    """The judge's own fields, from the item."""

    def score(self, reply: str) -> float:
        """Return the judge's score, in [0, 1].

        Raises:
            JudgeError: the judge fails, is late, or gives no such number.
        """
        answer = _ask(self, json.dumps({"reply": reply, "fields": dict(self.fields)}))
        score = answer.get("score")
        if "error" in answer:
            raise JudgeError(f"the judge {self.name!r} fails: {answer['error']}.")
        if not isinstance(score, float) or not math.isfinite(score) or not 0 <= score <= 1:
            raise JudgeError(f"the judge {self.name!r} gives {score!r}, which is no number from 0 to 1.")
        return score

    def decided(self, partial: str) -> bool:  # noqa: ARG002 - the judge may look at the end
        """Return false: nothing is known of how the judge reads."""
        return False


def plugin_names() -> tuple[str, ...]:
    """Names of the judges that installed packages bring, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def read_plugin(row: Mapping[str, Any]) -> Plugin | None:
    """Return the judge a row asks for, or ``None`` if no package brings one of that name.

    Raises:
        ValueError: two packages bring it, or ``seconds`` is no number above 0.
    """
    found = list(entry_points(group=GROUP, name=str(row.get("type"))))
    if not found:
        return None
    if len({entry.value for entry in found}) > 1:
        raise ValueError(f"several packages bring a judge {found[0].name!r}")
    seconds = row.get("seconds", SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ValueError("a judge's 'seconds' must be a number above 0")
    dist = found[0].dist
    return Plugin(
        name=found[0].name,
        target=found[0].value,
        package=f"{dist.name} {dist.version}" if dist else "unknown",
        seconds=float(seconds),
        fields={name: value for name, value in row.items() if name not in ("type", "seconds")},
    )


_processes: dict[str, subprocess.Popen[bytes]] = {}
_turn = threading.Lock()


def _ask(judge: Plugin, question: str) -> dict[str, Any]:
    """Return what the judge's process answers, started if it is not running; one question at a time."""
    with _turn:
        process = _processes.get(judge.target)
        if process is None or process.poll() is not None:
            process = _processes[judge.target] = _start(judge)
        try:
            assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
            process.stdin.write(question.encode() + b"\n")
            process.stdin.flush()
            return _answer(process, judge.seconds)
        except TimeoutError as error:
            _end(judge.target)
            raise JudgeError(
                f"the judge {judge.name!r} gave no score within {judge.seconds:g} seconds.",
                hint="Give it more time with 'seconds', or mend it.",
            ) from error
        except (OSError, ValueError) as error:
            _end(judge.target)
            raise JudgeError(f"the judge {judge.name!r} ended without a score.") from error


def _start(judge: Plugin) -> subprocess.Popen[bytes]:
    # By its path and without the present folder on the path, so that no file lying there is run in its place.
    script = Path(__file__).with_name("judge_process.py")
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), judge.target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _processes[judge.target] = process
    try:
        first = _answer(process, LOADING_SECONDS)
    except (TimeoutError, OSError, ValueError) as error:
        _end(judge.target)
        raise JudgeError(f"the judge {judge.name!r} cannot be loaded.") from error
    if "error" in first:
        _end(judge.target)
        raise JudgeError(f"the judge {judge.name!r} cannot be loaded: {first['error']}.")
    return process


def _answer(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """Read one line.

    Raises:
        TimeoutError: there is none in time.
        ValueError: the process ended, or wrote no JSON object.
    """
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    deadline, line = time.monotonic() + seconds, b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise TimeoutError
        part = os.read(process.stdout.fileno(), 65536)
        if not part:
            raise ValueError("the judge's process ended")
        line += part
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("no object")
    return answer


def _end(target: str) -> None:
    process = _processes.pop(target, None)
    if process is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was still to be written has no reader any more
                pipe.close()


@atexit.register
def _end_all() -> None:
    for target in list(_processes):
        _end(target)
