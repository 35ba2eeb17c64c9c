"""What a scan itself needs for a large file: seconds and megabytes, with one gate that flags every tenth row.

``python -m tests.benchmarks.scan_sorting [ROWS]``
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))

from scan_gates import scanning_policy

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import NoParams, SilentProgress, gate
from gatekeeper.pipeline.collect import Watcher
from gatekeeper.pipeline.scan.report import Asked
from gatekeeper.pipeline.scan.run import scan

EVERY = 10


@gate("data/tenth", asks="Which row is the tenth?", params=NoParams)
def tenth(context, params):
    """Flag every tenth row, holding one at a time."""
    flagged = 0
    with (context.workdir / "flagged.jsonl").open("w", encoding="utf-8") as stream:
        for row in context.rows:
            if row.index % EVERY == 0:
                line = {"row": row.index, "id": row.id, "test": "tenth", "reason": "it is a tenth row", "release": "."}
                stream.write(json.dumps(line) + "\n")
                flagged += 1
    metric = Metric(name="flagged", value=float(flagged), unit="rows", n=flagged)
    return tenth.measured(metrics=(metric,), attachments=(context.attach("flagged.jsonl"),))


def main(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for number in range(rows):
                answer = (
                    f"It is about {number * 7} and the rest of the world, which is a long story that we tell in short."
                )
                prompt = f"Tell me about topic {number} in a few words, please."
                stream.write(json.dumps({"instruction": prompt, "output": answer}) + "\n")
        policy, catalogue = scanning_policy((tenth,))
        asked = Asked(file=path, out=Path(folder) / "out", policy=policy, scanned=policy)
        before, began = _peak(), time.monotonic()
        found = scan(asked, catalogue, watcher=Watcher(), progress=SilentProgress())
        seconds = time.monotonic() - began
        print(f"{found.rows.read} rows, {path.stat().st_size / 1e6:.0f} MB, {found.rows.quarantined} in quarantine")
        print(f"{seconds:.1f} s, {rows / seconds:.0f} rows a second; {before} MB before, {_peak()} MB at most")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
