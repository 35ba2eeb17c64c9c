"""Whole evaluations on a GPU: from text to results, with adapters, twice, plain and fused, and against the processor.

Run: python -m tests.benchmarks.gpu_session --tokenizer DIR --truthfulqa FILE --bbq FILE [--items N]

A Llama-shaped model of 1B parameters with random weights and the given tokenizer, and two adapters on it, are written
to a temporary folder. Each suite is evaluated with both adapters on one base; tokens are those the engine reads, what
choices and items share counted once. Prints a JSON line per suite and way.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from regression import ModelRef, Session
from tests.benchmarks.beside_harness import adapter, bbq, truthfulqa
from tests.benchmarks.gpu_scoring import SHAPES


def base_of(tokenizer: Path, place: Path) -> Path:
    """Write a base with random weights and the tokenizer's files."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    words = len(AutoTokenizer.from_pretrained(tokenizer))
    config = AutoConfig.for_model(
        "llama", vocab_size=words, num_key_value_heads=8, max_position_embeddings=4096, **SHAPES["1B"]
    )
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.cpu().save_pretrained(place)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (tokenizer / name).is_file():
            shutil.copy(tokenizer / name, place / name)
    return place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--truthfulqa", type=Path, required=True)
    parser.add_argument("--bbq", type=Path, required=True)
    parser.add_argument("--items", type=int, default=10**9)
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("No CUDA device here: run this on a machine with one.")
    suites = [truthfulqa(options.truthfulqa, options.items, shots=False), bbq(options.bbq, options.items)]
    with tempfile.TemporaryDirectory() as place:
        base = base_of(options.tokenizer, Path(place) / "base")
        refs = [ModelRef(base=base, adapter=adapter(base, Path(place) / str(seed), seed)) for seed in range(2)]
        found: dict[tuple[str, bool], list[object]] = {}
        for fuse in (False, True, True):
            with Session(None, device="cuda", fuse=fuse) as session:
                session.evaluate(refs[0], truthfulqa(options.truthfulqa, 4, shots=False))
                for suite in suites:
                    began = time.perf_counter()
                    results = [session.evaluate(ref, suite) for ref in refs]
                    spent = time.perf_counter() - began
                    tokens = sum(result.tokens_scored for result in results)
                    before = found.get((suite.name, fuse))
                    found[suite.name, fuse] = [result.items for result in results]
                    line = {
                        "suite": suite.name,
                        "items": len(suite.items),
                        "fused": fuse,
                        "s": round(spent, 2),
                        "tokens_per_s": round(tokens / spent),
                        "same_bits_as_before": None if before is None else before == found[suite.name, fuse],
                    }
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
