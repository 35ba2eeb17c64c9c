"""What a scan is asked, and what its report says."""

from dataclasses import dataclass
from pathlib import Path

from gatekeeper.core.digests import Plain, digest_of, plain
from gatekeeper.core.findings import GateReport
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.update import TrainingData
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.scan.outputs import ACCEPTED, EVIDENCE, FORMAT, HELD, PII, QUARANTINED, facts_of
from gatekeeper.pipeline.scan.sorting import Sorted
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is scanned, and how."""

    file: Path
    out: Path
    """Folder of the outputs; made where it is missing."""
    policy: Policy
    """The whole policy; its digest names what the limits were."""
    scanned: Policy
    """The same with the gates that are to run."""
    histories: tuple[Path, ...] = ()
    """Files of accepted rows to compare with."""


def evidence_folder(gate: str) -> str:
    """Return the name of a gate's folder."""
    return gate.replace("/", "-")


def report_of(
    asked: Asked,
    data: TrainingData,
    verdict: Verdict,
    reports: tuple[GateReport, ...],
    rows: Sorted,
    *,
    history: RowHistory | None,
    compared: tuple[TrainingData, ...],
    written: Path,
) -> dict[str, Plain]:
    """Return what ``report.json`` says; nothing in it depends on when or where the scan ran.

    Args:
        asked: what was scanned.
        data: the file's identity.
        verdict: what the policy decided.
        reports: of the gates, in order.
        rows: where the rows went.
        history: what was compared with.
        compared: the files it was counted from.
        written: folder that holds the other outputs.
    """
    past: Plain = None
    if history is not None:
        known: list[Plain] = [{"name": file.path.name, "sha256": file.sha256} for file in compared]
        past = {"rows": history.rows, "digest": history.digest, "files": known}
    return {
        "format": FORMAT,
        "file": {"name": data.path.name, "sha256": data.sha256, "size": data.size},
        "policy": {"name": asked.policy.name, "version": asked.policy.version, "digest": asked.policy.digest},
        "history": past,
        "outcome": verdict.outcome.name,
        "errored": verdict.errored,
        "reasons": [{**_plain(reason), "outcome": reason.outcome.name} for reason in verdict.reasons],
        "rows": {
            "read": rows.read,
            "accepted": rows.accepted,
            "quarantined": rows.quarantined,
            "withheld": rows.withheld,
        },
        "released": [],
        "gates": [_gate(report, rows) for report in reports],
        "outputs": {
            name: facts_of(written / name) for name in (ACCEPTED, QUARANTINED, HELD, PII) if (written / name).exists()
        },
    }


def _gate(report: GateReport, rows: Sorted) -> Plain:
    return {
        **_plain(report),
        "findings": [{**_plain(one), "severity": one.severity.name.lower()} for one in report.findings],
        "attachments": [
            {**_plain(one), "path": f"{EVIDENCE}/{evidence_folder(report.gate)}/{one.name}"}
            for one in report.attachments
        ],
        "report_digest": digest_of(report),
        "tests": {test: count for (gate, test), count in rows.tests.items() if gate == report.gate},
    }


def _plain(value: object) -> dict[str, Plain]:
    made = plain(value)
    if not isinstance(made, dict):
        raise RuntimeError("only dataclasses stand in a report")
    return made
