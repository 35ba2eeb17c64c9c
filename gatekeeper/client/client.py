"""Everything the service offers, as methods; signatures are made here, and keys never leave.

Whoever decides does it about something they hold in their hands: a :class:`Seen` value carries ETag and digests as
they were read, and a decision about it says exactly those, or is not made.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from api.payloads import (
    DecisionIn,
    GlassIn,
    PromotionIn,
    ProposalIn,
    ReleaseIn,
    ReviewIn,
    RowsIn,
    SeenIn,
    SignedIn,
    SignedReleaseIn,
    WaiverIn,
    WithdrawalIn,
)
from api.shapes.decisions import PromotedOut, RequestOut, RevokedOut, ToSignOut
from api.shapes.models import ModelOut
from api.shapes.quarantine import ReleasedOut, ReleasesOut, ToReleaseOut
from api.shapes.runs import RunStateOut
from api.shapes.updates import UpdateOut
from api.shapes.uploads import UploadOut, UploadRemovedOut
from api.shapes.waivers import AcceptedOut
from audits.passport.decision import SignedDecision, sign_decision
from audits.passport.release import SignedRelease, sign_release
from gatekeeper.client.reading import Reader, Seen, path_of
from gatekeeper.core.digests import sha256_bytes, sha256_file
from gatekeeper.core.errors import InputError, StateError, UsageError, VerificationError

_RELEASE: Final[TypeAdapter[SignedRelease]] = TypeAdapter(SignedRelease)
_PACKED: Final = {
    "zip": "zip",
    "tar.gz": "tar.gz",
    "tgz": "tar.gz",
    "tar": "tar",
    "jsonl": "jsonl",
    "parquet": "parquet",
}
_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at an evaluation."""
_DECISION: Final[TypeAdapter[SignedDecision]] = TypeAdapter(SignedDecision)


class Client(Reader):
    """Calls one service as one person."""

    def upload(self, file: Path, *, kind: Literal["artifact", "rows"], packed: str = "") -> UploadOut:
        """Send an archive of an adapter, or training rows; propose them as its ``reference``.

        Args:
            file: what is sent.
            kind: what it is meant as.
            packed: ``zip``, ``tar``, ``tar.gz``, ``jsonl`` or ``parquet``; by default told from the file's name.

        Raises:
            UsageError: nothing says how it is packed.
            Refused: the service does not take it.
        """
        known = packed or next((each for each in _PACKED if file.name.lower().endswith(f".{each}")), "")
        if not known:
            raise UsageError(f"{file.name} does not say how it is packed.", hint="Name it .zip, .tar.gz or .jsonl.")
        wanted = {"kind": kind, "format": _PACKED.get(known, known), "digest": sha256_file(file)}
        return self._calls.send_file("/v1/uploads", UploadOut, file, params=wanted)

    def remove_upload(self, digest: str) -> UploadRemovedOut:
        """Take one's own upload away."""
        return self._calls.post(path_of("uploads", digest, "remove"), UploadRemovedOut)

    def propose(self, proposal: ProposalIn) -> UpdateOut:
        """Propose an update; it waits to be evaluated."""
        return self._calls.post("/v1/updates", UpdateOut, proposal)

    def start(self, seen: Seen[UpdateOut]) -> RunStateOut:
        """Have an update evaluated, and do not wait."""
        return self._calls.post(
            path_of("updates", seen.value.id, "runs"), RunStateOut, etag=seen.etag, prefer="respond-async"
        )

    def run(self, seen: Seen[UpdateOut]) -> UpdateOut:
        """Evaluate an update and wait for its verdict.

        Raises:
            Refused: it cannot be evaluated now.
            StateError: the evaluation ended without a verdict.
        """
        run = self.start(seen)
        while run.state in {"QUEUED", "RUNNING"}:
            self._wait(_LOOK_EVERY)
            run = self.run_state(seen.value.id, run.id)
        if run.state != "DONE":
            why = (run.error or "somebody cancelled it").rstrip(".")
            raise StateError(f"Run {run.id} ended without a verdict: {why}.", hint="Evaluate the update again.")
        return self.update(seen.value.id).value

    def cancel(self, update_id: str, run_id: str) -> RunStateOut:
        """Ask for the end of an evaluation."""
        return self._calls.post(path_of("updates", update_id, "runs", run_id, "cancel"), RunStateOut)

    def approve(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, *, comment: str = "") -> UpdateOut:
        """Agree to exactly what was seen, signed with one's own key.

        Raises:
            VerificationError: the service asks for a signature under something else than what was seen.
            Refused: it does not take the decision.
        """
        return self._decide(seen, "approve", key, comment)

    def reject(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, *, comment: str = "") -> UpdateOut:
        """Refuse exactly what was seen.

        Raises:
            VerificationError, Refused: as :meth:`approve`.
        """
        return self._decide(seen, "reject", key, comment)

    def request_changes(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, *, comment: str) -> UpdateOut:
        """Send exactly what was seen back to its proposer.

        Raises:
            VerificationError, Refused: as :meth:`approve`.
        """
        return self._decide(seen, "request-changes", key, comment)

    def waive(
        self, seen: Seen[UpdateOut], code: str, key: Ed25519PrivateKey, *, because: str, days: float | None = None
    ) -> AcceptedOut:
        """Accept one finding of what was seen until a date; by default for as long as the policy allows.

        Raises:
            VerificationError: the service asks for a signature under something else than what was seen.
            Refused: it does not take the decision.
        """
        update, now = seen.value, seen.value.digests
        known = {each.code: each.finding for each in self.waivers(update.id).acceptable}
        wanted = {"code": code} if days is None else {"code": code, "days": days}
        (decision,) = self._to_sign(path_of("updates", update.id, "to-sign"), "waive", **wanted)
        _require((decision.update, decision.model) == (update.id, update.model), "another update")
        _require((decision.action, decision.decision) == ("waive", "approve"), "another action")
        _require(decision.request == f"{code} {known.get(code)}", "another finding")
        bound = (decision.update_digest, decision.policy_digest, decision.evidence_digest)
        _require(bound == (now.update_digest, now.policy_digest, now.evidence_digest), "other digests")
        body = WaiverIn(envelope=sign_decision(decision, key), seen=_digests(update), code=code, because=because)
        return self._calls.post(path_of("updates", update.id, "waive"), AcceptedOut, body, etag=seen.etag)

    def withdraw(self, seen: Seen[UpdateOut], *, comment: str = "") -> UpdateOut:
        """Take one's own proposal back."""
        body = WithdrawalIn(seen=_digests(seen.value), comment=comment)
        return self._calls.post(path_of("updates", seen.value.id, "withdraw"), UpdateOut, body, etag=seen.etag)

    def promote(self, seen: Seen[UpdateOut]) -> PromotedOut:
        """Put an approved update live."""
        body = PromotionIn(seen=_digests(seen.value))
        return self._calls.post(path_of("updates", seen.value.id, "promote"), PromotedOut, body, etag=seen.etag)

    def revoke(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, *, reason: str = "") -> RevokedOut:
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
        return self._calls.post(path_of("updates", seen.value.id, "revoke"), RevokedOut, body, etag=seen.etag)

    def rollback(self, seen: Seen[ModelOut], key: Ed25519PrivateKey, *, reason: str = "") -> PromotedOut:
        """Point a model's champion to the version before.

        Raises:
            VerificationError: the service asks for a signature under something else.
            Refused: it does not take the decision.
        """
        decisions = self._to_sign(path_of("models", seen.value.name, "to-sign"))
        for each in decisions:
            _require((each.model, each.action) == (seen.value.name, "rollback"), "something else than going back")
        body = SignedIn(envelopes=[sign_decision(each, key) for each in decisions], reason=reason)
        return self._calls.post(path_of("models", seen.value.name, "rollback"), PromotedOut, body, etag=seen.etag)

    def decide(self, seen: Seen[RequestOut], key: Ed25519PrivateKey, *, agree: bool, comment: str = "") -> RequestOut:
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
        return self._calls.post(path_of("requests", request.id, word), RequestOut, body, etag=seen.etag)

    def release(self, scan: str, rows: Collection[int], key: Ed25519PrivateKey, *, because: str) -> list[ReleasedOut]:
        """Release rows of a scan from every gate that flagged them.

        Raises:
            VerificationError: the service asks for a signature under another row, gate or reason.
            Refused: it does not take the release.
        """
        wanted = RowsIn(rows=sorted(rows), because=because)
        asked = self._calls.post(path_of("quarantine", scan, "to-sign"), ToReleaseOut, wanted)
        flagged = {(row.row, line.gate) for row in self.quarantined(scan) if row.row in rows for line in row.flags}
        signed = []
        for each in asked.releases:
            release = _release_of(each.document)
            _require((each.row, release.gate) in flagged, "a row or a gate that was not named")
            _require(
                release.reason_digest == sha256_bytes(bytes.fromhex(each.salt) + because.encode()), "another reason"
            )
            signed.append(SignedReleaseIn(envelope=sign_release(release, key), salt=each.salt))
        body = ReleaseIn(rows=wanted.rows, because=because, signed=signed)
        return self._calls.post(path_of("quarantine", scan, "release"), ReleasesOut, body).items

    def anchor(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, *, reason: str = "") -> RequestOut:
        """Ask to make an update the anchor.

        Raises:
            VerificationError, Refused: as :meth:`decide`.
        """
        envelopes = self._asking(seen, key, {"action": "anchor"})
        body = SignedIn(envelopes=envelopes, reason=reason)
        return self._calls.post(path_of("updates", seen.value.id, "anchor"), RequestOut, body, etag=seen.etag)

    def break_glass(
        self,
        seen: Seen[UpdateOut],
        key: Ed25519PrivateKey,
        *,
        incident: str,
        justification: str,
        hours: float = 72,
    ) -> RequestOut:
        """Ask to put a blocked update live for a limited time, and sign for the way back.

        Raises:
            VerificationError, Refused: as :meth:`decide`.
        """
        envelopes = self._asking(seen, key, {"action": "break-glass", "hours": hours})
        body = GlassIn(envelopes=envelopes, incident=incident, justification=justification, hours=hours)
        return self._calls.post(path_of("updates", seen.value.id, "break-glass"), RequestOut, body, etag=seen.etag)

    def review(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, *, justification: str) -> RequestOut:
        """Ask to keep what two administrators put live over its verdict.

        Raises:
            VerificationError, Refused: as :meth:`decide`.
        """
        envelopes = self._asking(seen, key, {"action": "review"})
        body = ReviewIn(envelopes=envelopes, justification=justification)
        return self._calls.post(path_of("updates", seen.value.id, "review"), RequestOut, body, etag=seen.etag)

    def _decide(self, seen: Seen[UpdateOut], word: str, key: Ed25519PrivateKey, comment: str) -> UpdateOut:
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
        return self._calls.post(path_of("updates", update.id, word), UpdateOut, body, etag=seen.etag)

    def _asking(self, seen: Seen[UpdateOut], key: Ed25519PrivateKey, wanted: Mapping[str, Any]) -> list[str]:
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
        asked, _answer = self._calls.get(path, ToSignOut, wanted)
        try:
            return [_DECISION.validate_json(json.dumps(each)) for each in asked.decisions]
        except ValidationError as error:
            raise InputError("What the service gives to sign is no decision.", hint="Sign nothing.") from error


def _release_of(document: Mapping[str, Any]) -> SignedRelease:
    try:
        return _RELEASE.validate_json(json.dumps(document))
    except ValidationError as error:
        raise InputError("What the service gives to sign is no release.", hint="Sign nothing.") from error


def _digests(update: UpdateOut) -> SeenIn:
    return SeenIn.model_validate(update.digests.model_dump())


def _is_way_back(decision: SignedDecision, action: str) -> bool:
    """Return whether a decision is the way back that is signed for together with breaking the glass."""
    return action == "break-glass" and decision.action == "rollback"


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise VerificationError(f"The service asks for a signature under {what}.", hint="Nothing was signed.")
