"""Everything the service offers, as methods; signatures are made here, and keys never leave.

Whoever decides does it about something they hold in their hands: a :class:`Seen` value carries ETag and digests as
they were read, and a decision about it says exactly those, or is not made.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from api import shapes
from api.payloads import DecisionIn, GlassIn, PromotionIn, ProposalIn, ReviewIn, SeenIn, SignedIn, WithdrawalIn
from audits.passport.decision import SignedDecision, sign_decision
from gatekeeper.client.reading import Reader, Seen, path_of
from gatekeeper.core.errors import InputError, VerificationError

_DECISION: Final[TypeAdapter[SignedDecision]] = TypeAdapter(SignedDecision)


class Client(Reader):
    """Calls one service as one person."""

    def propose(self, proposal: ProposalIn) -> shapes.UpdateOut:
        """Propose an update; it waits to be evaluated."""
        return self._calls.post("/v1/updates", shapes.UpdateOut, proposal)

    def run(self, seen: Seen[shapes.UpdateOut]) -> shapes.UpdateOut:
        """Evaluate an update and wait for its verdict."""
        return self._calls.post(path_of("updates", seen.value.id, "runs"), shapes.UpdateOut, etag=seen.etag)

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
        return self._calls.post(path_of("updates", seen.value.id, "withdraw"), shapes.UpdateOut, body, etag=seen.etag)

    def promote(self, seen: Seen[shapes.UpdateOut]) -> shapes.PromotedOut:
        """Put an approved update live."""
        body = PromotionIn(seen=_digests(seen.value))
        return self._calls.post(path_of("updates", seen.value.id, "promote"), shapes.PromotedOut, body, etag=seen.etag)

    def revoke(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, *, reason: str = "") -> shapes.RevokedOut:
        """Revoke an update's bytes; the live one is rolled back first.

        Raises:
            VerificationError: the service asks for a signature under something else.
            Refused: it does not take the decision.
        """
        decisions = self._to_sign(path_of("updates", seen.value.id, "to-sign"), "revoke")
        for each in decisions:
            _require(each.model == seen.value.model and each.decision == "approve", "another model")
            _require(each.action == "rollback" or each.update == seen.value.id, "another update")
            _require(each.action in {"rollback", "revoke"}, "another action")
        body = SignedIn(envelopes=[sign_decision(each, key) for each in decisions], reason=reason)
        return self._calls.post(path_of("updates", seen.value.id, "revoke"), shapes.RevokedOut, body, etag=seen.etag)

    def rollback(self, seen: Seen[shapes.ModelOut], key: Ed25519PrivateKey, *, reason: str = "") -> shapes.PromotedOut:
        """Point a model's champion to the version before.

        Raises:
            VerificationError: the service asks for a signature under something else.
            Refused: it does not take the decision.
        """
        decisions = self._to_sign(path_of("models", seen.value.name, "to-sign"))
        for each in decisions:
            _require((each.model, each.action) == (seen.value.name, "rollback"), "something else than going back")
        body = SignedIn(envelopes=[sign_decision(each, key) for each in decisions], reason=reason)
        return self._calls.post(
            path_of("models", seen.value.name, "rollback"), shapes.PromotedOut, body, etag=seen.etag
        )

    def decide(
        self, seen: Seen[shapes.RequestOut], key: Ed25519PrivateKey, *, agree: bool, comment: str = ""
    ) -> shapes.RequestOut:
        """Agree to a request, or refuse it; agreeing to break the glass also signs for the way back.

        Raises:
            VerificationError: the service asks for a signature under something else.
            Refused: it does not take the decision.
        """
        request, word = seen.value, "approve" if agree else "reject"
        decisions = self._to_sign(path_of("requests", request.id, "to-sign"), word)
        for each in decisions:
            own = (each.request, each.action, each.update) == (request.id, request.action, request.update)
            _require(each.model == request.model and (own or _is_way_back(each, request.action)), "another request")
            _require(each.decision == word, "another decision")
        body = SignedIn(envelopes=[sign_decision(each, key) for each in decisions], reason=comment)
        return self._calls.post(path_of("requests", request.id, word), shapes.RequestOut, body, etag=seen.etag)

    def anchor(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, *, reason: str = "") -> shapes.RequestOut:
        """Ask to make an update the anchor.

        Raises:
            VerificationError, Refused: as :meth:`decide`.
        """
        envelopes = self._asking(seen, key, {"action": "anchor"})
        body = SignedIn(envelopes=envelopes, reason=reason)
        return self._calls.post(path_of("updates", seen.value.id, "anchor"), shapes.RequestOut, body, etag=seen.etag)

    def break_glass(
        self,
        seen: Seen[shapes.UpdateOut],
        key: Ed25519PrivateKey,
        *,
        incident: str,
        justification: str,
        hours: float = 72,
    ) -> shapes.RequestOut:
        """Ask to put a blocked update live for a limited time, and sign for the way back.

        Raises:
            VerificationError, Refused: as :meth:`decide`.
        """
        envelopes = self._asking(seen, key, {"action": "break-glass", "hours": hours})
        body = GlassIn(envelopes=envelopes, incident=incident, justification=justification, hours=hours)
        return self._calls.post(
            path_of("updates", seen.value.id, "break-glass"), shapes.RequestOut, body, etag=seen.etag
        )

    def review(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, *, justification: str) -> shapes.RequestOut:
        """Ask to keep what two administrators put live over its verdict.

        Raises:
            VerificationError, Refused: as :meth:`decide`.
        """
        envelopes = self._asking(seen, key, {"action": "review"})
        body = ReviewIn(envelopes=envelopes, justification=justification)
        return self._calls.post(path_of("updates", seen.value.id, "review"), shapes.RequestOut, body, etag=seen.etag)

    def _decide(
        self, seen: Seen[shapes.UpdateOut], word: str, key: Ed25519PrivateKey, comment: str
    ) -> shapes.UpdateOut:
        update = seen.value
        (decision,) = self._to_sign(path_of("updates", update.id, "to-sign"), word)
        _require(
            (decision.update, decision.model, decision.decision) == (update.id, update.model, word), "another update"
        )
        _require(decision.action in {"promote", "certify"}, "another action")
        bound = (decision.update_digest, decision.policy_digest, decision.evidence_digest)
        now = update.digests
        _require(bound == (now.update_digest, now.policy_digest, now.evidence_digest), "other digests")
        body = DecisionIn(envelope=sign_decision(decision, key), seen=_digests(update), comment=comment)
        return self._calls.post(path_of("updates", update.id, word), shapes.UpdateOut, body, etag=seen.etag)

    def _asking(self, seen: Seen[shapes.UpdateOut], key: Ed25519PrivateKey, wanted: Mapping[str, Any]) -> list[str]:
        """Return what asking for something takes, signed."""
        update, action = seen.value, str(wanted["action"])
        decisions = self._to_sign(path_of("updates", update.id, "to-sign"), **wanted)
        for each in decisions:
            own = (each.action, each.update, each.update_digest) == (action, update.id, update.digests.update_digest)
            _require(each.model == update.model and (own or _is_way_back(each, action)), "something else")
            _require(each.decision == "approve", "another decision")
        return [sign_decision(each, key) for each in decisions]

    def _to_sign(self, path: str, action: str | None = None, **more: Any) -> list[SignedDecision]:
        wanted = more if action is None else {"action": action, **more}
        asked, _answer = self._calls.get(path, shapes.ToSignOut, wanted)
        try:
            return [_DECISION.validate_json(json.dumps(each)) for each in asked.decisions]
        except ValidationError as error:
            raise InputError("What the service gives to sign is no decision.", hint="Sign nothing.") from error


def _digests(update: shapes.UpdateOut) -> SeenIn:
    return SeenIn.model_validate(update.digests.model_dump())


def _is_way_back(decision: SignedDecision, action: str) -> bool:
    """Return whether a decision is the way back that is signed for together with breaking the glass."""
    return action == "break-glass" and decision.action == "rollback"


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise VerificationError(f"The service asks for a signature under {what}.", hint="Nothing was signed.")
