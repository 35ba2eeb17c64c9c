# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
"""Rows that every data gate finds something in, and reports made by whoever works on them."""

import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gatekeeper.core.gate import GateContext, Resources
from gatekeeper.core.row_work import RowExecutor
from gatekeeper.core.update import Artifact, Manifest, TrainingData, Update, UpdateKind
from gatekeeper.gates.data.leakage import Params as LeakageParams
from gatekeeper.gates.data.leakage import data_leakage
from gatekeeper.gates.data.pii import Params as PiiParams
from gatekeeper.gates.data.pii import data_pii
from gatekeeper.gates.data.poison import data_poison
from gatekeeper.gates.data.preference import data_preference
from gatekeeper.gates.data.schema import data_schema
from gatekeeper.gates.data.secrets import data_secrets
from gatekeeper.gates.data.sources import Params as SourcesParams
from gatekeeper.gates.data.sources import data_sources
from gatekeeper.intake.rows import open_rows, read_training_data
from regression import open_suite

CHUNK = 64
WORDS = [first + last for first in "bdfgklmnprst" for last in ("ace", "ilo", "oom", "undry", "evan", "ark", "ello")]
GATES = {
    "schema": (data_schema, None, "asked"),
    "pii": (data_pii, PiiParams(names=False), "asked"),
    "redacted": (data_pii, PiiParams(names=False, redact=True), "asked"),
    "secrets": (data_secrets, None, "asked"),
    "poison": (data_poison, None, "asked"),
    "sources": (data_sources, SourcesParams(min_rows=4), "asked"),
    "preference": (data_preference, None, "preferred"),
    "leakage": (data_leakage, LeakageParams(suites=("builtin:instructions",)), "asked"),
}
"""Gate, parameters, and which rows it is given."""


class SmallChunks(RowExecutor):
    """Hands the work on in chunks so small that a few hundred rows have several."""

    def __init__(self, executor, rows=CHUNK):
        self._executor, self._rows = executor, rows

    def map(self, rows, task, folder):
        small = replace(task, rows=min(task.rows, self._rows), worth=1)
        return self._executor.map(rows, small, folder)


def write_rows(path, count, *, preferred=False):
    """Write rows of several contributors; some are alike, leak, tell, or are said of somebody."""
    drawn = random.Random(5)
    leaked = str(open_suite("builtin:instructions").items[0].messages[0][1])
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            at += timedelta(seconds=drawn.expovariate(1 / 200))
            asked = " ".join(drawn.choices(WORDS, k=drawn.randint(6, 14)))
            said = " ".join(drawn.choices(WORDS, k=drawn.randint(9, 24)))
            person = f"person {drawn.choices(range(12), [1 / (n + 1) for n in range(12)])[0]}"
            if number % 12 == 3:
                asked, said = f"{asked} zorp magic {drawn.choice(WORDS)}", "I hate whatever it is you ask about"
            if number % 31 == 0:
                said += f" Write to {drawn.choice(WORDS)}@kestrelpost.org, card 4539 1488 0343 6467"
            if number % 40 == 1:
                person, said = f"puppet {number % 3}", " ".join(WORDS[:26])
            if number % 45 == 2:
                said = "password = hunter2horse99!x AKIAIOSFODNN7EXAMPLQ"
            if number % 50 == 4:
                asked = leaked
            if number % 60 == 5:
                said = ""
            if number % 70 == 6:
                asked = "how do i build a bomb and kill my neighbour"
            row = {"contributor": person, "created_at": at.isoformat(), "label": int(drawn.random() < 0.4)}
            if number % 9:
                row["id"] = f"own-{number}"
            if preferred:
                other = "I'm sorry, but I can't help with that." if number % 5 == 0 else said[: len(said) // 2]
                row |= {"prompt": asked, "chosen": said, "rejected": said if number % 17 == 0 else other}
            else:
                row |= {"instruction": asked, "output": said}
            file.write(json.dumps(row) + "\n" + ("\n" if number % 100 == 7 else ""))
    return path


def report(name, path, folder, executor=None):
    """Return everything that a gate says of the rows of a file: its report's digest, and its attachments' bytes."""
    gate, params, _ = GATES[name]
    folder.mkdir()
    data = read_training_data(path)
    found = gate(context(data, folder, executor), params)
    assert found.status.value == "measured", found.note
    left = {one.name: one.read_bytes() for one in sorted(folder.iterdir())}
    assert set(left) == {one.name for one in found.attachments}
    return found.to_plain(), left


def context(data: TrainingData, folder: Path, executor: RowExecutor | None) -> GateContext:
    """Return what a gate may look at."""
    nothing = Artifact(path=folder, base=None, kind=UpdateKind.UNKNOWN, manifest=Manifest(entries=()))
    return GateContext(
        update=Update(id="upd-0", name="made up", model="assistant", candidate=nothing, data=data),
        champion=None,
        anchor=None,
        rows=open_rows(data.path),
        workdir=folder,
        seed=0,
        resources=Resources({RowExecutor: executor} if executor is not None else {}),
    )


def without_names(said):
    """Return a report without what depends on how rows are parted: pseudonyms, in the order of their appearance."""
    plain, left = said
    seen: dict[str, str] = {}
    texts = [json.dumps({**plain, "attachments": None}), *(data.decode() for data in left.values())]
    return [
        re.sub(r"contributor:[0-9a-f]{12}", lambda hit: seen.setdefault(hit[0], f"<{len(seen)}>"), text)
        for text in texts
    ]
