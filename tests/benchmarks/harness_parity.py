"""The same model and items here and in lm-evaluation-harness: every choice's log-likelihood, and how many are right.

Run: python -m tests.benchmarks.harness_parity --model DIR [--truthfulqa FILE] [--bbq FILE] [--items N]

Both sides compute in fp32 on the CPU and are given the same contexts and continuations; no prompt of either side's own
is added. TruthfulQA is asked zero-shot as the first answer set, BBQ with its three answers.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")

from regression import ModelRef, Session, Suite, make_suite


def truthfulqa(file: Path, most: int) -> Suite:
    """Return the items with a single right answer."""
    rows = []
    for number, row in enumerate(json.loads(file.read_text(encoding="utf-8"))[:most]):
        targets = row["mc1_targets"]
        choices = targets["choices"] if "choices" in targets else list(targets)
        labels = targets["labels"] if "labels" in targets else list(targets.values())
        rows.append(_row("t", number, f"Q: {row['question']}\nA:", [f" {c}" for c in choices], labels.index(1)))
    return _suite("truthfulqa", rows)


def bbq(file: Path, most: int) -> Suite:
    """Return every n-th item, so that all kinds of them are among them."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = []
    for number, row in enumerate(lines[:: max(1, len(lines) // most)][:most]):
        choices = [f" {row[f'ans{k}']}" for k in range(3)]
        if len(set(choices)) == 3:
            prompt = f"{row['context']}\nQ: {row['question']}\nA:"
            rows.append(_row("b", number, prompt, choices, int(row["label"])))
    return _suite("bbq", rows)


def _row(letter: str, number: int, prompt: str, choices: list[str], answer: int) -> dict[str, object]:
    name = f"{letter}{number}"
    return {"id": name, "cluster": name, "topic": letter, "prompt": prompt, "choices": choices, "answer": answer}


def _suite(name: str, rows: list[dict[str, object]]) -> Suite:
    return make_suite({"suite": name, "version": 1, "kind": "choice"}, rows, source=Path(name))


def compare(model: Path, suite: Suite, harness: object) -> str:
    """Return one line about one suite."""
    from lm_eval.api.instance import Instance

    began = time.perf_counter()
    with Session(None, dtype="float32", device="cpu") as session:
        ours = session.evaluate(ModelRef(base=model), suite)
    ours_s = time.perf_counter() - began
    asked = [
        Instance(request_type="loglikelihood", doc={}, arguments=(item.prompt, choice), idx=0)
        for item in suite.items
        for choice in item.choices
    ]
    began = time.perf_counter()
    answers = iter(harness.loglikelihood(asked))
    theirs_s = time.perf_counter() - began
    worst, right_ours, right_theirs, choices = 0.0, 0, 0, 0
    for item, result in zip(suite.items, ours.items, strict=True):
        theirs = [next(answers)[0] for _ in item.choices]
        mine = [result.value(f"choice_{k}") for k in range(len(item.choices))]
        worst = max(worst, *(abs(a - b) for a, b in zip(mine, theirs, strict=True)))
        right_ours += mine.index(max(mine)) == item.answer
        right_theirs += theirs.index(max(theirs)) == item.answer
        choices += len(theirs)
    return (
        f"{suite.name}: {len(suite.items)} items, {choices} choices, largest difference {worst:.2g} nats; right: "
        f"{right_ours} here, {right_theirs} there; {ours_s:.0f} s here (loading the model included), "
        f"{theirs_s:.0f} s there"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--truthfulqa", type=Path)
    parser.add_argument("--bbq", type=Path)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--batch", type=int, default=16, help="of the harness")
    options = parser.parse_args()
    from lm_eval.models.huggingface import HFLM

    harness = HFLM(pretrained=str(options.model), device="cpu", dtype="float32", batch_size=options.batch)
    for file, read in ((options.truthfulqa, truthfulqa), (options.bbq, bbq)):
        if file is not None:
            print(compare(options.model, read(file, options.items), harness), flush=True)


if __name__ == "__main__":
    main()
