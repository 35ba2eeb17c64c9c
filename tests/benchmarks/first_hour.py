"""What a new user waits for: install, the first demo, the demo again, each from a clean clone.

    python tests/benchmarks/first_hour.py [--keep DIR]

Clones the committed state of this repository, runs ``make install``, then ``gatekeeper demo`` twice with one item
cache and a fresh registry each, and prints wall time and the peak memory of the whole process tree of each step.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


def rss_of_tree(root: int) -> int:
    """Return the resident memory of a process and its descendants, in bytes; Linux only."""
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                pages[int(entry.name)] = int((entry / "statm").read_text().split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += pages.get(pid, 0)
        waiting += children.get(pid, [])
    return total * resource.getpagesize()


def timed(label: str, command: list[str], folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """Run a command to its end; return its seconds, exit code and the peak memory of its whole process tree."""
    began = time.monotonic()
    with (folder / f"{label.replace(' ', '-')}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        peak = 0
        ended = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.5):
                peak = max(peak, rss_of_tree(process.pid))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        code = process.wait()
        ended.set()
        watcher.join()
    result = {"step": label, "seconds": round(time.monotonic() - began, 1), "exit": code, "peak_mb": peak // 2**20}
    print(json.dumps(result), flush=True)
    return result


def main() -> int:
    """Run every step; 0 when each ended well."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--keep", type=Path, help="work here and leave everything behind")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="gatekeeper-first-hour-"))
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(HOME), str(clone)], check=True)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("VIRTUAL_ENV", None)
    results = [timed("install", ["make", "install"], clone, environment)]
    demo = ["make", "demo", "DEMO_ARGS=--json"]
    results += [timed(label, demo, clone, environment) for label in ("first demo", "demo again")]
    return int(any(result["exit"] != 0 for result in results))


if __name__ == "__main__":
    sys.exit(main())
