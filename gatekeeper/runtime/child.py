"""The process that computes a worker's gates, one after the other, in a process group of its own.

It opens the installation by itself, keeps the base model from gate to gate of one run, and ends with its worker: when
the other end of its socket closes, or when its parent is gone, it ends its whole group.
"""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from gatekeeper.core.gate import SilentProgress
from gatekeeper.pipeline.bench import measure_alone
from gatekeeper.pipeline.run import evaluation
from gatekeeper.runtime.messages import read_asked, write_measured
from gatekeeper.runtime.opener import Opener

_LOOK_EVERY = 0.5


def main() -> None:
    """Measure what is asked for on the socket whose number is the last argument, until it closes."""
    function, argument, number = sys.argv[1:4]
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # What a library prints must not stand between two answers.
    os.dup2(2, 1)
    talking = socket.socket(fileno=int(number))
    with talking, Opener(function=function, argument=argument).open() as workspace, evaluation(workspace) as resources:
        for line in talking.makefile("rb"):
            asked = read_asked(line)
            run = measure_alone(
                workspace, asked.bench, asked.gate, resources, SilentProgress(), evidence_dir=Path(asked.folder)
            )
            try:
                talking.sendall(write_measured(run))
            except OSError:
                return  # nobody waits for it any more


def _end_with(parent: int) -> None:
    """End this process group once its worker is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
