"""What the service sends: one closed shape for each thing, with times in UTC and digests as ``sha256:`` and hex."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatekeeper.core.states import State

Number = float | str
"""A number; ``nan``, ``inf`` and ``-inf`` as text, because JSON cannot write them."""

_DIGEST = "sha256:" + "0a" * 32


class Out(BaseModel):
    """Root of everything that is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DigestsOut(Out):
    """What a decision about an update is bound to."""

    update_digest: str = Field(examples=[_DIGEST])
    policy_digest: str | None = Field(examples=[_DIGEST])
    """``None`` before there is a verdict, as is the next one."""
    evidence_digest: str | None = Field(examples=[_DIGEST])


class ApprovalCountOut(Out):
    """How far people are."""

    given: int
    """Consents to exactly these digests that have not expired."""
    required: int | None
    """``None`` before a verdict, and where the policy has changed since."""
    expires: datetime | None
    """Until when people may decide."""


class UpdateOut(Out):
    """A proposed change and where it stands."""

    id: str = Field(examples=["upd-0123456789abcdef"])
    name: str
    model: str = Field(examples=["support-bot"])
    kind: str = Field(examples=["lora"])
    state: State
    proposer: str | None
    """``None`` where the name was erased."""
    digests: DigestsOut
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"] | None
    errored: bool
    run: str | None
    """Its newest evaluation."""
    approvals: ApprovalCountOut
    registered_version: str | None
    compared_with: str | None
    """Version it was compared with; ``None`` before its evaluation and for a first champion."""
    data_digest: str | None
    method: str
    trainer: str
    sources: list[str]
    created: datetime
    updated: datetime


class UpdatesOut(Out):
    """A page of updates."""

    items: list[UpdateOut]
    next: str | None
    """``cursor`` of the next page; ``None`` on the last one."""


class RunOut(Out):
    """One evaluation."""

    id: str
    policy: str
    policy_digest: str
    seed: int
    started: datetime
    finished: datetime | None


class RunsOut(Out):
    """The evaluations of an update."""

    items: list[RunOut]


class ReasonOut(Out):
    """Why one rule voted as it did."""

    gate: str
    code: str
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"]
    text: str


class VerdictOut(Out):
    """What the policy decided, and from what."""

    run: str
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"]
    errored: bool
    reasons: list[ReasonOut]
    """Strictest first."""
    not_run: list[str]
    digests: DigestsOut


class MetricOut(Out):
    """One number, with the interval that says how well it is known."""

    name: str
    value: Number
    unit: str
    n: int
    low: Number | None
    high: Number | None
    confidence: float | None
    method: str


class FindingOut(Out):
    """One fact a reviewer can check."""

    gate: str
    code: str
    severity: Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    confidence: float
    subject: str
    message: str


class ReportOut(Out):
    """One gate's answer."""

    gate: str
    version: int
    status: str
    note: str
    digest: str
    seconds: float
    metrics: list[MetricOut]
    findings: int
    """How many; they are listed under ``findings``."""


class EvidenceOut(Out):
    """Every gate's answer in one run."""

    run: str
    evidence_digest: str | None
    """``None`` while the run has no verdict."""
    reports: list[ReportOut]


class FindingsOut(Out):
    """A page of what the gates point at, in the order of gates."""

    run: str
    items: list[FindingOut]
    next: str | None


class DecisionOut(Out):
    """One person's decision."""

    id: str
    run: str
    decision: Literal["approve", "reject"]
    by: str | None
    """``None`` where the name was erased."""
    comment: str | None
    """``None`` without one, and where it was erased."""
    digests: DigestsOut
    envelope: str | None
    """DSSE envelope, signed with the person's own key."""
    given: datetime
    expires: datetime


class DecisionsOut(Out):
    """Every decision about an update, over all its runs."""

    items: list[DecisionOut]


class ToSignOut(Out):
    """What has to be signed, in this order, each as RFC 8785 JSON in an envelope of ``payload_type``."""

    payload_type: str = Field(examples=["application/vnd.gatekeeper.decision+json"])
    decisions: list[dict[str, Any]]


class PromotedOut(Out):
    """What production points to now."""

    model: str
    version: str
    aliases: list[str]
    previous: str | None


class RevokedOut(Out):
    """What came of a revocation."""

    update: str
    live: str | None
    """Version that is live now, when the champion had to go back first."""
    published: bool
    """Whether the registry took the new list already."""


class RequestOut(Out):
    """Something that people decide about beside ordinary promotions."""

    id: str = Field(examples=["req-0123456789abcdef"])
    action: str
    """``anchor``, ``break-glass``, ``review``, ``rollback`` or ``revoke``."""
    update: str
    model: str
    alias: str
    replaces: str | None
    """Version the alias pointed to when it was asked for."""
    state: Literal["OPEN", "APPROVED", "REFUSED", "DONE", "EXPIRED"]
    opened_by: str | None
    """``None`` where the name was erased."""
    justification: str | None
    incident: str | None
    given: int
    required: int
    opened: datetime
    expires: datetime
    """Until when people may decide."""
    valid_until: datetime | None
    """Until when what was asked for may stay live unreviewed."""


class RequestsOut(Out):
    """Requests that wait for people, or to be carried out."""

    items: list[RequestOut]


class ModelOut(Out):
    """A model and what its aliases point to."""

    name: str
    protected: list[str]
    champion: str | None
    anchor: str | None
    live: str | None
    """The update that is live."""


class ModelsOut(Out):
    """Every model under the gate."""

    items: list[str]


class MoveOut(Out):
    """One time the champion moved."""

    version: str
    update: str
    kind: str
    previous: str | None
    promoted: datetime | None


class DriftOut(Out):
    """One champion's score against the anchor on one suite."""

    version: str
    suite: str
    anchor: str | None
    delta: Number
    low: Number | None
    high: Number | None
    confidence: float | None
    budget: float | None


class LineageOut(Out):
    """The champions of a model, oldest first."""

    model: str
    champions: list[MoveOut]
    drift: list[DriftOut]


class PolicyLineOut(Out):
    """A policy in a list."""

    name: str
    digest: str
    present: bool
    """Whether it decides about what is evaluated now."""


class PoliciesOut(Out):
    """Every policy that anything was evaluated under, and the present one."""

    items: list[PolicyLineOut]


class PolicyOut(PolicyLineOut):
    """A policy in full."""

    policy: dict[str, Any]
    """Its normal form: the digest is SHA-256 over RFC 8785 JSON of exactly this."""


class EntryOut(Out):
    """One entry of the ledger."""

    seq: int
    leaf: str
    """RFC 8785 JSON, exactly as it was hashed."""
    leaf_hash: str
    """SHA-256 of 0x00 and the leaf, 64 hexadecimal digits."""


class EntriesOut(Out):
    """A page of the ledger."""

    items: list[EntryOut]
    next: int | None
    """``first`` of the next page; ``None`` on the last one."""


class CheckpointOut(Out):
    """A signed statement of how long the ledger is and what its root is."""

    size: int
    note: str
    """C2SP ``tlog-checkpoint``."""


class ProofOut(Out):
    """Proof that an entry is in the ledger."""

    seq: int
    size: int
    proof: str
    """C2SP ``tlog-proof`` with its checkpoint, as ``gatekeeper ledger prove`` writes it."""


class ConsistencyOut(Out):
    """Proof that a longer ledger begins with a shorter one."""

    old: int
    new: int
    old_root: str
    """64 hexadecimal digits, as are the next ones."""
    new_root: str
    proof: list[str]


class MeOut(Out):
    """Who calls."""

    name: str
    token: str
    roles: list[str]


class HealthOut(Out):
    """Whether something answers."""

    status: Literal["ok"]


class ReadyOut(Out):
    """What answers and what does not."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
    """``ok``, or the code of what is wrong."""
