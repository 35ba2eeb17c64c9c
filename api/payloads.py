"""What the service takes: closed shapes, every text with a length, nothing that is silently left out."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_DIGEST = "sha256:" + "0a" * 32

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", examples=[_DIGEST])]
Comment = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Envelope = Annotated[str, Field(min_length=2, max_length=16_384)]
"""A DSSE envelope, letter for letter as it was signed."""
Incoming = Annotated[
    str,
    Field(
        max_length=1000,
        pattern=r"^(incoming:[^\x00-\x1f]+|upload:sha256:[0-9a-f]{64})$",
        examples=["incoming:2026-11/rows.jsonl"],
    ),
]
"""``incoming:`` and a path below the service's incoming folder, or ``upload:`` and the digest of what one sent."""


class In(BaseModel):
    """Root of everything that is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SeenIn(In):
    """What the sender looked at: all three of ``digests``, as they stood there."""

    update_digest: Digest
    policy_digest: Digest | None = None
    evidence_digest: Digest | None = None


class ProposalIn(In):
    """A proposed update."""

    model: Annotated[str, Field(pattern=r"^[^\s/:@\x00-\x1f][^/:@\x00-\x1f]{0,200}$", examples=["support-bot"])]
    name: Annotated[Line, Field(min_length=1, examples=["weekly feedback"])]
    artifact: Annotated[
        str,
        Field(
            max_length=1000,
            pattern=r"^(models:/[^/:@\x00-\x1f]+/[0-9]{1,10}|incoming:[^\x00-\x1f]+|upload:sha256:[0-9a-f]{64})$",
            examples=["models:/candidates/7"],
        ),
    ]
    """A version in the registry, a folder below the service's incoming folder, or an archive that one sent."""
    data: Incoming | None = None
    """The rows it was trained on."""
    base: Incoming | None = None
    """Base model of an adapter; by default the champion's."""
    first: bool = False
    """Whether it is meant as a first champion, under the policy's absolute limits."""
    answers: Annotated[str, Field(pattern=r"^upd-[0-9a-f]{16}$")] | None = None
    """An update of one's own that was sent back and that this one takes the place of."""
    method: Line = ""
    trainer: Line = ""
    sources: Annotated[list[Line], Field(max_length=50)] = []


class DecisionIn(In):
    """One person's decision, signed with their own key; without it, by the service over their recent log-in."""

    envelope: Envelope | None = None
    seen: SeenIn
    comment: Comment = ""


class ChangesIn(In):
    """Sending an update back, signed as any decision."""

    envelope: Envelope | None = None
    seen: SeenIn
    comment: Annotated[Comment, Field(min_length=1)]
    """What should be different."""


class WaiverIn(In):
    """Accepting one finding, signed with one's own key."""

    envelope: Envelope
    seen: SeenIn
    code: Annotated[Line, Field(min_length=1, examples=["data/pii/contact"])]
    because: Annotated[Comment, Field(min_length=1)]


class WithdrawalIn(In):
    """Taking a proposal back."""

    seen: SeenIn
    comment: Comment = ""


class PromotionIn(In):
    """Carrying out what was approved."""

    seen: SeenIn


class GlassIn(In):
    """Breaking the glass: everything that ``to-sign`` asked for, and why."""

    envelopes: Annotated[list[Envelope], Field(min_length=1, max_length=2)]
    incident: Annotated[Line, Field(min_length=1)]
    justification: Annotated[Comment, Field(min_length=1)]
    hours: Annotated[float, Field(gt=0, le=72)] = 72
    """How long it may stay live without a review; as it was given to ``to-sign``."""


class ReviewIn(In):
    """Keeping what is live over its verdict."""

    envelopes: Annotated[list[Envelope], Field(min_length=1, max_length=1)]
    justification: Annotated[Comment, Field(min_length=1)]


class ConsentIn(In):
    """A decision about a request: everything that ``to-sign`` asked for; nothing, where a recent log-in is enough."""

    envelopes: Annotated[list[Envelope], Field(max_length=2)] = []
    reason: Comment = ""


class RowsIn(In):
    """Rows that somebody wants to release, and why."""

    rows: Annotated[list[Annotated[int, Field(ge=0, lt=2**53)]], Field(min_length=1, max_length=100)]
    because: Annotated[Comment, Field(min_length=1)]


class SignedReleaseIn(In):
    """One release, signed with one's own key."""

    envelope: Envelope
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of its reason, as it was given out."""


class ReleaseIn(RowsIn):
    """Releasing rows: everything that ``to-sign`` asked for."""

    signed: Annotated[list[SignedReleaseIn], Field(min_length=1, max_length=1000)]


class SignedIn(In):
    """What was signed to go back, or to revoke: everything that ``to-sign`` asked for."""

    envelopes: Annotated[list[Envelope], Field(min_length=1, max_length=2)]
    reason: Comment = ""
