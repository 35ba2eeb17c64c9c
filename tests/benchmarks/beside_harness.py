"""The same model and items here and in lm-evaluation-harness: numbers, time of one run, time of a gate.

Run: python -m tests.benchmarks.beside_harness parity|speed|gate --model DIR --truthfulqa FILE --bbq FILE [--items N]

Both sides are given the same contexts and continuations, on the CPU, with as many threads. TruthfulQA is its second
answer set, zero-shot or after the harness's own six examples; BBQ is zero-shot, whole groups of four questions evenly
spaced over the file. An answer that is empty in the file is left out on both sides.

parity: every choice's log-likelihood and how many items are right, in fp32.
speed: one model on one suite, weights in memory on both sides, in turn; the harness at the batch size that is quickest
for it on a tenth of the items; medians and their ratio.
gate: champion, anchor and candidate, two adapters on one base, the champion known from an earlier run; loading counted
on both sides.
"""

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")

from regression import ChoiceItem, ModelRef, Session, Suite, make_suite


def truthfulqa(file: Path, most: int, *, shots: bool) -> Suite:
    """Return evenly spaced questions with every answer of the second set."""
    opening = f"{_examples()}\n\n" if shots else ""
    lines = json.loads(file.read_text(encoding="utf-8"))
    rows = []
    for number in _spaced(len(lines), most):
        targets = {answer: label for answer, label in lines[number]["mc2_targets"].items() if answer.strip()}
        prompt = f"{opening}Q: {lines[number]['question']}\nA:"
        rows.append(_row("t", number, prompt, list(targets), list(targets.values()).index(1)))
    return _suite("truthfulqa 6-shot" if shots else "truthfulqa", rows)


def _examples() -> str:
    """Return the six questions and answers that the harness's task begins with."""
    import yaml
    from lm_eval.tasks import TaskManager

    folder = Path(str(TaskManager().task_index["truthfulqa_mc1"].yaml_path)).parent
    return str(yaml.safe_load((folder / "truthfulqa_mc1.yaml").read_text(encoding="utf-8"))["doc_to_text"]).split("'")[
        1
    ]


def bbq(file: Path, most: int) -> Suite:
    """Return whole groups of four questions, evenly spaced."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = []
    for group in _spaced(len(lines) // 4, -(-most // 4)):
        for number in range(4 * group, 4 * group + 4):
            row = lines[number]
            choices = [row[f"ans{k}"] for k in range(3)]
            if len(set(choices)) == 3:
                prompt = f"{row['context']}\n\nQ: {row['question']}\nA:"
                rows.append(_row("b", number, prompt, choices, int(row["label"])))
    return _suite("bbq", rows)


def _spaced(count: int, most: int) -> list[int]:
    return sorted({n * count // most for n in range(min(most, count))}) if most < count else list(range(count))


def _row(letter: str, number: int, prompt: str, choices: list[str], answer: int) -> dict[str, object]:
    name = f"{letter}{number}"
    spaced = [f" {choice}" for choice in choices]
    return {"id": name, "cluster": name, "topic": letter, "prompt": prompt, "choices": spaced, "answer": answer}


def _suite(name: str, rows: list[dict[str, object]]) -> Suite:
    return make_suite({"suite": name, "version": 1, "kind": "choice"}, rows, source=Path(name))


@dataclass(frozen=True)
class Harness:
    """The other side."""

    model: Path
    dtype: str
    batch: int
    adapter: Path | None = None

    def load(self) -> Any:
        """Return its language model."""
        from lm_eval.models.huggingface import HFLM

        own = {"peft": str(self.adapter)} if self.adapter else {}
        return HFLM(pretrained=str(self.model), device="cpu", dtype=self.dtype, batch_size=self.batch, **own)


def asked(suite: Suite, every: int = 1) -> list[Any]:
    """Return the suite as the harness's requests."""
    from lm_eval.api.instance import Instance

    return [
        Instance(request_type="loglikelihood", doc={}, arguments=(item.prompt, choice), idx=0)
        for item in suite.items[::every]
        if isinstance(item, ChoiceItem)
        for choice in item.choices
    ]


def parity(options: argparse.Namespace, suite: Suite) -> dict[str, object]:
    """Compare every number."""
    with Session(None, dtype="float32", device="cpu") as session:
        ours = session.evaluate(ModelRef(base=options.model), suite)
    answers = iter(
        Harness(options.model, "float32", options.batches[0]).load().loglikelihood(asked(suite), disable_tqdm=True)
    )
    worst, right_ours, right_theirs, choices = 0.0, 0, 0, 0
    for item, result in zip(suite.items, ours.items, strict=True):
        assert isinstance(item, ChoiceItem)
        theirs = [next(answers)[0] for _ in item.choices]
        mine = [result.value(f"choice_{k}") for k in range(len(item.choices))]
        worst = max(worst, *(abs(a - b) for a, b in zip(mine, theirs, strict=True)))
        right_ours += mine.index(max(mine)) == item.answer
        right_theirs += theirs.index(max(theirs)) == item.answer
        choices += len(theirs)
    return {
        "items": len(suite.items),
        "choices": choices,
        "largest_difference_nats": float(f"{worst:.2g}"),
        "right": right_ours,
        "right_in_the_harness": right_theirs,
    }


def speed(options: argparse.Namespace, suite: Suite, dtype: str) -> dict[str, object]:
    """Time both in turn."""
    tried = {}
    for batch in options.batches:
        peer = Harness(options.model, dtype, batch).load()
        tried[batch] = _timed(lambda peer=peer: peer.loglikelihood(asked(suite, every=10), disable_tqdm=True))
        del peer
        gc.collect()
    best = min(tried, key=tried.__getitem__)
    peer = Harness(options.model, dtype, best).load()
    ref = ModelRef(base=options.model)
    ours, theirs, tokens = [], [], 0
    for _ in range(options.repeats):
        theirs.append(_timed(lambda: peer.loglikelihood(asked(suite), disable_tqdm=True)))
        with Session(None, dtype=dtype, device="cpu") as session:
            session.evaluate(ref, _suite("warm", [_row("w", 0, "Q: one\nA:", ["a", "b"], 0)]))
            began = time.perf_counter()
            tokens = session.evaluate(ref, suite).tokens_scored
            ours.append(time.perf_counter() - began)
    one, other = statistics.median(ours), statistics.median(theirs)
    return {
        "dtype": dtype,
        "items": len(suite.items),
        "ours_s": round(one, 2),
        "harness_s": round(other, 2),
        "harness_batch": best,
        "ratio": round(other / one, 2),
        "our_tokens": tokens,
        "our_tokens_per_s": round(tokens / one),
    }


def gate(options: argparse.Namespace, suite: Suite, dtype: str) -> dict[str, object]:
    """Time champion, anchor and candidate."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as place:
        champion, anchor, candidate = (adapter(options.model, Path(place) / str(seed), seed) for seed in range(3))
        for repeat in range(options.repeats):
            cache = Path(place) / f"cache{repeat}"
            with Session(cache, dtype=dtype, device="cpu") as session:
                session.evaluate(ModelRef(base=options.model, adapter=champion), suite)
            began = time.perf_counter()
            with Session(cache, dtype=dtype, device="cpu") as session:
                for one in (champion, anchor, candidate):
                    session.evaluate(ModelRef(base=options.model, adapter=one), suite)
            ours.append(time.perf_counter() - began)
            began = time.perf_counter()
            for one in (champion, anchor, candidate):
                Harness(options.model, dtype, options.batches[0], one).load().loglikelihood(
                    asked(suite), disable_tqdm=True
                )
                gc.collect()
            theirs.append(time.perf_counter() - began)
    one, other = statistics.median(ours), statistics.median(theirs)
    return {
        "dtype": dtype,
        "items": len(suite.items),
        "gate_s": round(one, 2),
        "three_harness_runs_s": round(other, 2),
        "ratio": round(other / one, 2),
    }


def adapter(base: Path, place: Path, seed: int) -> Path:
    """Write a LoRA of rank 8 with small random weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(place)
    return place


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def suites(options: argparse.Namespace) -> Iterator[Suite]:
    """Yield what was asked for."""
    if options.truthfulqa is not None:
        for shots in options.shots:
            yield truthfulqa(options.truthfulqa, options.items, shots=bool(shots))
    if options.bbq is not None:
        yield bbq(options.bbq, options.items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("parity", "speed", "gate"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--truthfulqa", type=Path)
    parser.add_argument("--bbq", type=Path)
    parser.add_argument("--shots", type=int, nargs="+", choices=(0, 6), default=[0, 6])
    parser.add_argument("--items", type=int, default=10**9)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--batches", type=int, nargs="+", default=[16], help="of the harness; the quickest is used")
    options = parser.parse_args()
    for suite in suites(options):
        if options.what == "parity":
            print(json.dumps({"suite": suite.name, **parity(options, suite)}), flush=True)
            continue
        for dtype in options.dtypes:
            found = (speed if options.what == "speed" else gate)(options, suite, dtype)
            print(json.dumps({"suite": suite.name, **found}), flush=True)


if __name__ == "__main__":
    main()
