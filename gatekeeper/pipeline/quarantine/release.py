"""A named person releases rows, each with its reason, signed with their own key and written into the ledger.

Checked in this order: the folder is whole and every row of it was looked at by every gate; the policy is the one the
scan was made under and one that verifiers trust; the person is among the project's people, holds a role that may
approve, and signs with their own key; every row waits. The ledger comes first, then the folder: repeating a release
that was interrupted in between finishes it and writes nothing twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from audits.passport.dsse import key_id
from audits.passport.release import SignedRelease, sign_release
from gatekeeper.core.digests import Digest, Plain, sha256_bytes
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.intake.record_text import content_digest
from gatekeeper.pipeline.approve import require_own_key, rfc3339
from gatekeeper.pipeline.quarantine.folder import Released, put_back, records, taken, waiting, whole_report
from gatekeeper.pipeline.quarantine.method import method_of
from gatekeeper.pipeline.requests import require_role
from gatekeeper.pipeline.scan.sorting import Held
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import releases, texts
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Who releases, under which policy, and why."""

    person: str
    policy: Policy
    because: str
    """Kept beside the ledger, erasable."""


def release_rows(
    workspace: Workspace,
    folder: Path,
    rows: Collection[int],
    reviewer: Reviewer,
    *,
    key: Ed25519PrivateKey,
    now: datetime | None = None,
) -> tuple[Released, ...]:
    """Release rows from every gate that flagged them, and write them among the accepted ones.

    Raises:
        UsageError: a row does not wait, there is no reason, or the person or the key is nobody's here.
        StateError: the person may not, the scan is not complete, or it was made under another policy.
        InputError: the folder holds no finished scan, or was changed.
    """
    if not reviewer.because.strip():
        raise UsageError("A release needs a reason.", hint="Say why with --because TEXT.")
    with taken(folder):
        report = whole_report(folder)
        _require_fit(report, reviewer.policy, workspace)
        principal = require_role(workspace, reviewer.person, reviewer.policy.approvals.roles)
        require_own_key(workspace, principal, reviewer.policy, key)
        held = waiting(folder)
        if missing := sorted(set(rows) - set(held)):
            listed = ", ".join(map(str, missing[:10]))
            raise UsageError(
                f"Not in quarantine: {'row' if len(missing) == 1 else 'rows'} {listed}.",
                hint=f"gatekeeper quarantine list {folder}",
            )
        texts_of = records(folder, rows)
        with workspace.store.transaction() as session:
            released = tuple(
                _release(workspace, session, flags, texts_of[row], reviewer, report=report, key=key, now=now)
                for row in sorted(rows)
                for flags in _by_gate(held[row]).values()
            )
        put_back(folder, report, released)
    return released


def _require_fit(report: Mapping[str, Plain], policy: Policy, workspace: Workspace) -> None:
    scanned, counts, gates = report.get("policy"), report.get("rows"), report.get("gates")
    if not isinstance(scanned, dict) or scanned.get("digest") != policy.digest:
        raise StateError(
            "The scan was made under another policy than this project's.",
            hint="Scan again with --policy and the project's policy file.",
        )
    if not isinstance(counts, dict) or counts.get("withheld") != 0:
        raise StateError(
            "A gate could not be evaluated in this scan, so no row of it can be released.",
            hint="See report.json, mend what is wrong, and scan again.",
        )
    for each in gates if isinstance(gates, list) else ():
        gate = workspace.catalogue.get(str(each.get("gate"))) if isinstance(each, dict) else None
        if gate is None or not isinstance(each, dict) or gate.version != each.get("version"):
            raise StateError("A gate of this scan measures in another way now.", hint="Scan the file again.")


def _by_gate(held: list[Held]) -> dict[str, list[Held]]:
    found: dict[str, list[Held]] = {}
    for flag in held:
        found.setdefault(flag.gate, []).append(flag)
    return found


def _release(
    workspace: Workspace,
    session: Session,
    flags: list[Held],
    record: str,
    reviewer: Reviewer,
    *,
    report: Mapping[str, Plain],
    key: Ed25519PrivateKey,
    now: datetime | None,
) -> Released:
    """Write one row's release from one gate down, unless this person released just that before."""
    first = flags[0]
    rule = reviewer.policy.rule(first.gate)
    if rule is None:
        raise StateError(f"The policy names no gate {first.gate}.", hint="Scan again under the project's policy.")
    tests = tuple(sorted({flag.test for flag in flags}))
    digest, method = content_digest(record), method_of(workspace.catalogue[first.gate], rule.params)
    actor = workspace.remember(session, reviewer.person)
    for known in releases.of_row(session, digest, first.gate, method):
        if known.reviewer == actor and known.tests == list(tests):
            return Released(row=first.row, digest=digest, gate=first.gate, tests=tests, release=known.id)
    scanned = report["file"]
    file_digest = Digest(str(scanned["sha256"])) if isinstance(scanned, dict) else Digest("")
    moment, release_id = now or datetime.now(UTC), releases.new_release_id()
    reason = texts.keep(session, subject=release_id, body=reviewer.because)
    if reason is None:
        raise RuntimeError("an empty reason was refused before")
    envelope = sign_release(
        SignedRelease(
            release=release_id,
            row_digest=digest,
            gate=first.gate,
            method=method,
            tests=tests,
            file_digest=file_digest,
            reason_digest=reason,
            given=rfc3339(moment),
        ),
        key,
    )
    releases.add(
        session,
        release_id=release_id,
        row_digest=digest,
        gate=first.gate,
        method=method,
        tests=tests,
        file_digest=file_digest,
        reviewer=actor,
        reason_digest=reason,
        envelope=envelope,
        now=moment,
    )
    append(
        session,
        type=Event.ROW_RELEASED,
        actor=actor,
        subject=release_id,
        data={
            "row_digest": digest,
            "gate": label(first.gate),
            "method": method,
            "tests": [label(test) for test in tests],
            "file_digest": file_digest,
            "reason_digest": reason,
            "key": key_id(key.public_key().public_bytes_raw()),
            "envelope_digest": sha256_bytes(envelope.encode()),
        },
    )
    return Released(row=first.row, digest=digest, gate=first.gate, tests=tests, release=release_id)
