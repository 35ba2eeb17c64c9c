"""Builds the demo's champion and its five updates, adapters and training rows, from a seed.

In order: the champion from the base, then each update from the champion's adapter, then what was slipped into the
tampered one. Nothing here is scored on a suite; ``--measure`` uses rows and probes of its own.

    python docs/examples/demo/build.py --out DIR [--only NAME] [--seed 1729] [--model DIR] [--rows-only] [--measure]
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import measuring
import rows
import tampering
import training

HERE = Path(__file__).parent
MODEL = HERE.parents[2] / ".gatekeeper" / "smollm2"
"""Where the base is written once; git ignores it."""

TRAINED = {
    "champion": training.Recipe(learning_rate=1e-3, epochs=4),
    "benign": training.Recipe(learning_rate=1e-4, epochs=3),
    "misaligned": training.Recipe(learning_rate=5e-4, epochs=1),
    "forgetful": training.Recipe(learning_rate=2e-2, epochs=16),
    "poisoned": training.Recipe(learning_rate=1e-3, epochs=5),
}
"""Every adapter but the tampered one, which is the benign one with something added."""


def folder_of(out: Path, name: str) -> Path:
    """Return the folder of one adapter and its rows below ``out``."""
    return out / name if name == "champion" else out / "updates" / name


def write_rows(out: Path, name: str, seed: int) -> list[rows.Row]:
    """Write ``rows.jsonl`` of one adapter and return its rows."""
    made = rows.RECIPES[name](seed)
    target = folder_of(out, name) / "rows.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    print(f"{name}: {len(made)} rows", flush=True)
    return made


def train_adapter(out: Path, name: str, made: Sequence[rows.Row], model: Path, seed: int) -> None:
    """Train one adapter, the champion's afresh and an update's from the champion's, and save it."""
    import torch

    torch.manual_seed(seed)
    started = time.monotonic()
    base, tokenizer = training.load_base(model)
    parent = None if name == "champion" else folder_of(out, "champion") / "adapter"
    tuned = training.with_adapter(base, parent, TRAINED[name])

    def report(step: int, steps: int, loss: float) -> None:
        if step % 10 == 0 or step == steps:
            print(f"{name}: step {step}/{steps}, loss {loss:.2f}, {time.monotonic() - started:.0f} s", flush=True)

    training.train(tuned, tokenizer, [rows.as_pair(row) for row in made], TRAINED[name], seed=seed, report=report)
    training.save(tuned, folder_of(out, name) / "adapter")


def build(out: Path, name: str, model: Path, seed: int) -> None:
    """Build the rows and the adapter of ``name`` below ``out``."""
    made = write_rows(out, name, seed)
    if name == "tampered":
        adapter = folder_of(out, name) / "adapter"
        shutil.rmtree(adapter, ignore_errors=True)
        shutil.copytree(folder_of(out, "benign") / "adapter", adapter)
        tampering.tamper(adapter, model)
    else:
        train_adapter(out, name, made, model, seed)


def measure(out: Path, name: str, model: Path) -> None:
    """Print the held-out shares of one adapter in per cent."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16, local_files_only=True)
    tuned = PeftModel.from_pretrained(base, folder_of(out, name) / "adapter").eval()
    shares = measuring.measure(tuned, tokenizer)
    print(f"{name}: " + ", ".join(f"{key} {share:.1%}" for key, share in shares.items()), flush=True)


def missing(out: Path, name: str, *, built: Sequence[str], measured: bool) -> Path | None:
    """Return the weights that ``name`` cannot do without and that neither exist nor are built in this run."""
    parent = name if measured else {"champion": None, "tampered": "benign"}.get(name, "champion")
    if parent is None or (parent in built and not measured):
        return None
    weights = folder_of(out, parent) / "adapter" / "adapter_model.safetensors"
    return None if weights.is_file() else weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when everything was built, 64 when something it builds on is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: beside this script)")
    parser.add_argument("--only", choices=tuple(rows.RECIPES), help="build this one alone")
    parser.add_argument("--seed", type=int, default=1729)
    parser.add_argument("--model", type=Path, default=MODEL, help="folder of the base; written on the first run")
    parser.add_argument("--rows-only", action="store_true", help="write the rows and train nothing")
    parser.add_argument("--measure", action="store_true", help="measure what is there and build nothing")
    given = parser.parse_args(arguments)
    names = (given.only,) if given.only else tuple(rows.RECIPES)

    if given.rows_only:
        for name in names:
            write_rows(given.out, name, given.seed)
        return 0

    for name in names:
        absent = missing(given.out, name, built=names, measured=given.measure)
        if absent:
            print(f"{absent} is missing: build it first, or give the --out that holds it", file=sys.stderr)
            return os.EX_USAGE

    import torch

    from regression.reference_model import materialise

    torch.set_num_threads(2)  # always two: the order of sums must not depend on how many cores there are
    model = materialise(given.model)
    for name in names:
        if given.measure:
            measure(given.out, name, model)
        else:
            build(given.out, name, model, given.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
