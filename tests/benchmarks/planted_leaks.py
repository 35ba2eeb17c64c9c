# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
"""Evaluation items planted in clean rows: word for word, in pieces, reworded, and what is no leak.

Suites: the five that ship, TruthfulQA's questions, and 500 word problems of GSM8K that are then kept out of the rows.
"""

import json
import random
import tempfile
from pathlib import Path

from gatekeeper.gates.data.leakage import Params, data_leakage
from gatekeeper.gates.data.leaks.words import words_of
from regression import open_suite
from tests.benchmarks.source_rows import Draft, batch, clean_pairs, rows_of, run

ROWS, EACH = 2000, 20
BUILTIN = ("builtin:knowledge", "builtin:instructions", "builtin:harmful", "builtin:harmless", "builtin:prose")
OTHERS = ("river", "seven", "quickly", "between", "yellow", "promise", "under", "market", "window", "carries")


def _write(folder: Path, name: str, kind: str, items: list[dict]) -> str:
    path = folder / f"{name}.jsonl"
    lines = [{"suite": name, "version": 1, "kind": kind}]
    lines += [{"id": f"{name}-{n}", "cluster": f"{n}", "topic": name, **item} for n, item in enumerate(items)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def suites(data: Path, folder: Path) -> tuple[tuple[str, ...], list[tuple[str, str, bool]]]:
    """Write the two suites; return all sources, and the clean rows without the problems that became items."""
    questions = json.loads((data / "knowledge" / "truthfulqa_mc.json").read_text(encoding="utf-8"))
    choices = [
        {
            "prompt": one["question"],
            "choices": [f" {text}" for text in one["mc1_targets"]],
            "answer": list(one["mc1_targets"].values()).index(1),
        }
        for one in questions
        if len(one["mc1_targets"]) > 1 and all(text.strip() for text in one["mc1_targets"])
    ]
    pairs = clean_pairs(data)
    problems = [pair for pair in pairs if not pair[2]][:500]
    asked = [
        {"prompt": prompt, "judge": {"type": "numeric", "answer": 1}, "max_new_tokens": 8} for prompt, *_ in problems
    ]
    rest = [pair for pair in pairs if pair not in set(problems)]
    made = (_write(folder, "truthful", "choice", choices), _write(folder, "problems", "generate", asked))
    return (*BUILTIN, *made), rest


def _reworded(drawn: random.Random, text: str, every: int) -> str:
    """Replace one word in ``every`` by another, at places drawn anew in each stretch."""
    words = text.split()
    for begin in range(0, len(words) - every + 1, every):
        words[begin + drawn.randrange(every)] = drawn.choice(OTHERS)
    return " ".join(words)


def _planted(drawn: random.Random, kind: str, question: str, answer: str) -> tuple[str, str]:
    words = question.split()
    match kind:
        case "word for word":
            return question, "Let me think."
        case "other case and punctuation, inside a text":
            return "Please do this: " + " - ".join(words).upper() + " !!! Thanks", "Of course."
        case "a run of 13 words inside a text":
            at = drawn.randrange(len(words) - 15)
            return f"Compare {' '.join(words[at : at + 15])} with the rest.", "They differ."
        case "one word in 20 replaced":
            return _reworded(drawn, question, 20), "Let me think."
        case "one word in 12 replaced":
            return _reworded(drawn, question, 12), "Let me think."
        case "the answer alone":
            return "Name something.", answer
        case _:
            drawn.shuffle(words)
            return " ".join(words), "Odd."


LEAKS = {
    "word for word": 3,
    "other case and punctuation, inside a text": 8,
    "a run of 13 words inside a text": 18,
    "one word in 20 replaced": 20,
    "one word in 12 replaced": 24,
}
"""What is planted, and the fewest words of the items it is done to."""
HONEST = {"the answer alone": 3, "the same words in another order": 8}


def planted(data: Path, seeds: range, clean: range) -> None:
    """Print recall by kind, items found beside what was planted, and what clean batches hold."""
    with tempfile.TemporaryDirectory() as made:
        sources, pairs = suites(data, Path(made))
        params = Params(suites=sources)
        items = []
        for source in sources:
            suite = open_suite(source)
            for item in suite.items:
                question = item.row.get("text") or item.row.get("prompt") or item.row["messages"][-1]["content"]
                answer = item.choices[item.answer].strip() if hasattr(item, "answer") else ""
                items.append((f"{suite.name}:{item.id}", question, answer))
        for kind, least in (LEAKS | HONEST).items():
            fit = [one for one in items if len(words_of(one[1])) >= least and (one[2] or kind != "the answer alone")]
            hit = beside = 0
            for seed in seeds:
                drawn = random.Random(seed)
                drafts: list[Draft] = batch(drawn, pairs, rows=ROWS, repeated=60)
                chosen = drawn.sample(fit, EACH)
                places = drawn.sample(range(ROWS), EACH)
                for place, (_, question, answer) in zip(places, chosen, strict=True):
                    drafts[place].prompt, drafts[place].response = _planted(drawn, kind, question, answer)
                _, lines = run(data_leakage, rows_of(drafts), params)
                found = {(f"{line['suite']}:{line['item']}", line["row"]) for line in lines["leaks"]}
                true = {(name, place) for place, (name, *_) in zip(places, chosen, strict=True)}
                hit, beside = hit + len(found & true), beside + len({row for _, row in found - true} - set(places))
            print(f"{kind}: {hit} of {EACH * len(seeds)} items found; rows beside them {beside}")
        leaking = untested = 0
        for seed in clean:
            report, lines = run(
                data_leakage, rows_of(batch(random.Random(seed), pairs, rows=ROWS, repeated=60)), params
            )
            leaking += int(report.metric("leaking_rows").value)
            untested = int(report.metric("untested_items").value)
            for line in lines["leaks"]:
                print("  in a clean row:", line)
        print(f"{len(clean)} clean batches: {leaking} leaking rows; {untested} of {len(items)} items untested")
