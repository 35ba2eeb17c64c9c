"""The service as a process of its own, and what it takes: cores, and resident memory."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(project, *, workers):
    """Serve the project; give the address and the process's id."""
    command = [sys.executable, "-m", "gatekeeper", "serve", "--port", "0", "--json", "--incoming", project.incoming]
    if workers > 1:
        command += ["--workers", str(workers)]
    search = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": search},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"the service ended at once with {process.wait()}")
        parts = urlsplit(json.loads(line)["url"])
        yield (parts.hostname, parts.port), process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def family(pid):
    """Return a process and everything it started."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):  # a thread that has ended meanwhile
                found += [int(each) for each in task.read_text().split()]
    return found


def cpu_seconds(pid):
    """Return the time that a process and its children computed."""
    total = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def resident_mib(pid):
    """Return the resident memory of a process and its children; pages they share count for each."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(pid))
    return pages * _PAGE / (1 << 20)


class Gauge:
    """Watches a service during one part of a load."""

    def __init__(self, pid):
        self._pid = pid

    def begin(self, seconds):
        """Start watching for so many seconds."""
        self._seconds, self._begun = seconds, time.perf_counter()
        self._own, self._theirs = time.process_time(), cpu_seconds(self._pid)
        self._samples, self._ends = [], threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self, requests):
        """Stop watching; return what so many requests took."""
        self._ends.set()
        self._thread.join()
        lasted = time.perf_counter() - self._begun
        theirs, own = cpu_seconds(self._pid) - self._theirs, time.process_time() - self._own
        return {
            "service_cpu_ms": round(1000 * theirs / max(1, requests), 2),
            "caller_cpu_ms": round(1000 * own / max(1, requests), 2),
            "service_cores": round(theirs / lasted, 2),
            "caller_cores": round(own / lasted, 2),
            "memory_mib": {f"{share * self._seconds:.0f}": self._near(share) for share in (1 / 6, 1 / 2, 1)},
            "slope_mib_per_minute": self._slope(),
        }

    def _watch(self):
        while True:
            self._samples.append((time.perf_counter() - self._begun, resident_mib(self._pid)))
            if self._ends.wait(self._seconds / 60):
                return

    def _near(self, share):
        moment = share * self._seconds
        return round(min(self._samples, key=lambda each: abs(each[0] - moment))[1], 1)

    def _slope(self):
        """Return the slope of a straight line through what was seen after the first sixth."""
        seen = [each for each in self._samples if each[0] >= self._seconds / 6]
        if len(seen) < 3:
            return None
        middle = sum(moment for moment, _ in seen) / len(seen)
        level = sum(size for _, size in seen) / len(seen)
        spread = sum((moment - middle) ** 2 for moment, _ in seen)
        return round(60 * sum((moment - middle) * (size - level) for moment, size in seen) / spread, 2)
