"""Scan one training file under the data gates of a policy.

Order: the folder's lock; every row read once, so that a line nobody can read is named before anything is measured; the
history; the gates, each kept as it finishes; the verdict; the rows sorted; the file hashed again; the outputs, all at
once. Whatever ends a scan before the last step leaves the folder's outputs as they were.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekeeper.core.digests import Plain, sha256_file
from gatekeeper.core.errors import InputError, StateError, UsageError
from gatekeeper.core.findings import GateReport, Status
from gatekeeper.core.gate import Gate, GateContext, Progress, Resources
from gatekeeper.core.update import Artifact, Manifest, TrainingData, Update, UpdateKind
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.gates.data.reading.flags import FLAGGED
from gatekeeper.intake.rows import open_rows, read_training_data
from gatekeeper.pipeline.collect import Watcher, collect, run_gate
from gatekeeper.pipeline.row_history import told
from gatekeeper.pipeline.scan.kept import ScanKey, keeping
from gatekeeper.pipeline.scan.kept_history import FOLDER, history_of
from gatekeeper.pipeline.scan.outputs import EVIDENCE, NAMES, PII, STATE, publish, write_report
from gatekeeper.pipeline.scan.report import Asked, evidence_folder, report_of
from gatekeeper.pipeline.scan.sorting import Sorted, sort_rows
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import environment
from policies.decide import decide
from policies.policy import Policy

NAME = "scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What came of it."""

    verdict: Verdict
    rows: Sorted
    report: Mapping[str, Plain]
    """What ``report.json`` holds."""


def scan(
    asked: Asked,
    catalogue: Mapping[str, Gate[Any]],
    *,
    watcher: Watcher,
    progress: Progress,
    resources: Resources | None = None,
) -> Scanned:
    """Scan a file and write the outputs.

    Args:
        asked: what is scanned.
        catalogue: every known gate by id.
        watcher: told when gates start and end.
        progress: told what happens inside a gate.
        resources: what gates share, such as who works on the rows; no output depends on that.

    Raises:
        UsageError: the file is missing, or the folder cannot be written.
        InputError: the file cannot be read, holds no rows, or changed meanwhile.
        StateError: another scan writes into this folder.
    """
    _require_apart(asked)
    state = asked.out / STATE
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with turn(state / "lock") as mine:
            if not mine:
                raise StateError(
                    f"Another scan writes into {asked.out}.", hint="Wait for it to end, or name another folder."
                )
            return _scan(
                asked, catalogue, state, watcher=watcher, progress=progress, resources=resources or Resources()
            )
    except OSError as error:
        raise UsageError(
            f"{asked.out} cannot be written: {(error.strerror or str(error)).lower()}.",
            hint="Name a folder that you may write to, with room for the rows.",
        ) from error


def _scan(
    asked: Asked,
    catalogue: Mapping[str, Gate[Any]],
    state: Path,
    *,
    watcher: Watcher,
    progress: Progress,
    resources: Resources,
) -> Scanned:
    new = state / "new"
    shutil.rmtree(new, ignore_errors=True)  # of a scan that was killed
    stamps = {path: _stamp(path) for path in (asked.file, *asked.histories)}
    data = read_training_data(asked.file)

    def unchanged(file: TrainingData = data) -> None:
        _require_unchanged(file, stamps[file.path])

    rows = _count(asked.file, progress)
    compared = tuple(read_training_data(path) for path in asked.histories)
    history = history_of(compared, state, progress, unchanged)
    key = ScanKey(
        file=data.sha256,
        policy=asked.policy.digest,
        history=history.digest if history is not None else None,
        libraries=environment()["libraries"],
    )

    def context(workdir: Path) -> GateContext:
        return GateContext(
            update=_update(data),
            champion=None,
            anchor=None,
            rows=open_rows(asked.file),
            workdir=workdir,
            seed=asked.policy.seed,
            resources=resources,
            progress=progress,
            history=history,
        )

    collected = collect(
        asked.scanned,
        "gates",
        {name: keeping(gate, key, unchanged) for name, gate in catalogue.items()},
        lambda gate, rule: run_gate(gate, rule, context, state / key.name),
        watcher=watcher,
    )
    unchanged()
    verdict = decide(asked.scanned, collected.reports, update_digest=data.sha256, not_run=collected.not_run)
    folders = {run.report.gate: state / key.name / evidence_folder(run.report.gate) for run in collected.runs}
    try:
        new.mkdir()
        progress.start("sorting rows", None)
        flagging = {gate: folders[gate] for gate, report in collected.reports.items() if _attaches(report, FLAGGED)}
        cleared = not verdict.errored and _evaluated(asked.scanned, collected.reports)
        sorted_rows = sort_rows(asked.file, rows, flagging, cleared=cleared, into=new)
        unchanged()
        for gate, report in collected.reports.items():
            _copy_evidence(report, folders[gate], new / EVIDENCE / evidence_folder(gate))
            if gate == "data/pii" and _attaches(report, PII):
                shutil.copyfile(folders[gate] / PII, new / PII)
        (new / EVIDENCE).mkdir(exist_ok=True)
        said = report_of(
            asked,
            data,
            verdict,
            tuple(collected.reports.values()),
            sorted_rows,
            history=history,
            compared=compared,
            written=new,
        )
        write_report(said, new)
        publish(new, asked.out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    _forget_others(state, key.name)
    return Scanned(verdict=verdict, rows=sorted_rows, report=said)


def _require_apart(asked: Asked) -> None:
    if not asked.file.is_file():
        raise UsageError(f"There is no file {asked.file}.", hint="Name a JSONL, JSON, CSV or Parquet file.")
    taken = [name for name in (*NAMES, EVIDENCE) if (asked.out / name).exists()]
    if taken and not (asked.out / STATE).is_dir():
        raise UsageError(
            f"{asked.out} holds {taken[0]}, which no scan wrote, and which a scan would overwrite.",
            hint="Name a new folder with --out.",
        )
    for path in (asked.file, *asked.histories):
        if path.resolve().parent == asked.out.resolve() and path.resolve().name in NAMES:
            raise UsageError(
                f"{path} is what a scan writes into {asked.out}, and would be overwritten.",
                hint="Name another folder with --out.",
            )


def _count(path: Path, progress: Progress) -> int:
    """Return how many rows a file has, every one of which can be read."""
    return sum(1 for _row in told(open_rows(path), "reading rows", progress))


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what tells that a file was written, even where the same bytes stand in it again."""
    try:
        facts = path.stat()
    except OSError as error:
        raise UsageError(f"There is no file {path}.", hint="Check the path.") from error
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _require_unchanged(data: TrainingData, stamp: tuple[int, int, int]) -> None:
    try:
        same = _stamp(data.path) == stamp and sha256_file(data.path) == data.sha256
    except (OSError, UsageError) as error:
        raise InputError(f"{data.path} disappeared while it was scanned.", hint="Scan it again.") from error
    if not same:
        raise InputError(
            f"{data.path} changed while it was scanned.", hint="Scan it again, and leave it alone meanwhile."
        )


def _evaluated(policy: Policy, reports: Mapping[str, GateReport]) -> bool:
    """Return whether every gate measured, or the policy lets a person decide where one could not."""
    return all(
        reports[rule.gate].status is Status.MEASURED
        or (reports[rule.gate].status is Status.UNMEASURED and rule.unmeasured is not Outcome.BLOCK)
        for rule in policy.gates
    )


def _update(data: TrainingData) -> Update:
    nothing = Artifact(path=data.path.parent, base=None, kind=UpdateKind.UNKNOWN, manifest=Manifest(entries=()))
    return Update(id="upd-scan", name=NAME, model=NAME, candidate=nothing, data=data)


def _attaches(report: GateReport, name: str) -> bool:
    return any(attachment.name == name for attachment in report.attachments)


def _copy_evidence(report: GateReport, source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for attachment in report.attachments:
        shutil.copyfile(source / attachment.name, target / attachment.name)


def _forget_others(state: Path, name: str) -> None:
    """Remove what was kept of other files, policies and histories."""
    for folder in state.iterdir():
        if folder.is_dir() and folder.name not in (name, FOLDER):
            shutil.rmtree(folder, ignore_errors=True)
