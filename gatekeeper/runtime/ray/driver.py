"""The process that talks with the cluster for one gate's process: it passes shards on, and answers back.

It is a process of its own for two reasons. Ray ends or hangs the process of a cluster that died; and Ray unpickles
what comes from the cluster, so that whoever has taken a node over can run code here, where no key was read.

    python -m gatekeeper.runtime.ray.driver OPTIONS SOCKET
"""

import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from typing import Any

from gatekeeper.runtime.ray.cluster import connected
from gatekeeper.runtime.ray.messages import line, read
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.runtime.ray.pool import Pool, job_of

log = logging.getLogger("gatekeeper.runtime")

BEAT_EVERY = 1.0
_STEP = 0.1


def main() -> None:
    """Serve the process at the other end of the socket until it goes."""
    options = RayOptions.from_text(sys.argv[1])
    talking = socket.socket(fileno=int(sys.argv[2]))
    os.dup2(2, 1)
    heard: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_hear, args=(talking, heard), daemon=True).start()
    try:
        _serve(options, talking, heard)
    except Exception as error:
        log.exception("the cluster is lost")
        lines = str(error).strip().splitlines() or [""]
        _say(talking, down=f"{type(error).__name__}: {lines[0][:300]}")
    # Leaving a cluster that died in an orderly way can take minutes.
    os._exit(0)


def _serve(options: RayOptions, talking: socket.socket, heard: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    with connected(options.address) as ray:
        # Ray takes this signal for itself; the group that this process belongs to is ended by it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        pool = Pool(ray, options)
        beaten = 0.0
        while True:
            while not heard.empty():
                said = heard.get()
                if said is None:
                    return
                if "drop" in said:
                    pool.drop()
                elif "body" in said:
                    pool.suite(said["suite"], said["body"].encode())
                else:
                    pool.add(job_of(said))
            for event in pool.step(_STEP):
                _say(talking, **event)
            if time.monotonic() - beaten >= BEAT_EVERY:
                beaten = time.monotonic()
                _say(talking, beat=pool.ready, last=pool.last[:300])


def _say(talking: socket.socket, **fields: Any) -> None:
    try:
        talking.sendall(line(**fields))
    except OSError:
        os._exit(0)  # nobody listens any more


def _hear(talking: socket.socket, heard: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    with talking.makefile("rb") as lines:
        try:
            for each in lines:
                heard.put(read(each))
        except OSError:
            pass
    heard.put(None)
    # The loop may hang in Ray; there is nobody left to wait for it.
    time.sleep(5)
    os._exit(0)


if __name__ == "__main__":
    main()
