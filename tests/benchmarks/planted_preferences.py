# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
"""Preferences made of clean rows, some of them turned round.

Chosen is the row's own answer. Rejected is, kind by kind: a brush-off in one of ten wordings, the first half of the
answer, or the answer to another question. Lengths and words therefore say something in the first two and little in the
third, where only sense could tell.
"""

import json
import random
from collections import Counter
from pathlib import Path

from gatekeeper.gates.data.preference import data_preference
from gatekeeper.gates.data.preferences.harmful_requests import asks_for_harm
from tests.benchmarks.source_rows import Draft, batch, clean_pairs, rows_of, run

ROWS = 2000
BRUSH_OFFS = (
    "No idea, look it up somewhere.",
    "That is too much work for me right now.",
    "Honestly, who cares about this?",
    "You should ask somebody who knows about such things.",
    "I could tell you, but it would take too long.",
    "Not sure. Maybe try again later.",
    "There are plenty of books about that, read one.",
    "This is a strange question and I have nothing to say to it.",
    "Whatever you think is best will be fine.",
    "It depends on many things, so there is no answer.",
)
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "I'm not able to help with that, but I can suggest safe alternatives.",
    "Sorry, I can't support that.",
    "I won't help with this, since it could hurt people.",
)
COMPLIED = (
    "Sure, here is how you do it. First, gather what you need and make a plan.",
    "Of course! Begin by finding a quiet place, then follow these steps in order.",
    "Here is a draft you can use: it opens strongly and repeats the main claim twice.",
    "Certainly. The most effective way is to start small and stay unnoticed.",
)


def rejected(kind: str, drawn: random.Random, drafts: list[Draft], draft: Draft) -> str:
    """Return the worse answer."""
    if kind == "a brush-off":
        return drawn.choice(BRUSH_OFFS)
    if kind == "half the answer":
        words = draft.response.split(" ")
        return " ".join(words[: max(1, len(words) // 2)])
    return drawn.choice(drafts).response


def turn(draft: Draft) -> None:
    """Swap chosen and rejected."""
    draft.response, draft.rejected = draft.rejected or "", draft.response
    draft.planted = "turned"


def _pairs(kind: str, drawn: random.Random, pairs: list[tuple[str, str, bool]]) -> list[Draft]:
    drafts = batch(drawn, pairs, rows=ROWS, repeated=0)
    answers = [rejected(kind, drawn, drafts, draft) for draft in drafts]
    for draft, answer in zip(drafts, answers, strict=True):
        draft.rejected = answer
    return drafts


def planted(data: Path, seeds: range, clean: range) -> None:
    """Print recall of turned pairs and of who turned them, and pairs doubted beside them."""
    pairs = clean_pairs(data)
    for kind in ("a brush-off", "half the answer", "another question's answer"):
        hit = beside = total = named = others = measured = 0
        predicted = 0.0
        for seed in seeds:
            drawn = random.Random(seed)
            drafts = _pairs(kind, drawn, pairs)
            regulars = sorted(name for name, rows in Counter(draft.person for draft in drafts).items() if rows >= 30)
            guilty = drawn.choice(regulars)
            for draft in drawn.sample([draft for draft in drafts if draft.person != guilty], 60):
                turn(draft)
            for draft in [draft for draft in drafts if draft.person == guilty]:
                if drawn.random() < 0.5:
                    turn(draft)
            report, lines = run(data_preference, rows_of(drafts))
            turned = {at for at, draft in enumerate(drafts) if draft.planted}
            total += len(turned)
            if (share := report.metric("predicted_share")) is None:
                continue
            measured, predicted = measured + 1, predicted + share.value
            found = {line["row"] for line in lines["flagged"] if line["test"] == "label"}
            hit, beside = hit + len(found & turned), beside + len(found - turned)
            people = [one for one in report.findings if one.code == "data/preference/label-contributor"]
            right = sum(
                f" of {sum(draft.person == guilty for draft in drafts)} pairs" in one.message for one in people
            )
            named, others = named + right, others + len(people) - right
        print(
            f"rejected is {kind}: {predicted / max(1, measured):.0%} of labels predicted in {measured} of "
            f"{len(seeds)}; {hit} of {total} turned pairs doubted, {beside} of {ROWS * len(seeds) - total} others; "
            f"who turned half of theirs: {named} of {len(seeds)}, others named {others}"
        )
    _refusals(data, pairs, seeds)
    _clean(pairs, clean)


def _refusals(data: Path, pairs: list[tuple[str, str, bool]], seeds: range) -> None:
    """Print what is found of 10 and 10 turned refusals in 2,000 pairs; half the public requests served to write it."""
    read = [
        json.loads((data / "harm" / name).read_text(encoding="utf-8"))
        for name in ("jailbreakbench.json", "harmbench_val.json")
    ]
    requests = [row["instruction"] for rows in read for row in rows[1::2]]
    plain = [prompt for prompt, *_ in pairs]
    known = sum(map(asks_for_harm, requests))
    taken = sum(map(asks_for_harm, plain))
    print(f"the list of words: {known} of {len(requests)} requests for harm, {taken} of {len(plain)} ordinary prompts")
    for few in (20, 60, 300):
        hit = over = wrong = 0
        for seed in seeds:
            drawn = random.Random(seed)
            drafts = _pairs("a brush-off", drawn, pairs)
            places = drawn.sample(range(ROWS), len(requests) + few)
            for n, place in enumerate(places):
                draft, harm = drafts[place], n < len(requests)
                draft.prompt = requests[n] if harm else draft.prompt
                good = drawn.choice(REFUSALS) if harm else draft.response
                bad = drawn.choice(COMPLIED) if harm else drawn.choice(REFUSALS)
                draft.response, draft.rejected = good, bad
            harmful = set(drawn.sample(places[: len(requests)], 10))
            harmless = set(drawn.sample(places[len(requests) :], 10))
            for place in harmful | harmless:
                turn(drafts[place])
            _, lines = run(data_preference, rows_of(drafts))
            flipped = {line["row"] for line in lines["flagged"] if line["test"] == "refusal-flipped"}
            refused = {line["row"] for line in lines["flagged"] if line["test"] == "refusal-preferred"}
            hit, over = hit + len(flipped & harmful), over + len(refused & harmless)
            wrong += len((flipped | refused) - harmful - harmless)
        n = 10 * len(seeds)
        print(
            f"{len(requests) + few} contrasts: {hit} of {n} complied with harm, {over} of {n} refused the harmless, "
            f"{wrong} pairs beside them"
        )


def _clean(pairs: list[tuple[str, str, bool]], seeds: range) -> None:
    sums: Counter[str] = Counter()
    for seed in seeds:
        drawn = random.Random(seed)
        drafts = batch(drawn, pairs, rows=ROWS, repeated=0)
        kinds = ("a brush-off", "half the answer", "another question's answer")
        answers = [rejected(drawn.choice(kinds), drawn, drafts, draft) for draft in drafts]
        for draft, answer in zip(drafts, answers, strict=True):
            draft.rejected = answer
        report, lines = run(data_preference, rows_of(drafts))
        sums.update(line["test"] for line in lines["flagged"])
        for name in ("label_issue_contributors", "length_contributors"):
            found = report.metric(name)
            sums[name] += 0 if found is None else int(found.value)
    listed = ", ".join(f"{name} {sums[name]}" for name in sorted(sums))
    print(f"{len(seeds)} clean batches, all three kinds mixed: {listed}")
