"""A named person releases rows, each with its reason, signed with their own key and written into the ledger.

Checked in this order: the folder is whole and every row of it was looked at by every gate; the policy is the one the
scan was made under and one that verifiers trust; the person is among the project's people, holds a role that may
approve, and signs with their own key; every row waits. The ledger comes first, then the folder: repeating a release
that was interrupted in between finishes it and writes nothing twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from audits.passport.dsse import key_id, parse_public, public_text
from audits.passport.release import SignedRelease, sign_release
from gatekeeper.core.digests import Digest, Plain, sha256_bytes
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.intake.record_text import content_digest
from gatekeeper.pipeline.approve import require_own_key, rfc3339
from gatekeeper.pipeline.principal import Principal
from gatekeeper.pipeline.quarantine.folder import Released, put_back, records, taken, waiting, whole_report
from gatekeeper.pipeline.quarantine.method import method_of
from gatekeeper.pipeline.requests import require_role
from gatekeeper.pipeline.scan.sorting import Held
from gatekeeper.pipeline.signatures import SignedElsewhere
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import releases, texts
from policies.policy import Policy


class SignedBefore(Protocol):
    """One person's releases that arrived signed."""

    @property
    def public(self) -> str:
        """The person's public key."""
        ...

    def about(self, expected: SignedRelease, because: str, *, moment: datetime) -> tuple[SignedRelease, str, bytes]:
        """Return what was signed about one row and gate, with its envelope and the salt of its reason."""
        ...


ReleaseKey: TypeAlias = Ed25519PrivateKey | SignedBefore
"""What makes a person's signature."""


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
    key: ReleaseKey,
    now: datetime | None = None,
) -> tuple[Released, ...]:
    """Release rows from every gate that flagged them, and write them among the accepted ones.

    Raises:
        UsageError: a row does not wait, there is no reason, or the person or the key is nobody's here.
        StateError: the person may not, the scan is not complete, or it was made under another policy.
        InputError: the folder holds no finished scan, or was changed.
    """
    with taken(folder):
        report = whole_report(folder)
        require_fit(report, reviewer.policy, workspace)
        principal = require_reviewer(workspace, reviewer)
        own = key if isinstance(key, Ed25519PrivateKey) else SignedElsewhere(public=key.public, envelopes=())
        require_own_key(workspace, principal, reviewer.policy, own)
        held = waiting(folder)
        require_waiting(held, rows, folder)
        texts_of = records(folder, rows)
        with workspace.store.transaction() as session:
            released = tuple(
                _release(workspace, session, flags, texts_of[row], reviewer, report=report, key=key, now=now)
                for row in sorted(rows)
                for flags in by_gate(held[row]).values()
            )
        put_back(folder, report, released)
    return released


def require_reviewer(workspace: Workspace, reviewer: Reviewer) -> Principal:
    """Return who releases, when they give a reason and hold a role that may approve.

    Raises:
        UsageError: there is no reason, or nobody knows the person.
        NotEntitled: they hold no such role.
    """
    if not reviewer.because.strip():
        raise UsageError("A release needs a reason.", hint="Say why with --because TEXT.")
    return require_role(workspace, reviewer.person, reviewer.policy.approvals.roles)


def require_waiting(held: Mapping[int, list[Held]], rows: Collection[int], folder: Path) -> None:
    """Return when every row waits.

    Raises:
        UsageError: one does not.
    """
    if missing := sorted(set(rows) - set(held)):
        listed = ", ".join(map(str, missing[:10]))
        raise UsageError(
            f"Not in quarantine: {'row' if len(missing) == 1 else 'rows'} {listed}.",
            hint=f"gatekeeper quarantine list {folder}",
        )


def require_fit(report: Mapping[str, Plain], policy: Policy, workspace: Workspace) -> None:
    """Return when a scan was made under this policy, by these gates, and is complete.

    Raises:
        StateError: it was not.
    """
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


def by_gate(held: list[Held]) -> dict[str, list[Held]]:
    """Return why one row waits, by gate."""
    found: dict[str, list[Held]] = {}
    for flag in held:
        found.setdefault(flag.gate, []).append(flag)
    return found


def release_about(
    workspace: Workspace, flags: list[Held], record: str, reviewer: Reviewer, *, report: Mapping[str, Plain]
) -> SignedRelease:
    """Return what releasing one row from one gate says, but for its id, its time and its reason.

    Raises:
        StateError: the policy does not name the gate.
    """
    first = flags[0]
    rule = reviewer.policy.rule(first.gate)
    if rule is None:
        raise StateError(f"The policy names no gate {first.gate}.", hint="Scan again under the project's policy.")
    scanned = report["file"]
    return SignedRelease(
        release="",
        row_digest=content_digest(record),
        gate=first.gate,
        method=method_of(workspace.catalogue[first.gate], rule.params),
        tests=tuple(sorted({flag.test for flag in flags})),
        file_digest=Digest(str(scanned["sha256"])) if isinstance(scanned, dict) else Digest(""),
        reason_digest=Digest(""),
        given="",
    )


def _release(
    workspace: Workspace,
    session: Session,
    flags: list[Held],
    record: str,
    reviewer: Reviewer,
    *,
    report: Mapping[str, Plain],
    key: ReleaseKey,
    now: datetime | None,
) -> Released:
    """Write one row's release from one gate down, unless this person released just that before."""
    about = release_about(workspace, flags, record, reviewer, report=report)
    row, tests = flags[0].row, about.tests
    actor = workspace.remember(session, reviewer.person)
    for known in releases.of_row(session, about.row_digest, about.gate, about.method):
        if known.reviewer == actor and known.tests == list(tests):
            return Released(row=row, digest=about.row_digest, gate=about.gate, tests=tests, release=known.id)
    moment = now or datetime.now(UTC)
    signed, envelope = _signed(session, about, reviewer, key, moment)
    releases.add(
        session,
        release_id=signed.release,
        row_digest=signed.row_digest,
        gate=signed.gate,
        method=signed.method,
        tests=tests,
        file_digest=signed.file_digest,
        reviewer=actor,
        reason_digest=signed.reason_digest,
        envelope=envelope,
        now=moment,
    )
    public = public_text(key) if isinstance(key, Ed25519PrivateKey) else key.public
    append(
        session,
        type=Event.ROW_RELEASED,
        actor=actor,
        subject=signed.release,
        data={
            "row_digest": signed.row_digest,
            "gate": label(signed.gate),
            "method": signed.method,
            "tests": [label(test) for test in tests],
            "file_digest": signed.file_digest,
            "reason_digest": signed.reason_digest,
            "key": key_id(parse_public(public)),
            "envelope_digest": sha256_bytes(envelope.encode()),
        },
    )
    return Released(row=row, digest=signed.row_digest, gate=signed.gate, tests=tests, release=signed.release)


def _signed(
    session: Session, about: SignedRelease, reviewer: Reviewer, key: ReleaseKey, moment: datetime
) -> tuple[SignedRelease, str]:
    """Return the release with its envelope, after keeping its reason.

    Raises:
        StateError: what arrived signed is another release, or its id was used before.
    """
    if not isinstance(key, Ed25519PrivateKey):
        signed, envelope, salt = key.about(about, reviewer.because, moment=moment)
        if releases.find(session, signed.release) is not None:
            raise StateError(
                f"There was a release {signed.release} before.", hint="Ask for what is to be signed again."
            )
        texts.keep(session, subject=signed.release, body=reviewer.because, salt=salt)
        return signed, envelope
    release_id = releases.new_release_id()
    reason = texts.keep(session, subject=release_id, body=reviewer.because)
    if reason is None:
        raise RuntimeError("an empty reason was refused before")
    made = replace(about, release=release_id, reason_digest=reason, given=rfc3339(moment))
    return made, sign_release(made, key)
