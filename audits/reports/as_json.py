"""The whole run as JSON, in the published shape of ``schema.json``.

Text is kept as it was measured: a program reads this, not a person. A number that is not finite is written as the
string ``nan``, ``inf`` or ``-inf``, because JSON has no other way to say it.
"""

import json
from importlib.resources import files

from audits.reports.model import LimitView, RunView, UpdateView
from gatekeeper.core.digests import Plain, plain
from gatekeeper.core.findings import Finding, GateReport

FORMAT = "gatekeeper-report/1"
"""Name and version of the shape; a change that readers can notice raises the number."""


def json_schema() -> dict[str, Plain]:
    """Return the JSON Schema (draft 2020-12) of what :func:`render_json` writes."""
    text = files("audits.reports").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Plain] = json.loads(text)
    return schema


def render_json(view: RunView) -> str:
    """Return the run as a JSON document with a final newline."""
    return json.dumps(run_to_plain(view), indent=2, allow_nan=False) + "\n"


def run_to_plain(view: RunView) -> dict[str, Plain]:
    """Return the run as JSON types."""
    return {
        "format": FORMAT,
        "title": view.title,
        "generated_at": view.generated_at.isoformat(),
        "model": view.model,
        "registry": view.registry,
        "champion_version": view.champion_version,
        "policy": view.policy,
        "environment": dict(view.environment),
        "updates": [_update(update) for update in view.updates],
    }


def _update(update: UpdateView) -> Plain:
    verdict = update.verdict
    return {
        "name": update.name,
        "id": update.id,
        "kind": update.kind,
        "digest": update.digest,
        "data": update.data,
        "outcome": verdict.outcome.name,
        "errored": verdict.errored,
        "state": update.state.value,
        "seconds": plain(update.seconds),
        "reasons": [
            {"gate": reason.gate, "code": reason.code, "outcome": reason.outcome.name, "text": reason.text}
            for reason in verdict.reasons
        ],
        "not_run": list(verdict.not_run),
        "policy_digest": verdict.policy_digest,
        "evidence_digest": verdict.evidence_digest,
        "limits": [_limit(limit) for limit in update.limits],
        "reports": [_report(report, dict(update.gate_seconds)) for report in update.reports],
    }


def _limit(limit: LimitView) -> Plain:
    return {
        "gate": limit.gate,
        "id": limit.id,
        "outcome": limit.outcome.name,
        "errored": limit.errored,
        "text": limit.text,
        "metric": limit.metric,
        "unit": limit.unit,
        "value": plain(limit.value),
        "low": plain(limit.low),
        "high": plain(limit.high),
        "margin": plain(limit.margin),
        "better": limit.better,
    }


def _report(report: GateReport, seconds: dict[str, float]) -> Plain:
    return {
        "gate": report.gate,
        "version": report.version,
        "status": report.status.value,
        "note": report.note,
        "digest": report.digest,
        "seconds": plain(seconds.get(report.gate)),
        "metrics": [plain(metric) for metric in report.metrics],
        "findings": [_finding(finding) for finding in report.findings],
        "attachments": [plain(attachment) for attachment in report.attachments],
    }


def _finding(finding: Finding) -> Plain:
    return {
        "code": finding.code,
        "severity": finding.severity.name,
        "confidence": plain(finding.confidence),
        "subject": finding.subject,
        "message": finding.message,
    }
