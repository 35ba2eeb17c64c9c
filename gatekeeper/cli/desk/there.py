"""A service over HTTP. Keys stay here: what is signed is signed by this process, and only what was seen."""

from itertools import islice

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.shapes.decisions import PromotedOut, RequestOut
from api.shapes.updates import UpdateOut
from gatekeeper.cli.check_there import points_of
from gatekeeper.cli.desk.choose import own_name
from gatekeeper.cli.desk.port import REQUEST, Acceptance, Overview
from gatekeeper.cli.opening import load_own_key
from gatekeeper.cli.settings import RemoteSettings
from gatekeeper.client import Client
from gatekeeper.core.states import State
from gatekeeper.pipeline.approve import Decided
from gatekeeper.pipeline.break_glass import Asked
from gatekeeper.pipeline.lineage import DriftPoint
from gatekeeper.pipeline.moves import Promoted
from gatekeeper.pipeline.revoke import Revoked
from gatekeeper.pipeline.waivers.give import Accepted
from gatekeeper.store.tables import Decision


class There:
    """Carries out what people ask for through a service, as the person its token belongs to."""

    def __init__(self, settings: RemoteSettings, client: Client) -> None:
        self._settings, self._client = settings, client

    def decide(self, about: str, decision: Decision, *, person: str | None, comment: str) -> Decided:
        """Sign a decision about exactly what the service shows now, and send it."""
        key, agree = self._key(person), decision is Decision.APPROVE
        if about.startswith(REQUEST):
            request = self._client.decide(self._client.request(about), key, agree=agree, comment=comment)
            state = self._client.update(request.update).value.state
            return Decided(state=state, given=request.given, required=request.required)
        step = self._client.approve if agree else self._client.reject
        update = step(self._client.update(about), key, comment=comment)
        count = update.approvals
        return Decided(state=update.state, given=count.given, required=count.required or count.given)

    def send_back(self, update: str, *, person: str | None, comment: str) -> Decided:
        """Send exactly what the service shows now back to its proposer."""
        told = self._client.request_changes(self._client.update(update), self._key(person), comment=comment)
        count = told.approvals
        return Decided(state=told.state, given=count.given, required=count.required or count.given)

    def accept(self, update: str, code: str, *, person: str | None, because: str, days: float | None) -> Accepted:
        """Accept one finding of what the service shows now."""
        seen = self._client.update(update)
        told = self._client.waive(seen, code, self._key(person), because=because, days=days)
        return Accepted(
            waiver=told.waiver,
            state=told.update.state,
            given=told.given,
            required=told.required,
            run=told.update.run or "",
        )

    def acceptable(self, update: str) -> tuple[Acceptance, ...]:
        """Return what of a verdict people may accept."""
        return tuple(
            Acceptance(
                code=each.code,
                text=each.text,
                finding=each.finding,
                roles=tuple(each.roles),
                required=each.required,
                days=each.days,
            )
            for each in self._client.waivers(update).acceptable
        )

    def withdraw(self, update: str, *, person: str | None) -> State:
        """Take a proposal back."""
        own_name(self._client, person)
        return self._client.withdraw(self._client.update(update)).state

    def promote(self, update: str) -> tuple[Promoted, State]:
        """Carry out what people agreed to."""
        promoted = self._client.promote(self._client.update(update))
        return _promoted(promoted), self._client.update(update).value.state

    def ask_anchor(self, update: str, *, person: str | None, reason: str) -> Asked:
        """Ask to make an update the anchor."""
        return _asked(self._client.anchor(self._client.update(update), self._key(person), reason=reason))

    def ask_glass(self, update: str, *, person: str | None, incident: str, justification: str, hours: float) -> Asked:
        """Ask to put a blocked update live for some hours."""
        return _asked(
            self._client.break_glass(
                self._client.update(update),
                self._key(person),
                incident=incident,
                justification=justification,
                hours=hours,
            )
        )

    def ask_review(self, update: str, *, person: str | None, justification: str) -> Asked:
        """Ask to keep what is live over its verdict."""
        seen = self._client.update(update)
        return _asked(self._client.review(seen, self._key(person), justification=justification))

    def rollback(self, model: str, *, person: str | None, reason: str) -> Promoted:
        """Point the champion back to the version before."""
        return _promoted(self._client.rollback(self._client.model(model), self._key(person), reason=reason))

    def revoke(self, update: str, *, person: str | None, reason: str) -> tuple[Revoked, str]:
        """Put an update's bytes on the revocation list."""
        revoked = self._client.revoke(self._client.update(update), self._key(person), reason=reason)
        told = Revoked(update=revoked.update, live=revoked.live, published=revoked.published)
        return told, f"kept by {self._settings.url}"

    def overview(self, *, model: str | None, limit: int) -> Overview:
        """Return where the newest updates stand."""
        found = list(islice(self._client.updates(model=model), limit))
        models = [self._client.model(name).value for name in sorted({each.model for each in found})]
        me = self._client.me()
        asked = [] if me.roles == ["service"] else self._client.requests()
        return Overview(
            updates=tuple(map(_line, found)),
            requests=tuple(_request(each) for each in asked if model in (None, each.model)),
            aliases={each.name: {"champion": each.champion, "anchor": each.anchor} for each in models},
            drifts=tuple(
                {"model": each.name, **behind.model_dump(mode="json")} for each in models for behind in each.behind
            ),
            rounds=None,
        )

    def drift(self, model: str) -> tuple[DriftPoint, ...]:
        """Return every champion's score against the anchor."""
        return points_of(self._client, model)

    def _key(self, person: str | None) -> Ed25519PrivateKey:
        return load_own_key(self._settings, own_name(self._client, person))


def _promoted(told: PromotedOut) -> Promoted:
    return Promoted(model=told.model, version=told.version, aliases=tuple(told.aliases), previous=told.previous)


def _asked(told: RequestOut) -> Asked:
    return Asked(
        request=told.id, given=told.given, required=told.required, expires=told.expires, valid_until=told.valid_until
    )


def _line(update: UpdateOut) -> dict[str, object]:
    until = update.unreviewed_until
    return {
        "id": update.id,
        "name": update.name,
        "model": update.model,
        "state": update.state.value,
        "outcome": update.outcome,
        "version": update.registered_version,
        "unreviewed_until": until.isoformat(timespec="minutes") if until else None,
        "proposed": update.created.isoformat(timespec="minutes"),
    }


def _request(request: RequestOut) -> dict[str, object]:
    return {
        "id": request.id,
        "action": request.action,
        "update": request.update,
        "model": request.model,
        "state": request.state,
        "given": request.given,
        "required": request.required,
        "expires": request.expires.isoformat(timespec="minutes"),
        "valid_until": request.valid_until.isoformat(timespec="minutes") if request.valid_until else None,
    }
