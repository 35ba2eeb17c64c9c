"""How much of a GPU's dense bfloat16 peak scoring reaches, on Llama-shaped models with random weights.

Run on a machine with a CUDA device: python -m tests.benchmarks.gpu_scoring [--sizes 1B 8B] [--profile FOLDER]

Items of 200 tokens, the last 16 scored, go through ``regression.scoring`` as the engine runs them, at several batch
sizes, before and after ``regression.fused``. Then tries: rows of 192 tokens, half of them three short choices over and
over, which need a mask and are scored at half their places; their share counts what was computed, not what was saved.
All runs of one shape are compared bit by bit.

Work is counted as 2 x parameters (without the input embedding; the output layer only at scored places) plus the
attention's two products, in floating-point operations a token; the peak is the maker's dense figure for the device, or
``--peak`` in teraflops, beside what a large matrix product reaches. Prints a JSON line per size and batch;
``--profile`` writes the operations that take the time.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

SHAPES = {
    "1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32},
    "8B": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32},
}
VOCABULARY = 128_256
TRIE, STEM = 192, 100
"""Tokens of a row of tries, and of the stem that its branches share."""
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


def tries(count: int, seed: int) -> tuple[list[object], list[object]]:
    """Return items and units of random tokens: a stem of a hundred, then branches of twelve."""
    import random

    from regression import ChoiceItem
    from regression.rows import Row, Unit

    draw = random.Random(seed)  # noqa: S311 - no secret
    items, units = [], []
    for n in range(count):
        tokens = tuple(draw.randrange(VOCABULARY) for _ in range(TRIE))
        parents = tuple(STEM - 1 if at >= STEM and (at - STEM) % 12 == 0 else at - 1 for at in range(TRIE))
        places = list[int]()
        for parent in parents:
            places.append(places[parent] + 1 if parent >= 0 else 0)
        targets = tuple((at, tokens[at + 1], 0, (at + 1 - STEM) // 12 % 3) for at in range(STEM - 1, TRIE - 1))
        row = Row(tokens=tokens, parents=parents, places=tuple(places), targets=targets)
        items.append(
            ChoiceItem(
                id=str(n), cluster="", topic="", prompt="", choices=("a", "b", "c"), answer=0, digest=f"{seed}.{n}"
            )
        )
        units.append(Unit(members=(n,), rows=(row,), read=(TRIE,)))
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
    parser.add_argument("--profile", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    import torch

    from regression.fused import fuse

    if not torch.cuda.is_available():
        raise SystemExit("No CUDA device here: run this on a machine with one.")
    name = torch.cuda.get_device_name()
    peak = options.peak or next((PEAKS[part] for part in PEAKS if part in name), None)
    if peak is None:
        raise SystemExit(f"The dense bfloat16 peak of {name} is not known here: give --peak.")
    print(json.dumps({"device": name, "matrix_product_share_of_peak": round(_matrix_product() / peak, 3)}), flush=True)
    for size in options.sizes:
        model = model_of(size)
        for fused in (False, True):
            if fused:
                fuse(model)
            loads = [
                (f"{batch} x {options.length}", work(batch, options.length, seed=batch)) for batch in options.batches
            ]
            loads.append((f"84 x {TRIE}, tries", tries(84, seed=1)))
            for shape, (items, units) in loads:
                spent, same = _timed(model, items, units, repeats=options.repeats)
                read = sum(len(unit.rows[0].tokens) for unit in units)
                scored = sum(len(unit.rows[0].targets) for unit in units)
                done = operations(model, read, options.length, scored)
                line = {
                    "size": size,
                    "fused": fused,
                    "rows": shape,
                    "tokens_per_s": round(read / spent),
                    "share_of_peak": round(done / spent / (peak * 1e12), 3),
                    "same_bits_again": same,
                }
                print(json.dumps(line), flush=True)
            if options.profile:
                _profile(model, *loads[-2][1], options.profile / f"{size}-{'fused' if fused else 'plain'}.txt")
        del model
        torch.cuda.empty_cache()


def _timed(model: object, items: list[object], units: list[object], *, repeats: int) -> tuple[float, bool]:
    """Return the median seconds of one call, after two to warm up, and whether all calls gave the same."""
    import torch

    from regression.scoring import run_units

    times, found = [], []
    for _ in range(repeats + 2):
        torch.cuda.synchronize()
        began = time.perf_counter()
        found.append(run_units(model, items, units, most=10**9))
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:]), all(one == found[0] for one in found)


def _matrix_product() -> float:
    """Return the teraflops of a product of two random 8,192 x 8,192 matrices in bfloat16."""
    import torch

    left = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        left @ left
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(10):
        left @ left
    torch.cuda.synchronize()
    return 10 * 2 * 8192**3 / (time.perf_counter() - began) / 1e12


def _profile(model: object, items: list[object], units: list[object], path: Path) -> None:
    import torch

    from regression.scoring import run_units

    kinds = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=kinds) as seen:
        run_units(model, items, units, most=10**9)
        torch.cuda.synchronize()
    path.parent.mkdir(parents=True, exist_ok=True)
    table = seen.key_averages().table(sort_by="self_cuda_time_total", row_limit=20, max_name_column_width=60)
    path.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
