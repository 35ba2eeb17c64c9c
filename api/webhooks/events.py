"""Which entries of the ledger are events, and what is said of them: ids, digests, states and outcomes.

An event is a function of one entry, so it needs no table of its own and a repetition has the same bytes. No name and
no text of anybody's leaves with it: every key that is passed on is named here, and a model whose name may not stand in
the ledger is its digest. Who acted is not said; whoever may know asks the service.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from audits.ledger.events import Event
from audits.ledger.leaf import label, moment
from gatekeeper.core.digests import canonical
from gatekeeper.pipeline.remind import Reminder

Leaf = Mapping[str, Any]
"""A leaf as it was read."""

TEST: Final = "webhook.test"
_REMINDED: Final = ("subject", "update", "action", "given", "required", "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of event."""

    type: str
    entry: Event
    """Type of the ledger's entry."""
    about: str
    """One line, for the documentation."""
    passed_on: tuple[str, ...]
    """Keys of the entry's data that the event carries."""
    subject: str = "update"
    """What the entry's subject is."""
    where: Callable[[Leaf], bool] | None = None
    """Whether an entry of this type is this event; ``None`` where every one is."""
    state: str | Callable[[Leaf], str] | None = None
    """State of the update after it; ``None`` where the entry does not say."""


def _judged(leaf: Leaf) -> str:
    data = leaf["data"]
    if data["errored"]:
        return "ERRORED"
    return "BLOCKED" if data["outcome"] == "BLOCK" else "PENDING_APPROVAL"


def _of_action(action: str) -> Callable[[Leaf], bool]:
    return lambda leaf: leaf["data"]["action"] == action


_PLACE: Final = ("registry", "version", "alias")
_DIGESTS: Final = ("update_digest", "policy_digest", "evidence_digest")
_GLASS: Final = "break-glass"

KINDS: Final = (
    Kind(
        type="update.submitted",
        entry=Event.UPDATE_SUBMITTED,
        about="Somebody proposed a change.",
        passed_on=("update_digest", "kind", "data_digest"),
        state="SUBMITTED",
    ),
    Kind(
        type="update.judged",
        entry=Event.VERDICT_DECIDED,
        about="The policy decided: `outcome` is ADMIT, REVIEW or BLOCK.",
        passed_on=("run", "outcome", "errored", *_DIGESTS),
        state=_judged,
    ),
    Kind(
        type="update.errored",
        entry=Event.RUN_ERRORED,
        about="An evaluation ended without a verdict.",
        passed_on=("run", "policy_digest"),
        state="ERRORED",
    ),
    Kind(
        type="approval.needed",
        entry=Event.VERDICT_DECIDED,
        about="People are asked to agree to exactly these digests.",
        passed_on=("run", "outcome", *_DIGESTS),
        where=lambda leaf: _judged(leaf) == "PENDING_APPROVAL",
        state=_judged,
    ),
    Kind(
        type="approval.given",
        entry=Event.APPROVAL_GIVEN,
        about="One person agreed; whether that was enough, the service says.",
        passed_on=("run", "approval", "expires", *_DIGESTS),
    ),
    Kind(
        type="approval.refused",
        entry=Event.APPROVAL_REFUSED,
        about="One person refused.",
        passed_on=("run", "approval", *_DIGESTS),
        state="REJECTED",
    ),
    Kind(
        type="approval.changes_requested",
        entry=Event.CHANGES_REQUESTED,
        about="One person sent it back to its proposer.",
        passed_on=("run", "approval", *_DIGESTS),
        state="CHANGES_REQUESTED",
    ),
    Kind(
        type="update.answered",
        entry=Event.UPDATE_ANSWERED,
        about="Its proposer proposed another update in its place.",
        passed_on=("update_digest", "by", "by_digest"),
    ),
    Kind(
        type="waiver.given",
        entry=Event.WAIVER_GIVEN,
        about="One person accepted one finding until a date.",
        passed_on=("waiver", "run", "finding", "expires", "update_digest", "policy_digest"),
    ),
    Kind(
        type="update.withdrawn",
        entry=Event.UPDATE_WITHDRAWN,
        about="Its proposer took it back.",
        passed_on=("update_digest",),
        state="WITHDRAWN",
    ),
    Kind(
        type="update.expired",
        entry=Event.UPDATE_EXPIRED,
        about="Nobody promoted it in time.",
        passed_on=("update_digest", "state"),
    ),
    Kind(
        type="update.stale",
        entry=Event.UPDATE_STALE,
        about="Something that people agreed to changed.",
        passed_on=("update_digest", "state", "changed"),
    ),
    Kind(
        type="update.promoted",
        entry=Event.PROMOTION_OBSERVED,
        about="An alias points to its version: read back, not only set.",
        passed_on=("promotion", *_PLACE, "update_digest"),
    ),
    Kind(
        type="update.promotion_failed",
        entry=Event.PROMOTION_FAILED,
        about="An alias was to point to its version and does not.",
        passed_on=("promotion", *_PLACE, "observed"),
    ),
    Kind(
        type="update.superseded",
        entry=Event.CHAMPION_SUPERSEDED,
        about="Another version took its alias; `by` is the other update.",
        passed_on=(*_PLACE, "by"),
        state="SUPERSEDED",
    ),
    Kind(
        type="update.rolled_back",
        entry=Event.UPDATE_ROLLED_BACK,
        about="The champion went back to an earlier version; `by` is that one's update.",
        passed_on=(*_PLACE, "by"),
        state="ROLLED_BACK",
    ),
    Kind(
        type="update.revoked",
        entry=Event.UPDATE_REVOKED,
        about="Nobody may load its bytes any more.",
        passed_on=("registry", "version", "update_digest", "code", "request"),
        state="REVOKED",
    ),
    *(
        Kind(
            type=f"break_glass.{verb}",
            entry=entry,
            about=about,
            passed_on=passed_on,
            where=_of_action(_GLASS),
        )
        for verb, entry, about, passed_on in (
            (
                "asked",
                Event.REQUEST_OPENED,
                "An administrator asks to put an update live over its verdict.",
                ("request", *_PLACE, "required", "expires", "valid_until", *_DIGESTS),
            ),
            ("agreed", Event.REQUEST_APPROVED, "An administrator agreed to that.", ("request", "decision")),
            ("refused", Event.REQUEST_REFUSED, "An administrator refused it.", ("request", "decision")),
            ("closed", Event.REQUEST_CLOSED, "It was carried out, or its time ran out.", ("request", "state")),
        )
    ),
    Kind(
        type="registry.moved_behind",
        entry=Event.DRIFT_FOUND,
        about="Registry, record and files came apart behind the gate's back.",
        passed_on=("kind", "registry", "alias", "version", "observed"),
        subject="drift",
    ),
    Kind(
        type="registry.agrees_again",
        entry=Event.DRIFT_CLEARED,
        about="They agree again.",
        passed_on=("by",),
        subject="drift",
    ),
    Kind(
        type="intake.refused",
        entry=Event.INTAKE_REFUSED,
        about="A version in the registry cannot be an update as it is.",
        passed_on=("registry", "version", "code"),
        subject="intake",
    ),
    Kind(
        type="webhook.disabled",
        entry=Event.WEBHOOK_DISABLED,
        about="A webhook is not sent to for now.",
        passed_on=("why",),
        subject="webhook",
    ),
)
"""Every type of event."""

REMINDER: Final = "approval.reminder"
"""Told by no entry: that something waits for people changes nothing."""
TYPES: Final[tuple[str, ...]] = (*(kind.type for kind in KINDS), REMINDER)
_BY_TYPE: Final[Mapping[str, Kind]] = MappingProxyType({kind.type: kind for kind in KINDS})
_BY_ENTRY: Final[Mapping[str, tuple[Kind, ...]]] = MappingProxyType(
    {entry.value: tuple(kind for kind in KINDS if kind.entry is entry) for entry in {kind.entry for kind in KINDS}}
)


def types_of(entry_type: str, leaf: bytes) -> tuple[str, ...]:
    """Return the types of event that an entry is; nothing for an entry that concerns nobody outside."""
    kinds = _BY_ENTRY.get(entry_type, ())
    if not kinds:
        return ()
    read: Leaf = json.loads(leaf)
    return tuple(kind.type for kind in kinds if kind.where is None or kind.where(read))


def body_of(event: str, leaf: bytes, *, model: str | None) -> bytes:
    """Return the bytes that are sent for an event: RFC 8785 JSON.

    Args:
        event: one of :data:`TYPES`.
        leaf: of the entry that it is.
        model: name of the model that its subject belongs to, where that is known.
    """
    kind, read = _BY_TYPE[event], json.loads(leaf)
    data = {key: read["data"][key] for key in kind.passed_on}
    named = read["data"].get("model") or (None if model is None else label(model))
    data |= {"seq": read["seq"], kind.subject: read["subject"], "model": named}
    if kind.state is not None:
        data["state"] = kind.state if isinstance(kind.state, str) else kind.state(read)
    return _written(event, read["ts"], data)


def body_of_test(endpoint_id: str, at: datetime) -> bytes:
    """Return the bytes of a test: about nothing but the webhook itself."""
    return _written(TEST, moment(at.astimezone(UTC)), {"webhook": endpoint_id})


def body_of_reminder(reminder: Reminder, at: datetime) -> bytes:
    """Return the bytes that are sent for a reminder."""
    data = {name: getattr(reminder, name) for name in _REMINDED}
    times = {name: moment(getattr(reminder, name).astimezone(UTC)) for name in ("since", "expires")}
    said = {"kind": reminder.kind.value, "model": label(reminder.model), **data, **times}
    return _written(REMINDER, moment(at.astimezone(UTC)), said)


def matrix() -> str:
    """Return the events as Markdown, as they stand in ``docs/webhooks.md``."""
    lines = ["| Event | Data beside `seq` and `model` | When |", "|---|---|---|"]
    for kind in KINDS:
        keys = dict.fromkeys((kind.subject, *kind.passed_on, *(("state",) if kind.state else ())))
        lines.append(f"| `{kind.type}` | {', '.join(f'`{key}`' for key in keys)} | {kind.about} |")
    reminded = ", ".join(f"`{key}`" for key in ("kind", *_REMINDED, "since", "expires"))
    lines.append(f"| `{REMINDER}` | {reminded}; no `seq` | Something has waited for people for long. |")
    return "\n".join(lines)


def _written(event: str, at: str, data: Mapping[str, object]) -> bytes:
    return canonical({"type": event, "timestamp": at, "data": dict(data)})
