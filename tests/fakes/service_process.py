"""`gatekeeper serve` as a process of its own."""

import json
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def served(*arguments):
    """Serve the project of the present folder; give its address and the token of single-user mode, if there is one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gatekeeper", "serve", "--port", "0", "--json", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, f"the service ended at once with {process.wait()}"
        said = json.loads(line)
        yield said["url"], said["token"]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()
