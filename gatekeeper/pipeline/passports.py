"""Issue the passport for a move that is under way, out of what the ledger and the database hold."""

import json
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from audits.ledger import proofs
from audits.ledger.cosign import cosigned
from audits.ledger.events import Event
from audits.ledger.signing import sign_checkpoint
from audits.passport.binding import EXCEPTIONAL, Binding, written
from audits.passport.check import check_passport
from audits.passport.issue import GateResult, ProvenLeaf, issue_passport
from audits.passport.waived import WAIVERS
from gatekeeper.core.digests import Digest, digest_of, sha256_bytes
from gatekeeper.core.errors import StateError, VerificationError
from gatekeeper.core.findings import GateReport
from gatekeeper.core.update import Artifact
from gatekeeper.core.verdict import Verdict
from gatekeeper.intake.manifest import base_manifest
from gatekeeper.pipeline.notary import Notary
from gatekeeper.pipeline.revocations import signed_list
from gatekeeper.pipeline.standing import binding_of, require_evidence
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import approvals, checkpoints, entries, requests, runs, updates
from gatekeeper.store.database import Store
from gatekeeper.store.tables import ApprovalRow, EntryRow, PromotionKind, PromotionRow, RequestRow, UpdateRow

_DECISIONS = frozenset({Event.APPROVAL_GIVEN.value, Event.REQUEST_APPROVED.value})


def checkpoint(store: Store, notary: Notary, *, now: datetime | None = None) -> tuple[int, str]:
    """Return size and note of a checkpoint over the whole ledger, cosigned by as many witnesses as are asked for.

    Raises:
        VerificationError: a witness saw another history of this log.
        GatekeeperError: too few witnesses answered.
    """
    with store.transaction() as session:
        row = sign_checkpoint(session, origin=notary.trust.origin, key=notary.log, now=now)
    if not notary.witnesses and not notary.trust.quorum:
        return row.size, row.note

    def consistency(old: int, new: int) -> tuple[bytes, ...]:
        with store.reading() as session:
            return proofs.consistency(session, old, new)

    asked = cosigned(row.note, addresses=notary.witnesses, keys=notary.trust.witnesses, consistency=consistency)
    denied = [fault for fault in asked.faults.values() if isinstance(fault, VerificationError)]
    if denied:
        raise denied[0]
    if asked.signed < notary.trust.quorum:
        first = next((f" {fault.message}" for fault in asked.faults.values()), "")
        raise StateError(
            f"{asked.signed} of the {notary.trust.quorum} witnesses that are needed signed.{first}",
            hint="See that the witnesses run, then repeat.",
        )
    with store.transaction() as session:
        checkpoints.keep(session, size=row.size, root=row.root, note=asked.note, cosignatures=asked.signed, now=now)
    return row.size, asked.note


def issue(workspace: Workspace, intent: PromotionRow, artifact: Artifact, *, now: datetime | None = None) -> str:
    """Return the passport for a move that is under way.

    Args:
        workspace: of the installation.
        intent: the move.
        artifact: the registered version, fetched and hashed just now.
        now: the present moment, for tests.

    Raises:
        VerificationError: no verifier would accept it.
        GatekeeperError: too few witnesses cosigned.
    """
    moment = now or datetime.now(UTC)
    size, note = checkpoint(workspace.store, workspace.notary, now=now)
    base = None if artifact.base is None else base_manifest(artifact.base)
    with workspace.store.reading() as session:
        row = updates.require(session, intent.update_id)
        run, verdict, binding = binding_of(session, row)
        require_evidence(session, run, verdict)
        request = requests.require(session, intent.request_id) if intent.request_id else None
        agreed = _agreed(session, row, request)
        told = _entries(session, intent, run_id=run.id, agreed=agreed, verdict=verdict)
        leaves = [
            ProvenLeaf(seq=each.seq, leaf=each.leaf, proof=proofs.prove(session, each.seq, size)) for each in told
        ]
        reports = runs.reports(session, run.id)
    passport = issue_passport(
        binding=_binding(intent, request, moment),
        manifest=artifact.manifest,
        base=base,
        update=row.id,
        run=run.id,
        policy_digest=binding.policy_digest,
        evidence_digest=binding.evidence_digest,
        gates=[*(_result(report) for report in reports), *_accepted(verdict)],
        approvals=[(envelope, leaf.seq) for envelope, leaf in agreed],
        leaves=leaves,
        checkpoint=note,
        origin=workspace.notary.trust.origin,
        key=workspace.notary.passport,
        now=moment,
    )
    require_acceptable(workspace, passport, artifact.manifest.digest, moment)
    return passport


def require_acceptable(workspace: Workspace, passport: str, digest: Digest, moment: datetime) -> None:
    """Check a passport for bytes of this digest as every verifier will, before anything rests on it.

    Raises:
        VerificationError: it is not valid, not valid now, or its bytes are revoked.
    """
    try:
        check_passport(
            passport,
            workspace.notary.trust,
            subject=digest,
            revocations=signed_list(workspace, now=moment),
            now=moment,
        )
    except VerificationError as error:
        raise VerificationError(
            f"No verifier would accept the passport: {error.message}",
            hint=error.hint or "Compare trust.toml with this installation: gatekeeper trust pin.",
        ) from error


def passport_file(workspace: Workspace, model: str, alias: str, version: str) -> Path:
    """Return where the passport of a version under an alias lies on this machine."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in model)
    folder = workspace.notary.passports_dir / f"{safe}-{sha256_bytes(model.encode())[7:15]}"
    return folder / f"{alias}-{version}.passport.json"


def _binding(intent: PromotionRow, request: RequestRow | None, moment: datetime) -> Binding:
    if intent.intent_seq is None:
        raise RuntimeError("a move without an intent in the ledger gets no passport")
    until = request.valid_until if request is not None and intent.kind.value == "break-glass" else None
    return Binding(
        registry=intent.registry_id,
        model=intent.model,
        version=intent.version,
        alias=intent.alias,
        expected_previous=intent.expected_previous,
        nonce=intent.nonce,
        kind=intent.kind.value,
        intent=intent.intent_seq,
        break_glass=intent.kind.value in EXCEPTIONAL,
        valid_from=written(min(intent.started, moment)),
        valid_until=None if until is None else written(until),
    )


def _agreed(session: Session, row: UpdateRow, request: RequestRow | None) -> list[tuple[str, EntryRow]]:
    """Return every signed consent that this move rests on, with the ledger entry that records it."""
    run, _verdict, binding = binding_of(session, row)
    given: list[str | None] = []
    if request is None or request.action == PromotionKind.ROLLBACK.value:
        given += [each.envelope for each in approvals.of_run(session, run.id) if _counts(each, binding)]
    if request is not None:
        given += [each.envelope for each in requests.decisions(session, request.id)]
    recorded = {
        digest: entry
        for entry in entries.of_subject(session, row.id)
        if entry.type in _DECISIONS and (digest := _recorded(entry)) is not None
    }
    return [
        (envelope, recorded[digest])
        for envelope in given
        if envelope is not None and (digest := sha256_bytes(envelope.encode())) in recorded
    ]


def _counts(approval: ApprovalRow, binding: approvals.Binding) -> bool:
    bound = (approval.update_digest, approval.policy_digest, approval.evidence_digest)
    return approval.decision == "approve" and bound == (
        binding.update_digest,
        binding.policy_digest,
        binding.evidence_digest,
    )


def _recorded(entry: EntryRow) -> str | None:
    digest = json.loads(entry.leaf)["data"].get("envelope_digest")
    return digest if isinstance(digest, str) else None


def _entries(
    session: Session, intent: PromotionRow, *, run_id: str, agreed: list[tuple[str, EntryRow]], verdict: Verdict
) -> list[EntryRow]:
    """Return the entries that a passport brings: submission, waivers, verdict, decisions and intent."""
    mine = entries.of_subject(session, intent.update_id)
    submitted = [each for each in mine if each.type == Event.UPDATE_SUBMITTED.value][:1]
    decided = [
        each
        for each in mine
        if each.type == Event.VERDICT_DECIDED.value and json.loads(each.leaf)["data"]["run"] == run_id
    ]
    said = [each for each in mine if each.seq == intent.intent_seq]
    return [*submitted, *_waivers(mine, run_id, verdict), *decided, *(entry for _envelope, entry in agreed), *said]


def _waivers(mine: list[EntryRow], run_id: str, verdict: Verdict) -> list[EntryRow]:
    """Return the entries that record what people accepted, as far as the verdict counts it."""
    if not verdict.waived:
        return []
    counted = {id_ for each in verdict.waived for id_ in each.ids}
    found = []
    for entry in mine:
        data = json.loads(entry.leaf)["data"]
        given = entry.type == Event.WAIVER_GIVEN.value and data["waiver"] in counted
        if given or (entry.type == Event.WAIVERS_COUNTED.value and data["run"] == run_id):
            found.append(entry)
    return found


def _accepted(verdict: Verdict) -> list[GateResult]:
    """Return what people accepted as one more result, where they did."""
    if not verdict.waived:
        return []
    accepted = len(verdict.waived)
    return [
        GateResult(
            name=WAIVERS,
            status="measured",
            digest=digest_of(list(verdict.waived)),
            metrics={"findings": str(accepted)},
        )
    ]


def _result(report: GateReport) -> GateResult:
    return GateResult(
        name=report.gate,
        status=report.status.value,
        digest=Digest(report.digest),
        metrics={metric.name: repr(float(metric.value)) for metric in report.metrics},
    )
