"""Everything the service offers, as methods; signatures are made here, and keys never leave.

Whoever decides does it about something they hold in their hands: a :class:`Seen` value carries ETag and digests as
they were read, and a decision about it says exactly those, or is not made.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import quote

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, TypeAdapter, ValidationError

from api import shapes
from api.payloads import DecisionIn, PromotionIn, ProposalIn, SeenIn, SignedIn, WithdrawalIn
from audits.passport.decision import SignedDecision, sign_decision
from gatekeeper.client.calls import Calls
from gatekeeper.core.errors import InputError, VerificationError
from gatekeeper.core.states import State

_DECISION: Final[TypeAdapter[SignedDecision]] = TypeAdapter(SignedDecision)
_RUNS_TAKE: Final = httpx.Timeout(10, read=3600)

Shape_co = TypeVar("Shape_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[Shape_co]):
    """Something that was read, and the ETag it was read with."""

    value: Shape_co
    etag: str


class Client:
    """Calls one service as one person."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        http: httpx.Client | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http or httpx.Client(base_url=url, timeout=_RUNS_TAKE)
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._calls = Calls(self._http, wait=wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def me(self) -> shapes.MeOut:
        """Return who the token belongs to."""
        return self._calls.get("/v1/me", shapes.MeOut)[0]

    def updates(
        self, *, model: str | None = None, states: Sequence[State] = (), proposer: str | None = None
    ) -> Iterator[shapes.UpdateOut]:
        """Yield updates, newest first, a page at a time."""
        cursor: str | None = None
        while True:
            wanted: dict[str, Any] = {"model": model, "proposer": proposer, "cursor": cursor, "state": list(states)}
            page, _answer = self._calls.get(
                "/v1/updates", shapes.UpdatesOut, {name: value for name, value in wanted.items() if value}
            )
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def update(self, update_id: str) -> Seen[shapes.UpdateOut]:
        """Return an update as it is now."""
        return self._seen(_path("updates", update_id), shapes.UpdateOut)

    def verdict(self, update_id: str) -> shapes.VerdictOut:
        """Return what the policy decided."""
        return self._calls.get(_path("updates", update_id, "verdict"), shapes.VerdictOut)[0]

    def evidence(self, update_id: str) -> shapes.EvidenceOut:
        """Return what every gate measured."""
        return self._calls.get(_path("updates", update_id, "evidence"), shapes.EvidenceOut)[0]

    def decisions(self, update_id: str) -> list[shapes.DecisionOut]:
        """Return who decided what."""
        return self._calls.get(_path("updates", update_id, "approvals"), shapes.DecisionsOut)[0].items

    def propose(self, proposal: ProposalIn) -> shapes.UpdateOut:
        """Propose an update; it waits to be evaluated."""
        return self._calls.post("/v1/updates", shapes.UpdateOut, proposal)

    def run(self, seen: Seen[shapes.UpdateOut]) -> shapes.UpdateOut:
        """Evaluate an update and wait for its verdict."""
        return self._calls.post(_path("updates", seen.value.id, "runs"), shapes.UpdateOut, etag=seen.etag)

    def approve(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, *, comment: str = "") -> shapes.UpdateOut:
        """Agree to exactly what was seen, signed with one's own key.

        Raises:
            VerificationError: the service asks for a signature under something else than what was seen.
            Refused: it does not take the decision.
        """
        return self._decide(seen, "approve", key, comment)

    def reject(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, *, comment: str = "") -> shapes.UpdateOut:
        """Refuse exactly what was seen.

        Raises:
            VerificationError, Refused: as :meth:`approve`.
        """
        return self._decide(seen, "reject", key, comment)

    def withdraw(self, seen: Seen[shapes.UpdateOut], *, comment: str = "") -> shapes.UpdateOut:
        """Take one's own proposal back."""
        body = WithdrawalIn(seen=_digests(seen.value), comment=comment)
        return self._calls.post(_path("updates", seen.value.id, "withdraw"), shapes.UpdateOut, body, etag=seen.etag)

    def promote(self, seen: Seen[shapes.UpdateOut]) -> shapes.PromotedOut:
        """Put an approved update live."""
        body = PromotionIn(seen=_digests(seen.value))
        return self._calls.post(_path("updates", seen.value.id, "promote"), shapes.PromotedOut, body, etag=seen.etag)

    def revoke(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, *, reason: str = "") -> shapes.RevokedOut:
        """Revoke an update's bytes; the live one is rolled back first.

        Raises:
            VerificationError: the service asks for a signature under something else.
            Refused: it does not take the decision.
        """
        decisions = self._to_sign(_path("updates", seen.value.id, "to-sign"), "revoke")
        for each in decisions:
            _require(each.model == seen.value.model and each.decision == "approve", "another model")
            _require(each.action == "rollback" or each.update == seen.value.id, "another update")
            _require(each.action in {"rollback", "revoke"}, "another action")
        body = SignedIn(envelopes=[sign_decision(each, key) for each in decisions], reason=reason)
        return self._calls.post(_path("updates", seen.value.id, "revoke"), shapes.RevokedOut, body, etag=seen.etag)

    def model(self, name: str) -> Seen[shapes.ModelOut]:
        """Return what a model's aliases point to now."""
        return self._seen(_path("models", name), shapes.ModelOut)

    def lineage(self, name: str) -> shapes.LineageOut:
        """Return a model's champions so far."""
        return self._calls.get(_path("models", name, "lineage"), shapes.LineageOut)[0]

    def rollback(self, seen: Seen[shapes.ModelOut], key: Ed25519PrivateKey, *, reason: str = "") -> shapes.PromotedOut:
        """Point a model's champion to the version before.

        Raises:
            VerificationError: the service asks for a signature under something else.
            Refused: it does not take the decision.
        """
        decisions = self._to_sign(_path("models", seen.value.name, "to-sign"), None)
        for each in decisions:
            _require((each.model, each.action) == (seen.value.name, "rollback"), "something else than going back")
        body = SignedIn(envelopes=[sign_decision(each, key) for each in decisions], reason=reason)
        return self._calls.post(_path("models", seen.value.name, "rollback"), shapes.PromotedOut, body, etag=seen.etag)

    def checkpoint(self) -> shapes.CheckpointOut:
        """Return a signed checkpoint over the whole ledger."""
        return self._calls.get("/v1/ledger/checkpoint", shapes.CheckpointOut)[0]

    def proof(self, seq: int) -> shapes.ProofOut:
        """Return a proof that an entry is in the ledger."""
        return self._calls.get(f"/v1/ledger/entries/{seq}/proof", shapes.ProofOut)[0]

    def entries(self, *, first: int = 0, subject: str | None = None) -> Iterator[shapes.EntryOut]:
        """Yield entries of the ledger in order, a page at a time."""
        following: int | None = first
        while following is not None:
            wanted = {"first": following, **({"subject": subject} if subject else {})}
            page, _answer = self._calls.get("/v1/ledger/entries", shapes.EntriesOut, wanted)
            yield from page.items
            following = page.next

    def _decide(
        self, seen: Seen[shapes.UpdateOut], word: str, key: Ed25519PrivateKey, comment: str
    ) -> shapes.UpdateOut:
        update = seen.value
        (decision,) = self._to_sign(_path("updates", update.id, "to-sign"), word)
        _require(
            (decision.update, decision.model, decision.decision) == (update.id, update.model, word), "another update"
        )
        _require(decision.action in {"promote", "certify"}, "another action")
        bound = (decision.update_digest, decision.policy_digest, decision.evidence_digest)
        now = update.digests
        _require(bound == (now.update_digest, now.policy_digest, now.evidence_digest), "other digests")
        body = DecisionIn(envelope=sign_decision(decision, key), seen=_digests(update), comment=comment)
        return self._calls.post(_path("updates", update.id, word), shapes.UpdateOut, body, etag=seen.etag)

    def _to_sign(self, path: str, action: str | None) -> list[SignedDecision]:
        asked, _answer = self._calls.get(path, shapes.ToSignOut, {} if action is None else {"action": action})
        try:
            return [_DECISION.validate_json(json.dumps(each)) for each in asked.decisions]
        except ValidationError as error:
            raise InputError("What the service gives to sign is no decision.", hint="Sign nothing.") from error

    def _seen(self, path: str, shape: type[Shape_co]) -> Seen[Shape_co]:
        value, answer = self._calls.get(path, shape)
        if answer.etag is None:
            raise InputError("The service sent no ETag.", hint="Is it another version?")
        return Seen(value=value, etag=answer.etag)


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _digests(update: shapes.UpdateOut) -> SeenIn:
    return SeenIn.model_validate(update.digests.model_dump())


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise VerificationError(f"The service asks for a signature under {what}.", hint="Nothing was signed.")
