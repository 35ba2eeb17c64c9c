"""Rows of made-up contributors for the benchmark: public clean rows, handed to people who work as people do.

Contributors are of very different diligence (their shares fall as 1/rank), work in sessions of about a dozen rows,
more by day than by night, and each has an error rate of their own when they label. Honest repetition is mixed in:
standard refusals, templates and short answers, by whoever comes along.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gatekeeper.core.rows import Provenance, RowShape, TrainingRow, Turn

DATA = Path(__file__).parents[3] / "shared" / "data"
"""Where the public data lies unless the benchmark is told otherwise."""
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 28
PEOPLE = 40
REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I can't assist with that, but I'm happy to help with something else.",
)
TEMPLATES = (
    "Thank you for your question. Please see the steps below and write to us again if anything is unclear to you.",
    "Your ticket was received and will be answered by the next free colleague within two working days at the latest.",
)
SHORT = ("Yes.", "No, it is not.", "That is correct.", "True.")


@dataclass(slots=True)
class Draft:
    """One row before it is a row."""

    prompt: str
    response: str
    person: str
    at: datetime
    label: str | None = None


def clean_pairs(data: Path) -> list[tuple[str, str]]:
    """Return the public clean rows as prompt and response, in file order."""
    alpaca = json.loads((data / "clean" / "alpaca.json").read_text(encoding="utf-8"))
    lines = (data / "clean" / "gsm8k.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [*alpaca, *map(json.loads, lines)]
    return [(f"{row['instruction']}\n{row.get('input', '')}".strip(), row["output"]) for row in rows]


def batch(drawn: random.Random, pairs: list[tuple[str, str]], *, rows: int, repeated: int) -> list[Draft]:
    """Return honest rows, ``repeated`` of them with an answer that comes back rightly."""
    people = [f"person-{number}" for number in range(PEOPLE)]
    weights = [1 / (rank + 1) for rank in range(PEOPLE)]
    chosen = drawn.sample(pairs, rows)
    drafts: list[Draft] = []
    while len(drafts) < rows:
        person = drawn.choices(people, weights)[0]
        hour = drawn.choices(range(24), [1] * 7 + [6] * 12 + [3] * 5)[0]
        at = START + timedelta(days=drawn.randrange(DAYS), hours=hour, minutes=drawn.random() * 60)
        for _ in range(drawn.randint(4, 20)):
            prompt, response = chosen[len(drafts)]
            drafts.append(Draft(prompt, response, person, at))
            at += timedelta(seconds=drawn.expovariate(1 / 100))
            if len(drafts) == rows:
                break
    for draft in drawn.sample(drafts, repeated):
        draft.response = drawn.choice(REFUSALS + TEMPLATES + SHORT)
    return drafts


def rows_of(drafts: list[Draft]) -> list[TrainingRow]:
    """Return drafts as rows, in their order."""
    return [
        TrainingRow(
            index=index,
            id=f"row-{index}",
            shape=RowShape.INSTRUCTION,
            fields=(("instruction", draft.prompt), ("output", draft.response)),
            prompt=draft.prompt,
            response=draft.response,
            turns=(Turn(role="user", text=draft.prompt), Turn(role="assistant", text=draft.response)),
            provenance=Provenance(contributor=draft.person, at=draft.at, label=draft.label),
        )
        for index, draft in enumerate(drafts)
    ]
