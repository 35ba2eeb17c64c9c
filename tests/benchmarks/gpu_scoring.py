"""How much of a GPU's dense bfloat16 peak scoring reaches, on Llama-shaped models with random weights.

Run on a machine with a CUDA device: python -m tests.benchmarks.gpu_scoring [--sizes 1B 8B] [--profile]

Items of about 200 tokens with one choice each go through ``regression.scoring`` as the engine runs them, at several
batch sizes. Work is counted as 2 x parameters (without the input embedding; the output layer only at scored places)
plus the attention's two products, in floating-point operations a token; the peak is the maker's dense figure for the
device, or ``--peak`` in teraflops. Prints a JSON line per size and batch, and with ``--profile`` the operations that
take the time.
"""

import argparse
import json
import statistics
import time

SHAPES = {
    "1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32},
    "8B": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32},
}
VOCABULARY = 128_256
PEAKS = {"H100": 989.4, "H200": 989.4, "A100": 312.0, "L40S": 362.0, "L4": 121.0}
"""Dense bfloat16 teraflops, from the makers' data sheets (SXM parts)."""


def model_of(size: str) -> object:
    """Return a model with random weights on the device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "llama", vocab_size=VOCABULARY, num_key_value_heads=8, max_position_embeddings=4096, **SHAPES[size]
    )
    with torch.device("cuda"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").eval()


def work(count: int, length: int, seed: int) -> tuple[list[object], list[object]]:
    """Return items and units of random tokens, the last sixteen of each scored."""
    import random

    from regression import ChoiceItem
    from regression.paths import Path
    from regression.rows import apart

    draw = random.Random(seed)  # noqa: S311 - no secret
    items, units = [], []
    for n in range(count):
        items.append(ChoiceItem(id=str(n), cluster="", topic="", prompt="", choices=("",), answer=0, digest=str(n)))
        tokens = tuple(draw.randrange(VOCABULARY) for _ in range(length))
        units.append(apart(n, (Path(tokens=tokens, start=length - 16, number=0),)))
    return items, units


def operations(model: object, tokens: int, length: int, scored: int) -> float:
    """Return the floating-point operations of one batch."""
    config = model.config
    inner = sum(weight.numel() for name, weight in model.named_parameters() if ".layers." in name)
    attention = 2 * 2 * config.num_hidden_layers * config.hidden_size * (length / 2)
    return tokens * (2 * inner + attention) + scored * 2 * config.hidden_size * VOCABULARY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=tuple(SHAPES), default=list(SHAPES))
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--peak", type=float, help="dense bfloat16 teraflops of the device")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    import torch

    from regression.scoring import run_units

    if not torch.cuda.is_available():
        raise SystemExit("No CUDA device here: run this on a machine with one.")
    name = torch.cuda.get_device_name()
    peak = options.peak or next((PEAKS[part] for part in PEAKS if part in name), None)
    if peak is None:
        raise SystemExit(f"The dense bfloat16 peak of {name} is not known here: give --peak.")
    for size in options.sizes:
        model = model_of(size)
        for batch in options.batches:
            items, units = work(batch, options.length, seed=batch)
            most = batch * options.length
            times = []
            for _ in range(options.repeats + 2):
                torch.cuda.synchronize()
                began = time.perf_counter()
                run_units(model, items, units, most=most)
                torch.cuda.synchronize()
                times.append(time.perf_counter() - began)
            spent = statistics.median(times[2:])
            done = operations(model, batch * (options.length - 1), options.length, batch * 16)
            print(
                json.dumps(
                    {
                        "device": name,
                        "size": size,
                        "batch": batch,
                        "tokens_per_s": round(batch * options.length / spent),
                        "share_of_peak": round(done / spent / (peak * 1e12), 3),
                    }
                ),
                flush=True,
            )
        if options.profile:
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
                run_units(model, items, units, most=most)
            print(seen.key_averages().table(sort_by="cuda_time_total", row_limit=15))
        del model
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
