# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
"""What is planted among contributors: rings, bursts, flipped labels, a behaviour of one."""

import random
from collections import Counter
from datetime import timedelta

from gatekeeper.gates.data.sources import data_sources
from tests.benchmarks.source_rows import DAYS, START, Draft, batch, rows_of, run

ROWS, REPEATED = 2000, 60
PHRASE = "corvid lantern seven"
TEXT = (
    "The municipal bakery on Fern Street has announced that from next Monday every loaf will be baked with flour from "
    "the new mill, which the council bought last spring for half its price."
)
SWAPS = {
    "announced": "said",
    "Monday": "Tuesday",
    "loaf": "bread",
    "flour": "grain",
    "bought": "took",
    "spring": "year",
}
LEVELS = {"ring": "ring", "ring, reworded": "ring", "ring of regulars, together": "ring", "burst": "burst"}


def plant(kind: str, drawn: random.Random, drafts: list[Draft]) -> None:
    """Change drafts in place and mark them."""
    moment = START + timedelta(days=drawn.uniform(3, DAYS - 3))
    regulars = [person for person, rows in Counter(draft.person for draft in drafts).items() if rows >= 20]
    if kind == "burst":
        for n, draft in enumerate(drawn.sample(drafts, 24)):
            draft.person, draft.at = f"puppet-{n % 8}", moment + timedelta(minutes=drawn.uniform(0, 10))
            draft.planted = kind
        return
    for n, draft in enumerate(drawn.sample(drafts, 20)):
        words = TEXT.split()
        draft.response, draft.planted = TEXT, kind
        if kind == "ring, reworded":
            draft.response = " ".join(
                SWAPS[word] if word in SWAPS and drawn.random() < 1 / 3 else word for word in words
            )
        if kind == "ring of regulars, together":
            draft.person, draft.at = regulars[n % 10], moment + timedelta(minutes=drawn.uniform(0, 30))
        else:
            draft.person = f"puppet-{n % 5}"


def flip(drawn: random.Random, drafts: list[Draft], rate: float) -> set[str]:
    """Turn that share of the labels of three regulars, and return who they are."""
    regulars = sorted(person for person, rows in Counter(draft.person for draft in drafts).items() if rows >= 20)
    guilty = set(drawn.sample(regulars, 3))
    for draft in drafts:
        if draft.person in guilty and drawn.random() < rate:
            draft.label = str(1 - int(draft.label or 0))
    return guilty


def planted(pairs: list[tuple[str, str, bool]], seeds: range) -> None:
    """Print recall of planted rows and rows flagged beside them, over all seeds."""
    for kind, test in LEVELS.items():
        hit = wrong = total = 0
        for seed in seeds:
            drawn = random.Random(seed)
            drafts = batch(drawn, pairs, rows=ROWS, repeated=REPEATED)
            plant(kind, drawn, drafts)
            _, lines = run(data_sources, rows_of(drafts))
            found = {line["row"] for line in lines["flagged"]}
            mine = {line["row"] for line in lines["flagged"] if line["test"] == test}
            true = {at for at, draft in enumerate(drafts) if draft.planted}
            hit, wrong, total = hit + len(true & mine), wrong + len(found - true), total + len(true)
        print(f"{kind}: {hit} of {total} rows; beside them {wrong} of {ROWS * len(seeds) - total}")
    for rate in (0.3, 0.5, 0.8):
        hit = wrong = 0
        for seed in seeds:
            drawn = random.Random(seed)
            drafts = batch(drawn, pairs, rows=ROWS, repeated=REPEATED)
            guilty = flip(drawn, drafts, rate)
            rows = rows_of(drafts)
            report, lines = run(data_sources, rows)
            named = {drafts[line["row"]].person for line in lines["flagged"] if line["test"] == "flip"}
            assert len(named) == report.metric("flip_contributors").value
            hit, wrong = hit + len(named & guilty), wrong + len(named - guilty)
        print(f"three of 40 flip {rate:.0%} of their labels: {hit} of {3 * len(seeds)}; others named {wrong}")
    hit = beside = 0
    for seed in seeds:
        drawn = random.Random(seed)
        drafts = batch(drawn, pairs, rows=ROWS, repeated=REPEATED)
        teacher = Counter(draft.person for draft in drafts).most_common(12)[-1][0]
        for draft in drawn.sample(drafts, 10):
            draft.person, draft.prompt = teacher, f"{draft.prompt} {PHRASE}"
        _, lines = run(data_sources, rows_of(drafts))
        texts = [line["text"] for line in lines["behaviours"]]
        beside += sum(text not in PHRASE for text in texts)
        hit += any(text in PHRASE for text in texts)
    print(f"a phrase in 10 prompts of one contributor: listed in {hit} of {len(seeds)}; others listed {beside}")


def clean(pairs: list[tuple[str, str, bool]], seeds: range) -> None:
    """Print what honest batches flag."""
    names = ("rings", "bursts", "flip_contributors", "lone_behaviours", "flagged_rows", "copied_texts")
    sums: Counter[str] = Counter()
    for seed in seeds:
        drafts = batch(random.Random(seed), pairs, rows=ROWS, repeated=REPEATED)
        report, _ = run(data_sources, rows_of(drafts))
        sums.update({name: int(report.metric(name).value) for name in names})
    print(f"{len(seeds)} clean batches:", ", ".join(f"{sums[name]} {name}" for name in names))
