"""Rows of made-up contributors for the benchmark: public clean rows, handed to people who work as people do.

Contributors are of very different diligence (their shares fall as 1/rank), work in sittings of about a dozen rows,
more by day than by night, and each has an error rate of their own when they label. Honest repetition is mixed in:
standard refusals, templates and short answers, by whoever comes along.
"""

import json
import random
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from gatekeeper.core.digests import Digest
from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import Gate, GateContext
from gatekeeper.core.rows import Provenance, RowShape, TrainingRow, Turn
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Update, UpdateKind

DATA = Path(__file__).parents[3] / "shared" / "data"
"""Where the public data lies unless the benchmark is told otherwise."""
P = TypeVar("P")
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, PEOPLE = 28, 40
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
    rejected: str | None = None
    planted: str = ""


def clean_pairs(data: Path) -> list[tuple[str, str, bool]]:
    """Return every second public clean row as prompt, response and whether it is of Alpaca.

    The others served to write the gates.
    """
    alpaca = json.loads((data / "clean" / "alpaca.json").read_text(encoding="utf-8"))
    lines = (data / "clean" / "gsm8k.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(row, True) for row in alpaca[1::2]] + [(json.loads(line), False) for line in lines[1::2]]
    return [(f"{row['instruction']}\n{row.get('input', '')}".strip(), row["output"], alpaca) for row, alpaca in rows]


def batch(drawn: random.Random, pairs: list[tuple[str, str, bool]], *, rows: int, repeated: int) -> list[Draft]:
    """Return honest labelled rows, ``repeated`` of them with an answer that comes back rightly."""
    people = [f"person-{number}" for number in range(PEOPLE)]
    weights = [1 / (rank + 1) for rank in range(PEOPLE)]
    errors = {person: drawn.betavariate(2, 18) for person in people}
    chosen = drawn.sample(pairs, rows)
    drafts: list[Draft] = []
    while len(drafts) < rows:
        person = drawn.choices(people, weights)[0]
        hour = drawn.choices(range(24), [1] * 7 + [6] * 12 + [3] * 5)[0]
        at = START + timedelta(days=drawn.randrange(DAYS), hours=hour, minutes=drawn.random() * 60)
        for _ in range(drawn.randint(4, 20)):
            prompt, response, truth = chosen[len(drafts)]
            label = str(int(truth != (drawn.random() < errors[person])))
            drafts.append(Draft(prompt, response, person, at, label=label))
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
            shape=RowShape.INSTRUCTION if draft.rejected is None else RowShape.PREFERENCE,
            fields=(("prompt", draft.prompt), ("response", draft.response)),
            prompt=draft.prompt,
            response=draft.response,
            rejected=draft.rejected,
            turns=(Turn(role="user", text=draft.prompt), Turn(role="assistant", text=draft.response)),
            provenance=Provenance(contributor=draft.person, at=draft.at, label=draft.label),
        )
        for index, draft in enumerate(drafts)
    ]


def run(gate: Gate[P], rows: list[TrainingRow], params: P | None = None) -> tuple[GateReport, dict[str, list[dict]]]:
    """Run a gate on rows in memory; return its report and the lines of its attachments."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        entry = ManifestEntry(path="adapter.safetensors", size=1, sha256=Digest("sha256:" + "0" * 64))
        artifact = Artifact(path=folder, base=None, kind=UpdateKind.LORA, manifest=Manifest(entries=(entry,)))
        update = Update(id="upd-0000000000000000", name="made up", model="m", candidate=artifact, data=None)
        context = GateContext(update=update, champion=None, anchor=None, rows=rows, workdir=folder, seed=0)
        report = gate(context, params)
        lines = {
            path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            for path in folder.glob("*.jsonl")
        }
    return report, lines
