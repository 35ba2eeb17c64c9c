"""Reminding people of what waits for them: once per interval and thing, whichever process finds it first.

A thing is an update that waits for a decision or for its promotion, or a request that people are asked about. It is
told when nobody moved it for a while, and when its time is nearly over. Whether it was told stands in a row of its own
and not in the ledger: nothing rests on it. The row is written before the notifier is called, so that a notifier that
fails is not called again and again; what it missed comes with the next interval.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gatekeeper.core.states import State
from gatekeeper.pipeline.standing import deadline_of, needed_for
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import approvals, reminders, requests, runs, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import ReminderKind, RequestState, UpdateRow
from policies.policy import Policy

log = logging.getLogger("gatekeeper.reminders")

EVENT: Final = "approval.reminder"
"""What the event is called outside."""
_WAITING: Final = (State.PENDING_APPROVAL, State.APPROVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One thing that waits; ids, numbers and times alone, so that it can be sent anywhere."""

    kind: ReminderKind
    subject: str
    """Id of the update or the request."""
    update: str
    model: str
    action: str
    """``decide``, ``promote``, or what the request asks for."""
    given: int
    required: int
    since: datetime
    """Since when it waits."""
    expires: datetime
    number: int
    """How often people were reminded of this, from 1."""


class Notifier(Protocol):
    """Tells somebody, somewhere."""

    def notify(self, event: str, reminder: Reminder) -> None:
        """Tell it; what is raised is written down and changes nothing else."""
        ...


class LogNotifier:
    """Writes reminders into the log."""

    def notify(self, event: str, reminder: Reminder) -> None:
        """Write one line."""
        log.warning(
            "%s: %s %s (%s of %s) until %s",
            event,
            reminder.action,
            reminder.subject,
            reminder.given,
            reminder.required,
            reminder.expires.isoformat(timespec="minutes"),
            extra={"subject": reminder.subject, "update": reminder.update, "kind": reminder.kind.value},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long things may wait before people are told, and how often."""

    waiting: timedelta = timedelta(hours=24)
    expiring: timedelta = timedelta(hours=12)
    """How long before the end of its time."""
    every: timedelta = timedelta(hours=24)


def remind(
    workspace: Workspace, policy: Policy, patience: Patience, *notifiers: Notifier, now: datetime | None = None
) -> tuple[Reminder, ...]:
    """Tell of everything that is due and return it; what another process told within the interval is left out.

    Args:
        workspace: of the installation.
        policy: the present one; it says until when updates wait.
        patience: when something is due.
        notifiers: are told, one after the other.
        now: the present moment, for tests.
    """
    moment = now or datetime.now(UTC)
    with workspace.store.reading() as session:
        due = [*_updates(session, policy, patience, moment), *_requests(session, patience, moment)]
    told = []
    for each in due:
        number = _claimed(workspace, each, patience, moment)
        if number is None:
            continue
        reminder = Reminder(
            kind=each.kind,
            subject=each.subject,
            update=each.update,
            model=each.model,
            action=each.action,
            given=each.given,
            required=each.required,
            since=each.since,
            expires=each.expires,
            number=number,
        )
        told.append(reminder)
        for notifier in notifiers:
            _tell(notifier, reminder)
    return tuple(told)


def _tell(notifier: Notifier, reminder: Reminder) -> None:
    try:
        notifier.notify(EVENT, reminder)
    except Exception:
        # One that cannot be reached keeps nobody else from being told.
        log.exception("a reminder of %s was not taken", reminder.subject)


def _claimed(workspace: Workspace, due: Reminder, patience: Patience, moment: datetime) -> int | None:
    try:
        with workspace.store.transaction() as session:
            return reminders.claim(session, due.subject, due.kind, now=moment, every=patience.every)
    except IntegrityError:
        return None  # another process wrote the first one meanwhile


def _kinds(since: datetime, expires: datetime, patience: Patience, moment: datetime) -> Iterator[ReminderKind]:
    """Yield why a thing is due; the end of its time goes before a long wait."""
    if expires <= moment:
        return
    if expires - moment <= patience.expiring:
        yield ReminderKind.EXPIRING
    elif moment - since >= patience.waiting:
        yield ReminderKind.WAITING


def _updates(session: Session, policy: Policy, patience: Patience, moment: datetime) -> Iterator[Reminder]:
    for state in _WAITING:
        for row in updates.in_state(session, state):
            yield from _update(session, row, policy, patience, moment)


def _update(
    session: Session, row: UpdateRow, policy: Policy, patience: Patience, moment: datetime
) -> Iterator[Reminder]:
    run = runs.latest(session, row.id)
    verdict = None if run is None else runs.verdict(session, run.id)
    if run is None or verdict is None or verdict.policy_digest != policy.digest:
        return  # under another policy nobody can decide about it
    binding = Binding(
        update_digest=verdict.update_digest,
        policy_digest=verdict.policy_digest,
        evidence_digest=verdict.evidence_digest,
    )
    given = len(approvals.standing(session, run.id, binding=binding, now=moment))
    expires = deadline_of(run, policy)
    for kind in _kinds(row.updated, expires, patience, moment):
        yield Reminder(
            kind=kind,
            subject=row.id,
            update=row.id,
            model=row.model,
            action="decide" if row.state is State.PENDING_APPROVAL else "promote",
            given=given,
            required=needed_for(row, policy),
            since=row.updated,
            expires=expires,
            number=0,
        )


def _requests(session: Session, patience: Patience, moment: datetime) -> Iterator[Reminder]:
    for state in (RequestState.OPEN, RequestState.APPROVED):
        for row in requests.in_state(session, state):
            expires = row.expires if state is RequestState.OPEN else row.valid_until or row.expires
            if row.return_of is not None:
                continue  # it waits for nobody: it was agreed to in advance
            for kind in _kinds(row.opened, expires, patience, moment):
                yield Reminder(
                    kind=kind,
                    subject=row.id,
                    update=row.update_id,
                    model=row.model,
                    action=row.action,
                    given=len(requests.decisions(session, row.id)),
                    required=row.required,
                    since=row.opened,
                    expires=expires,
                    number=0,
                )
