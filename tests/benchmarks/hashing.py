"""Hashing a model of 1 GB against ``sha256sum`` on as many cores: ``python tests/benchmarks/hashing.py``."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from gatekeeper.intake.manifest import hash_tree

FILES, FILE_BYTES, ROUNDS = 8, 128 << 20, 5


def main() -> None:
    """Print the medians of paired runs, in seconds, and of their ratio."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        block = os.urandom(1 << 20)
        for number in range(FILES):
            with (folder / f"model-{number}.safetensors").open("wb") as stream:
                for _ in range(FILE_BYTES >> 20):
                    stream.write(block)
        cores = str(len(os.sched_getaffinity(0)))
        command = ["xargs", "-0", "-n1", "-P", cores, "sha256sum"]
        names = b"\0".join(str(path).encode() for path in sorted(folder.iterdir()))
        pairs = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            hash_tree(folder)
            ours = time.perf_counter() - began
            began = time.perf_counter()
            subprocess.run(command, input=names, stdout=subprocess.DEVNULL, check=True)
            pairs.append((ours, time.perf_counter() - began))
    ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(mine / other for mine, other in pairs)
    print(json.dumps({"ours_s": round(ours, 2), "sha256sum_s": round(theirs, 2), "ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
