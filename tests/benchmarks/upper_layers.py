"""What an update of the upper layers costs when its champion was evaluated before, with and without kept inputs.

Run: python -m tests.benchmarks.upper_layers --model DIR --bbq FILE [--items N] [--layers 8] [--repeats 3]

Champion and candidate are adapters with random weights on the last layers of one base. The champion is evaluated
first, then the candidate is timed, weights in memory; both ways in turn. Prints the medians, their ratio, whether the
results are equal to the last bit, and how many bytes the kept inputs take.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from regression import ModelRef, Session
from tests.benchmarks.beside_harness import bbq


def upper_adapter(base: Path, place: Path, layers: int, seed: int) -> ModelRef:
    """Write a LoRA of rank 8 on the last layers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    count = model.config.num_hidden_layers
    config = LoraConfig(
        r=8,
        target_modules=["q_proj", "v_proj"],
        layers_to_transform=list(range(count - layers, count)),
        init_lora_weights=False,
    )
    get_peft_model(model, config).save_pretrained(place)
    return ModelRef(base=base, adapter=place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--bbq", type=Path, required=True)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtype", default="bfloat16")
    options = parser.parse_args()
    suite = bbq(options.bbq, options.items)
    times: dict[bool, list[float]] = {False: [], True: []}
    kept, results = 0, []
    with tempfile.TemporaryDirectory() as place:
        champion, candidate = (
            upper_adapter(options.model, Path(place) / str(seed), options.layers, seed) for seed in range(2)
        )
        for repeat in range(options.repeats):
            for keep in (False, True):
                cache = Path(place) / f"{repeat}{keep}"
                with Session(cache, dtype=options.dtype, device="cpu", keep_inputs=keep) as session:
                    session.evaluate(champion, suite)
                    began = time.perf_counter()
                    results.append(session.evaluate(candidate, suite).items)
                    times[keep].append(time.perf_counter() - began)
                kept = sum(path.stat().st_size for path in cache.glob("inputs/*")) or kept
    whole, upper = (statistics.median(times[keep]) for keep in (False, True))
    print(
        json.dumps(
            {
                "items": len(suite.items),
                "layers": options.layers,
                "whole_s": round(whole, 2),
                "upper_s": round(upper, 2),
                "ratio": round(whole / upper, 2),
                "same_bits": all(one == results[0] for one in results),
                "kept_mib": round(kept / 2**20, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
