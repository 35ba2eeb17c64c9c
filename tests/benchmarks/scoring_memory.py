"""Peak memory of scoring at the default batch size, beside the weights.

Run: python -m tests.benchmarks.scoring_memory --model DIR --truthfulqa FILE [--items N]

Each dtype and kind runs in a process of its own; its peak resident size is compared with that of a process that only
loads the model, and with the size of the weights in that dtype.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path


def texts(items: int) -> object:
    """Return long texts, one window and a half each."""
    from regression import make_suite

    line = "The harbour master counted {} boats before the fog came in, and wrote the number down twice. "
    rows = [
        {"id": str(n), "cluster": str(n), "topic": "t", "text": "".join(line.format(n + k) for k in range(70))}
        for n in range(items)
    ]
    return make_suite({"suite": "texts", "version": 1, "kind": "text"}, rows, source=Path("texts"))


def measure(options: argparse.Namespace) -> None:
    """Print this process's peak in MiB."""
    from regression import ModelRef, Session
    from tests.benchmarks.beside_harness import truthfulqa

    with Session(None, dtype=options.dtype, device="cpu") as session:
        ref = ModelRef(base=options.model)
        if options.kind == "load":
            session.lend(ref)
        elif options.kind == "choices":
            session.evaluate(ref, truthfulqa(options.truthfulqa, options.items, shots=True))
        else:
            session.evaluate(ref, texts(options.items // 8))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--truthfulqa", type=Path, required=True)
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"))
    parser.add_argument("--kind", choices=("load", "choices", "texts"))
    options = parser.parse_args()
    if options.kind is not None:
        measure(options)
        return
    from transformers import AutoModelForCausalLM

    parameters = AutoModelForCausalLM.from_pretrained(options.model).num_parameters()
    for dtype, size in (("float32", 4), ("bfloat16", 2)):
        peaks = {}
        for kind in ("load", "choices", "texts"):
            command = [sys.executable, "-m", "tests.benchmarks.scoring_memory", *sys.argv[1:]]
            done = subprocess.run(
                [*command, "--dtype", dtype, "--kind", kind], capture_output=True, text=True, check=True
            )
            peaks[kind] = float(done.stdout.split()[-1])
        weights = parameters * size / 2**20
        print(
            json.dumps(
                {
                    "dtype": dtype,
                    "weights_mib": round(weights),
                    **{f"{kind}_mib": round(peak) for kind, peak in peaks.items()},
                    "beyond_weights_gb": round((max(peaks.values()) - weights) * 2**20 / 1e9, 2),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
