"""The process that talks with the cluster for a process that measures rows: it passes chunks on, and answers back.

It is a process of its own for two reasons. Ray ends or hangs the process of a cluster that died; and Ray unpickles
what comes from the cluster, so that whoever has taken a node over can run code here, where no key was read.

    python -m gatekeeper.runtime.ray.row_driver ADDRESS WORKERS < questions > answers

A question is a piece with a line of JSON and a piece for each of its shared data; a piece is eight bytes of length and
so many bytes. Each chunk is answered by a piece of eight bytes of number and the answer, in order.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from gatekeeper.runtime.ray.cluster import connect
from gatekeeper.runtime.ray.pieces import FAILED, NUMBER, read_piece, write_piece
from gatekeeper.runtime.ray.row_worker import code_digest, worked

RETRIES = 3
"""How often a chunk is done again whose worker was lost."""


def main() -> None:
    """Answer questions on standard input until it ends."""
    address, workers = sys.argv[1], int(sys.argv[2])
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between two answers
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        ray = connect(address)
        _set_up()
        # Ray takes this signal for itself; the group that this process belongs to is ended by it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while (head := read_piece(questions)) is not None:
            asked = json.loads(head)
            shared = [_stored(ray, read_piece(questions)) for _ in range(asked["shared"])]
            for number, said in _answers(ray, asked["task"], asked["places"], shared, workers):
                write_piece(answers, NUMBER.pack(number), said)
            del shared
    except Exception as error:  # noqa: BLE001 - whoever asked decides what it means
        lines = str(error).strip().splitlines() or [""]
        with suppress(OSError):
            write_piece(answers, NUMBER.pack(FAILED), f"{type(error).__name__}: {lines[-1][:300]}".encode())
    # Leaving a cluster that died in an orderly way can take minutes.
    os._exit(0)


def _end_with(parent: int) -> None:
    """End when nobody is left to answer; the loop may hang in Ray."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _set_up() -> None:
    """Let Ray Data keep the order of chunks, end at the first error, and say nothing."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.max_errored_blocks = 0
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def _stored(ray: Any, data: bytes | None) -> Any:
    if data is None:
        raise EOFError
    return ray.put(np.frombuffer(data, dtype=np.uint8))


def _answers(
    ray: Any, task: str, places: Sequence[str], shared: list[Any], workers: int
) -> Iterator[tuple[int, bytes]]:
    """Yield number and answer of each chunk, in order, by a pipeline of Ray Data."""
    chunks = ray.data.from_items(
        [{"number": number, "place": place} for number, place in enumerate(places)], override_num_blocks=len(places)
    )
    done = chunks.map_batches(
        worked,
        batch_size=1,
        batch_format="pyarrow",
        fn_kwargs={"task": task, "shared": shared, "code": code_digest()},
        num_cpus=1,
        concurrency=workers or None,
        scheduling_strategy="SPREAD",
        max_retries=RETRIES,
        retry_exceptions=False,
    )
    for block in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield from zip(block.column("number").to_pylist(), block.column("said").to_pylist(), strict=True)


if __name__ == "__main__":
    main()
