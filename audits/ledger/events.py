"""Every kind of entry, and exactly which data each records.

A type is never renamed and its keys never change meaning; a new need is a new type, or a new leaf version. Every key
is present in every leaf of its type: ``None`` says that there was nothing, silence says nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Event(StrEnum):
    """What happened."""

    UPLOAD_KEPT = "upload.kept"
    """Somebody left files to propose. Subject: their digest as they were sent."""
    UPLOAD_REMOVED = "upload.removed"
    """They were taken away, or their time was over. Subject: the digest."""
    UPDATE_SUBMITTED = "update.submitted"
    """Someone proposed a change. Subject: the update."""
    UPDATE_WITHDRAWN = "update.withdrawn"
    """Its proposer took it back. Subject: the update."""
    RUN_STARTED = "run.started"
    """An evaluation began under one policy. Subject: the update."""
    HISTORY_COMPARED = "history.compared"
    """An evaluation compares rows with accepted rows of earlier updates. Subject: the update."""
    HISTORY_ENTERED = "history.entered"
    """A promoted update's rows will count as history from a moment on. Subject: the update."""
    ROW_RELEASED = "row.released"
    """A person released a quarantined row from exactly these gates. Subject: the release."""
    RELEASES_COUNTED = "releases.counted"
    """An evaluation leaves rows to people who released them. Subject: the update."""
    RUN_ERRORED = "run.errored"
    """An evaluation ended without a verdict. Subject: the update."""
    GATE_REPORTED = "gate.reported"
    """One gate answered, or said why it could not. Subject: the update."""
    VERDICT_DECIDED = "verdict.decided"
    """The policy decided from the reports. Subject: the update."""
    APPROVAL_GIVEN = "approval.given"
    """A person consented to exactly these bytes, policy and evidence. Subject: the update."""
    APPROVAL_REFUSED = "approval.refused"
    """A person rejected them. Subject: the update."""
    CHANGES_REQUESTED = "approval.changes_requested"
    """A person sent it back to its proposer. Subject: the update."""
    UPDATE_ANSWERED = "update.answered"
    """Its proposer proposed another update in its place. Subject: the update that was sent back."""
    WAIVER_GIVEN = "waiver.given"
    """A person accepted one finding until a date. Subject: the update."""
    WAIVERS_COUNTED = "waivers.counted"
    """A verdict was decided anew with what people accepted. Subject: the update."""
    UPDATE_EXPIRED = "update.expired"
    """Nobody promoted it in time. Subject: the update."""
    UPDATE_STALE = "update.stale"
    """Bytes, policy, evidence or champion changed under a verdict. Subject: the update."""
    CANDIDATE_LOGGED = "candidate.logged"
    """The bytes and their evidence were stored in the registry as a version. Subject: the update."""
    PROMOTION_INTENDED = "promotion.intended"
    """An alias is about to be moved. Subject: the update."""
    PROMOTION_OBSERVED = "promotion.observed"
    """The alias was read back and points to the version. Subject: the update."""
    PROMOTION_FAILED = "promotion.failed"
    """The alias was read back and does not point to the version. Subject: the update."""
    CHAMPION_CERTIFIED = "champion.certified"
    """A first champion and anchor were set under absolute limits. Subject: the update."""
    CHAMPION_SUPERSEDED = "champion.superseded"
    """Another version took its alias. Subject: the update that lost it."""
    UPDATE_ROLLED_BACK = "update.rolled_back"
    """The champion went back to an earlier version. Subject: the update that lost its alias."""
    UPDATE_REVOKED = "update.revoked"
    """No passport covers these bytes any more. Subject: the update."""
    REQUEST_OPENED = "request.opened"
    """A person asked for something beside an ordinary promotion. Subject: the update."""
    REQUEST_APPROVED = "request.approved"
    """A person agreed to exactly that. Subject: the update."""
    REQUEST_REFUSED = "request.refused"
    """A person refused it. Subject: the update."""
    REQUEST_CLOSED = "request.closed"
    """It was carried out, or its time ran out. Subject: the update."""
    DRIFT_FOUND = "drift.found"
    """Registry, database and files came apart behind the gate's back. Subject: the drift."""
    DRIFT_CLEARED = "drift.cleared"
    """They agree again. Subject: the drift."""
    KEY_ROTATED = "key.rotated"
    """Another key signs from here on. Subject: the key's purpose."""
    TRUST_PINNED = "trust.pinned"
    """What verifiers trust was written down anew. Subject: the trust file's digest."""
    TOKEN_MADE = "token.made"  # noqa: S105  # the name of an event
    """Somebody may call the service from here on. Subject: the token's id."""
    TOKEN_ENDED = "token.ended"  # noqa: S105  # as above
    """A token does not count any more. Subject: the token's id."""
    WEBHOOK_ADDED = "webhook.added"
    """Events are sent to an address from here on. Subject: the webhook."""
    WEBHOOK_SECRET_MADE = "webhook.secret_made"  # noqa: S105  # as above
    """A webhook has another secret. Subject: the webhook."""
    WEBHOOK_DISABLED = "webhook.disabled"
    """Nothing is sent to it for now. Subject: the webhook."""
    WEBHOOK_ENABLED = "webhook.enabled"
    """It is sent to again. Subject: the webhook."""
    WEBHOOK_REMOVED = "webhook.removed"
    """Nothing is ever sent to it again. Subject: the webhook."""
    INTAKE_REFUSED = "intake.refused"
    """A registered version cannot be an update as it is. Subject: the gate."""
    TEXT_ERASED = "text.erased"
    """Names or comments were deleted on request. Subject: what they belonged to."""


EVENTS: Mapping[Event, frozenset[str]] = MappingProxyType(
    {
        Event.UPLOAD_KEPT: frozenset({"kind", "format", "size", "files"}),
        Event.UPLOAD_REMOVED: frozenset({"kind", "why"}),
        Event.UPDATE_SUBMITTED: frozenset({"model", "update_digest", "kind", "data_digest"}),
        Event.UPDATE_WITHDRAWN: frozenset({"update_digest", "state"}),
        Event.RUN_STARTED: frozenset(
            {"run", "update_digest", "policy", "policy_digest", "seed", "champion_version", "champion_digest"}
        ),
        Event.HISTORY_COMPARED: frozenset({"run", "history_digest", "rows", "updates"}),
        Event.HISTORY_ENTERED: frozenset({"update_digest", "data_digest", "history_digest", "rows", "counts_from"}),
        Event.ROW_RELEASED: frozenset(
            {"row_digest", "gate", "method", "tests", "file_digest", "reason_digest", "key", "envelope_digest"}
        ),
        Event.RELEASES_COUNTED: frozenset({"run", "gate", "rows", "releases_digest"}),
        Event.RUN_ERRORED: frozenset({"run", "policy_digest", "error"}),
        Event.GATE_REPORTED: frozenset({"run", "gate", "version", "status", "report_digest", "findings", "metrics"}),
        Event.VERDICT_DECIDED: frozenset(
            {"run", "outcome", "errored", "update_digest", "policy_digest", "evidence_digest", "not_run"}
        ),
        Event.APPROVAL_GIVEN: frozenset(
            {
                "run",
                "approval",
                "update_digest",
                "policy_digest",
                "evidence_digest",
                "comment_digest",
                "expires",
                "key",
                "envelope_digest",
            }
        ),
        Event.APPROVAL_REFUSED: frozenset(
            {
                "run",
                "approval",
                "update_digest",
                "policy_digest",
                "evidence_digest",
                "comment_digest",
                "key",
                "envelope_digest",
            }
        ),
        Event.CHANGES_REQUESTED: frozenset(
            {
                "run",
                "approval",
                "update_digest",
                "policy_digest",
                "evidence_digest",
                "comment_digest",
                "key",
                "envelope_digest",
            }
        ),
        Event.UPDATE_ANSWERED: frozenset({"update_digest", "by", "by_digest"}),
        Event.WAIVER_GIVEN: frozenset(
            {
                "waiver",
                "run",
                "gate",
                "code",
                "finding",
                "report_digest",
                "update_digest",
                "policy_digest",
                "evidence_digest",
                "expires",
                "justification_digest",
                "key",
                "envelope_digest",
            }
        ),
        Event.WAIVERS_COUNTED: frozenset(
            {"run", "measured_by", "findings", "waivers", "waivers_digest", "ends", "update_digest", "policy_digest"}
        ),
        Event.UPDATE_EXPIRED: frozenset({"update_digest", "state"}),
        Event.UPDATE_STALE: frozenset({"update_digest", "state", "changed"}),
        Event.CANDIDATE_LOGGED: frozenset({"registry", "model", "version", "update_digest"}),
        Event.PROMOTION_INTENDED: frozenset(
            {
                "promotion",
                "kind",
                "nonce",
                "request",
                "registry",
                "model",
                "version",
                "alias",
                "expected_previous",
                "update_digest",
                "policy_digest",
                "evidence_digest",
            }
        ),
        Event.PROMOTION_OBSERVED: frozenset({"promotion", "registry", "model", "version", "alias", "update_digest"}),
        Event.PROMOTION_FAILED: frozenset({"promotion", "registry", "model", "version", "alias", "observed", "error"}),
        Event.CHAMPION_CERTIFIED: frozenset(
            {"registry", "model", "version", "aliases", "update_digest", "policy_digest", "evidence_digest"}
        ),
        Event.CHAMPION_SUPERSEDED: frozenset({"registry", "model", "version", "alias", "by"}),
        Event.UPDATE_ROLLED_BACK: frozenset({"registry", "model", "version", "alias", "by"}),
        Event.UPDATE_REVOKED: frozenset({"registry", "model", "version", "update_digest", "code", "request"}),
        Event.REQUEST_OPENED: frozenset(
            {
                "request",
                "action",
                "registry",
                "model",
                "version",
                "alias",
                "expected_previous",
                "update_digest",
                "policy_digest",
                "evidence_digest",
                "incident",
                "justification_digest",
                "required",
                "expires",
                "valid_until",
            }
        ),
        Event.REQUEST_APPROVED: frozenset({"request", "action", "decision", "key", "envelope_digest"}),
        Event.REQUEST_REFUSED: frozenset({"request", "action", "decision", "key", "envelope_digest"}),
        Event.REQUEST_CLOSED: frozenset({"request", "action", "state"}),
        Event.DRIFT_FOUND: frozenset({"kind", "registry", "model", "alias", "version", "observed"}),
        Event.DRIFT_CLEARED: frozenset({"by"}),
        Event.KEY_ROTATED: frozenset({"old", "new"}),
        Event.TRUST_PINNED: frozenset({"policies", "approvers"}),
        Event.TOKEN_MADE: frozenset({"holder", "roles", "expires"}),
        Event.TOKEN_ENDED: frozenset({"holder"}),
        Event.WEBHOOK_ADDED: frozenset({"url_digest", "events"}),
        Event.WEBHOOK_SECRET_MADE: frozenset({"generation"}),
        Event.WEBHOOK_DISABLED: frozenset({"why"}),
        Event.WEBHOOK_ENABLED: frozenset({"url_digest"}),
        Event.WEBHOOK_REMOVED: frozenset({"url_digest"}),
        Event.INTAKE_REFUSED: frozenset({"registry", "model", "version", "code"}),
        Event.TEXT_ERASED: frozenset({"what"}),
    }
)
"""The keys of each type's data."""
