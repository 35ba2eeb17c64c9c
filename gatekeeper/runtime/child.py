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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatekeeper.core.gate import SilentProgress
from gatekeeper.core.row_work import RowExecutor
from gatekeeper.pipeline.bench import measure_alone
from gatekeeper.pipeline.run import evaluation
from gatekeeper.runtime.messages import KeptShard, read_asked, write_measured, write_shard
from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.ray.executor import RayExecutor
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.runtime.ray.rows import RayRows
from gatekeeper.runtime.shards import FolderShards

_LOOK_EVERY = 0.5


def main() -> None:
    """Measure what is asked for on the socket whose number is the third argument, until it closes."""
    function, argument, number, *ray = sys.argv[1:5]
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # What a library prints must not stand between two answers.
    os.dup2(2, 1)
    talking = socket.socket(fileno=int(number))

    def tell(shard: KeptShard) -> None:
        try:
            talking.sendall(write_shard(shard))
        except OSError:
            os._exit(1)  # nobody waits for the rest of the gate

    shards = FolderShards(tell)
    opener = Opener(function=function, argument=argument)
    with (
        talking,
        _cluster(ray) as (executor, rows),
        opener.open() as workspace,
        evaluation(workspace, shards=shards, executor=executor) as engine,
    ):
        resources = engine.plus({RowExecutor: rows} if rows is not None else {})
        for line in talking.makefile("rb"):
            asked = read_asked(line)
            shards.turn_to(Path(asked.shards) if asked.shards else None, dict(asked.kept))
            run = measure_alone(
                workspace, asked.bench, asked.gate, resources, SilentProgress(), evidence_dir=Path(asked.folder)
            )
            try:
                talking.sendall(write_measured(run))
            except OSError:
                return  # nobody waits for it any more


@contextmanager
def _cluster(options: list[str]) -> Iterator[tuple[RayExecutor | None, RayRows | None]]:
    """Give who evaluates suites and who works on rows on the cluster, where the worker has one."""
    if not options:
        yield None, None
        return
    read = RayOptions.from_text(options[0])
    # Evaluators that nobody asks hold their CPUs for a while, and rows wait for these.
    rows = RayRows(read.address, wait_seconds=read.wait_seconds + read.idle_seconds)
    executor = RayExecutor(read)
    try:
        yield executor, rows
    finally:
        rows.close()
        executor.close()


def _end_with(parent: int) -> None:
    """End this process group once its worker is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
