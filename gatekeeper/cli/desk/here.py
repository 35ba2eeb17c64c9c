"""The project of this folder, worked on by this process."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from gatekeeper.cli.desk.port import REQUEST, Acceptance, Overview
from gatekeeper.cli.opening import load_own_key, open_policy, workspace
from gatekeeper.cli.reconcile_report import drift_line, last_rounds
from gatekeeper.cli.settings import Settings
from gatekeeper.core.states import State
from gatekeeper.pipeline.anchor import move_anchor
from gatekeeper.pipeline.approve import Decided, approve, reject, request_changes
from gatekeeper.pipeline.break_glass import Asked, break_glass, broken_by, review
from gatekeeper.pipeline.drift import open_drifts
from gatekeeper.pipeline.granted import decide
from gatekeeper.pipeline.lineage import DriftPoint, drift_of
from gatekeeper.pipeline.moves import Promoted
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.revoke import Revoked, revoke
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.waivers.give import Accepted, acceptable, waive
from gatekeeper.pipeline.withdraw import withdraw
from gatekeeper.store import requests, runs, updates
from gatekeeper.store.tables import Decision, RequestState, UpdateRow


class Here:
    """Carries out what people ask for in the project that settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def decide(self, about: str, decision: Decision, *, person: str | None, comment: str) -> Decided:
        """Record the person's signed decision."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            if about.startswith(REQUEST):
                return decide(opened, about, decision, person=who, policy=policy, key=key, comment=comment)
            step = approve if decision is Decision.APPROVE else reject
            return step(opened, about, person=who, policy=policy, key=key, comment=comment)

    def send_back(self, update: str, *, person: str | None, comment: str) -> Decided:
        """Send an update back to its proposer."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            return request_changes(opened, update, person=who, policy=policy, key=key, comment=comment)

    def accept(self, update: str, code: str, *, person: str | None, because: str, days: float | None) -> Accepted:
        """Accept one finding until a date."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            return waive(opened, update, code, person=who, policy=policy, key=key, because=because, days=days)

    def acceptable(self, update: str) -> tuple[Acceptance, ...]:
        """Return what of a verdict people may accept."""
        policy = open_policy(self._settings)
        with workspace(self._settings, settle=False, reach=False) as opened, opened.store.reading() as session:
            row = updates.require(session, update)
            run, verdict, _binding = binding_of(session, row)
            found = acceptable(session, row, run, verdict, policy)
        return tuple(
            Acceptance(
                code=each.reason.code,
                text=each.reason.text,
                finding=each.finding,
                roles=each.rule.roles,
                required=each.rule.required,
                days=each.rule.days,
            )
            for each in found
        )

    def withdraw(self, update: str, *, person: str | None) -> State:
        """Take a proposal back."""
        with workspace(self._settings) as opened:
            withdraw(opened, update, person=self._who(person))
        return State.WITHDRAWN

    def promote(self, update: str) -> tuple[Promoted, State]:
        """Carry out what people agreed to."""
        policy = open_policy(self._settings)
        with workspace(self._settings) as opened:
            promoted = promote(opened, update, policy=policy)
            with opened.store.reading() as session:
                return promoted, updates.require(session, update).state

    def ask_anchor(self, update: str, *, person: str | None, reason: str) -> Asked:
        """Ask to make an update the anchor."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            return move_anchor(opened, update, person=who, policy=policy, key=key, reason=reason)

    def ask_glass(self, update: str, *, person: str | None, incident: str, justification: str, hours: float) -> Asked:
        """Ask to put a blocked update live for some hours."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            return break_glass(
                opened,
                update,
                person=who,
                policy=policy,
                key=key,
                incident=incident,
                justification=justification,
                hours=hours,
            )

    def ask_review(self, update: str, *, person: str | None, justification: str) -> Asked:
        """Ask to keep what is live over its verdict."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            return review(opened, update, person=who, policy=policy, key=key, justification=justification)

    def rollback(self, model: str, *, person: str | None, reason: str) -> Promoted:
        """Point the champion back to the version before."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            return rollback(opened, model, person=who, policy=policy, key=key, reason=reason)

    def revoke(self, update: str, *, person: str | None, reason: str) -> tuple[Revoked, str]:
        """Put an update's bytes on the revocation list."""
        who, policy, key = self._who(person), open_policy(self._settings), self._key(person)
        with workspace(self._settings) as opened:
            revoked = revoke(opened, update, person=who, policy=policy, key=key, reason=reason)
        return revoked, str(self._settings.home_dir / "revocations.json")

    def overview(self, *, model: str | None, limit: int) -> Overview:
        """Return where the newest updates stand."""
        with workspace(self._settings, settle=False) as opened:
            with opened.store.reading() as session:
                lines = [_update(session, row) for row in updates.latest(session, model=model, limit=limit)]
                asked = _requests(session, model)
            names = sorted({str(line["model"]) for line in lines} | ({model} if model else set()))
            aliases = {
                name: {alias: opened.registry.alias_version(name, alias) for alias in (CHAMPION, ANCHOR)}
                for name in names
            }
            drifts = [drift_line(each) for each in open_drifts(opened) if model in {None, each.drift.model}]
        return Overview(
            updates=tuple(lines),
            requests=tuple(asked),
            aliases=aliases,
            drifts=tuple(drifts),
            rounds=last_rounds(self._settings),
        )

    def drift(self, model: str) -> tuple[DriftPoint, ...]:
        """Return every champion's score against the anchor."""
        with workspace(self._settings, settle=False) as opened:
            return drift_of(opened, model)

    def _who(self, person: str | None) -> str:
        return person or self._settings.actor

    def _key(self, person: str | None) -> Ed25519PrivateKey:
        return load_own_key(self._settings, self._who(person))


def _update(session: Session, row: UpdateRow) -> dict[str, object]:
    run = runs.latest(session, row.id)
    verdict = runs.verdict(session, run.id) if run else None
    return {
        "id": row.id,
        "name": row.name,
        "model": row.model,
        "state": row.state.value,
        "outcome": verdict.outcome.name if verdict else None,
        "version": row.registered_version,
        "unreviewed_until": _unreviewed_until(session, row),
        "proposed": row.created.isoformat(timespec="minutes"),
    }


def _requests(session: Session, model: str | None) -> list[dict[str, object]]:
    waiting = [
        row for state in (RequestState.OPEN, RequestState.APPROVED) for row in requests.in_state(session, state)
    ]
    return [
        {
            "id": row.id,
            "action": row.action,
            "update": row.update_id,
            "model": row.model,
            "state": row.state.value,
            "given": len(requests.decisions(session, row.id)),
            "required": row.required,
            "expires": row.expires.isoformat(timespec="minutes"),
            "valid_until": row.valid_until.isoformat(timespec="minutes") if row.valid_until else None,
        }
        for row in waiting
        if row.return_of is None and model in (None, row.model)
    ]


def _unreviewed_until(session: Session, row: UpdateRow) -> str | None:
    """Return until when a blocked update that administrators put live may stay; ``None`` for any other."""
    broken = broken_by(session, row) if row.state is State.ACTIVE else None
    return None if broken is None or broken.valid_until is None else broken.valid_until.isoformat(timespec="minutes")
