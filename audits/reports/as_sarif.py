"""SARIF 2.1.0: one run per update; findings are results, and so is every vote that is not ADMIT.

A finding's rule id is its code. Votes are results too, because an update can be blocked by a number without a single
finding, and a log without results would look clean.

Source:
    OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

import json
from dataclasses import dataclass
from urllib.parse import quote

from audits.reports.model import RunView, UpdateView
from audits.reports.visible import one_line
from gatekeeper.core.digests import Plain, digest_of
from gatekeeper.core.findings import Severity
from gatekeeper.core.verdict import Outcome

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SECURITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One result, before it knows the index of its rule."""

    rule: str
    level: str
    about: str
    subject: str
    message: str
    properties: dict[str, Plain]


def render_sarif(view: RunView) -> str:
    """Return the run as a SARIF 2.1.0 log."""
    log: dict[str, Plain] = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(update, view) for update in view.updates],
    }
    return json.dumps(log, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _run(update: UpdateView, view: RunView) -> Plain:
    entries = [*_votes(update), *_findings(update)]
    rules = list(dict.fromkeys((entry.rule, entry.about) for entry in entries))
    index = {rule: place for place, (rule, _) in enumerate(rules)}
    errors: list[Plain] = [
        {"level": "error", "message": {"text": one_line(reason.text)}, "descriptor": {"id": reason.code}}
        for reason in update.verdict.reasons
        if update.errored(reason)
    ]
    return {
        "tool": {
            "driver": {
                "name": "gatekeeper",
                "rules": [
                    {"id": rule, "name": _camel(rule), "shortDescription": {"text": about}} for rule, about in rules
                ],
            }
        },
        "automationDetails": {"id": f"gatekeeper/{one_line(view.model)}/{one_line(update.name)}/"},
        "invocations": [{"executionSuccessful": not errors, "toolExecutionNotifications": errors}],
        "results": [_result(entry, index[entry.rule], update) for entry in entries],
        "properties": {
            "outcome": update.outcome_word,
            "state": update.state.value,
            "update": update.digest,
            "policy": update.verdict.policy_digest,
            "policyName": one_line(view.policy),
            "evidence": update.verdict.evidence_digest,
            "notRun": list(update.verdict.not_run),
        },
    }


def _votes(update: UpdateView) -> list[_Entry]:
    return [
        _Entry(
            rule=f"vote/{reason.code}",
            level="error" if reason.outcome is Outcome.BLOCK else "warning",
            about=f"A limit of the policy on {reason.gate}",
            subject=update.name,
            message=one_line(reason.text),
            properties={"vote": update.word(reason)},
        )
        for reason in update.verdict.reasons
        if reason.outcome is not Outcome.ADMIT
    ]


def _findings(update: UpdateView) -> list[_Entry]:
    return [
        _Entry(
            rule=one_line(finding.code),
            level=_LEVELS[finding.severity],
            about=f"A finding of {one_line(finding.code).rpartition('/')[0]}",
            subject=finding.subject,
            message=one_line(finding.message),
            properties={
                "severity": finding.severity.name,
                "confidence": finding.confidence,
                "security-severity": _SECURITY[finding.severity],
            },
        )
        for finding in update.findings
    ]


def _result(entry: _Entry, rule: int, update: UpdateView) -> Plain:
    subject = one_line(entry.subject)
    identity = digest_of([update.digest, entry.rule, entry.subject, entry.message])
    return {
        "ruleId": entry.rule,
        "ruleIndex": rule,
        "level": entry.level,
        "message": {"text": entry.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(f"{update.name}/{entry.subject}", errors="replace")}
                },
                "logicalLocations": [{"name": subject, "fullyQualifiedName": f"{one_line(update.name)}/{subject}"}],
            }
        ],
        "partialFingerprints": {"gatekeeperFinding/v1": identity},
        "properties": entry.properties,
    }


def _camel(rule: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in rule).split()
    return "".join(word[:1].upper() + word[1:] for word in words)
