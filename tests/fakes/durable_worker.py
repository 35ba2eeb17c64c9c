"""A worker of the durable world as a process, which may be told to die where it stands when it passes a point."""

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

from gatekeeper.runtime.limits import Limits
from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.runtime.worker import Worker


def main():
    told = json.loads(sys.argv[1])
    if os.environ.get("DURABLE_LOG"):
        logging.basicConfig(level="INFO", format="%(asctime)s %(process)d %(name)s %(message)s")
    # `point`, or `point:n` for the n-th time that it is passed.
    point, _, times = told["die_at"].partition(":")
    passed = []
    computed = Path(json.loads(told["argument"])["root"]) / "computed"

    def watching(at):
        passed.append(at.value)
        if passed.count(point) == int(times or 1):
            while told["after"] and told["after"] not in computed.read_text().split():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

    opener = Opener(function=told.get("function", "durable_world:opened"), argument=told["argument"])
    with opener.open() as workspace:
        worker = Worker(
            workspace,
            opener,
            Limits(**told["limits"]),
            device=told.get("device", "here"),
            watching=watching,
            ray=RayOptions(**told["ray"]) if told.get("ray") else None,
        )
        signal.signal(signal.SIGTERM, lambda *_: worker.end())
        signal.signal(signal.SIGINT, lambda *_: worker.end())
        worker.work(told["runtime"], until_idle=True)


if __name__ == "__main__":
    main()
