"""Checking a passport, offline and fail closed.

In this order, so that the first failure names itself:

1. ``signature``: one signature, by a trusted passport key, over a file in its one spelling.
2. ``subject``: the manifests are the signed ones, and the bytes at hand are theirs.
3. ``statement``: an in-toto statement with a verification summary; test results as signed.
4. ``verifier``: the trusted log's installation, a trusted registry, a protected alias.
5. ``result``: PASSED; or FAILED and marked as break-glass, for the kinds that overrule a verdict.
6. ``policy``: one that is trusted.
7. ``approvals``: enough distinct people, by their own keys.
8. ``inclusion``: every entry is in the checkpoint's tree, and they say what the passport says.
9. ``waivers``: what people accepted was accepted and counted before the verdict.
10. ``checkpoint``: the log's signature and the witnesses'.
11. ``time``: it counts now.
12. ``revocation``: a fresh list does not name the bytes, nor a newer move of the alias.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from audits.ledger.checkpoint import Checkpoint, verified_checkpoint
from audits.passport.binding import EXCEPTIONAL, KINDS, Binding, instant
from audits.passport.bundle import Bundle, envelope_text, read_bundle
from audits.passport.dsse import open_envelope
from audits.passport.people import require_agreement
from audits.passport.record import read_entries, require_included, require_said
from audits.passport.revocations import SKEW, place, read_revocations
from audits.passport.statement import (
    ADMITTED,
    FAILED,
    PASSED,
    PAYLOAD_TYPE,
    STATEMENT,
    SUMMARY,
    TEST_RESULT,
    Resource,
    Statement,
    TestStatement,
    read_statement,
    read_test,
    resource_uri,
    sha,
)
from audits.passport.subject import Held, require_subject
from audits.passport.trust import Trust
from audits.passport.waived import require_waived
from gatekeeper.core.digests import Digest, sha256_bytes
from gatekeeper.core.errors import VerificationError

NO_LIST: Final = ""
"""What the registry's own guard passes where no revocation list was ever published."""

BREAK_GLASS_LONGEST: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What an alias points to, as whoever asks sees it."""

    registry: str
    model: str
    version: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """A passport that every check let through."""

    binding: Binding
    digest: Digest
    """Of the update's manifest."""
    update: str
    run: str
    policy_digest: Digest
    evidence_digest: Digest
    approvals: int
    """Decisions that were checked."""
    checkpoint: Checkpoint
    witnesses: int
    """Distinct witnesses that cosigned."""
    notes: tuple[str, ...]
    """What is true and no fault, for example that a newer version is live."""


def check_passport(
    text: str,
    trust: Trust,
    *,
    subject: Digest | Held | None,
    revocations: str | None,
    now: datetime,
    where: Where | None = None,
) -> Passport:
    """Return what a passport proves.

    Args:
        text: the passport's file.
        trust: pinned by whoever asks.
        subject: the bytes at hand, or their manifest's digest; ``None`` only where the registry itself asks, which
            has no bytes to hash.
        revocations: the newest list. ``None`` means that there is none, and fails. :data:`NO_LIST` passes only
            with no ``subject``.
        now: aware.
        where: what an alias points to; then the passport must be for exactly that, and for no former move.

    Raises:
        VerificationError: a check failed; the message begins with its name.
        UsageError: the trust holds a key that is none.
    """
    with _step("signature"):
        bundle = read_bundle(text)
        payload, _key = open_envelope(envelope_text(bundle.envelope), PAYLOAD_TYPE, trust.passport_keys)
        statement = read_statement(payload)
    if len(statement.subject) != 1:
        raise VerificationError("subject: The statement is not about one subject.")
    stated = statement.subject[0].digest.text()
    predicate, facts, binding = (
        statement.predicate,
        statement.predicate.gatekeeper,
        statement.predicate.gatekeeper.binding,
    )
    with _step("subject"):
        require_subject(bundle, stated, subject)
    with _step("statement"):
        _require_statement(bundle, statement, trust)
    with _step("verifier"):
        _require_place(statement, trust, where)
    with _step("result"):
        _require_result(statement)
    with _step("policy"):
        policy = trust.policy(predicate.policy.digest.text())
        if policy is None:
            raise VerificationError("The policy that decided is not trusted here.", hint="Compare the trust file.")
    with _step("approvals"):
        entries = read_entries(bundle.leaves)
        given = require_agreement(
            bundle.approvals, entries, facts=facts, update_digest=stated, trust=trust, policy=policy
        )
    with _step("inclusion"):
        tree = require_included(bundle.leaves, bundle.checkpoint)
        require_said(entries, facts, update_digest=stated, policy_digest=policy.digest)
    with _step("waivers"):
        results = _results(bundle, statement, trust)
        waived = require_waived(results, entries, facts, update_digest=stated, policy_digest=policy.digest)
    with _step("checkpoint"):
        verified, witnesses = verified_checkpoint(
            bundle.checkpoint,
            origin=trust.origin,
            log_keys=trust.log_keys,
            witnesses=trust.witnesses,
            quorum=trust.quorum,
        )
        if verified != tree:
            raise VerificationError("The checkpoint that was signed is not the tree's.")
    with _step("time"):
        _require_time(binding, now)
    with _step("revocation"):
        notes = _require_not_revoked(stated, binding, trust, revocations, subject, now=now, strict=where is not None)
    return Passport(
        binding=binding,
        digest=Digest(stated),
        update=facts.update,
        run=facts.run,
        policy_digest=policy.digest,
        evidence_digest=Digest(facts.evidence_digest),
        approvals=given,
        checkpoint=verified,
        witnesses=witnesses,
        notes=(*waived, *notes),
    )


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except VerificationError as error:
        raise VerificationError(f"{name}: {error.message}", hint=error.hint) from error


def _require_statement(bundle: Bundle, statement: Statement, trust: Trust) -> None:
    binding = statement.predicate.gatekeeper.binding
    if (statement.type_, statement.predicateType) != (STATEMENT, SUMMARY):
        raise VerificationError("The signed statement is no verification summary.")
    uri = resource_uri(binding)
    if statement.predicate.resourceUri != uri or statement.subject[0].name != uri:
        raise VerificationError("The summary is about something else than its binding.")
    uri_of_policy = f"urn:gatekeeper:policy:{statement.predicate.policy.digest.text()}"
    if statement.predicate.policy.uri != uri_of_policy or statement.predicate.slsaVersion != "1.0":
        raise VerificationError("The summary names its policy or version in another way.")
    texts = [envelope_text(each) for each in bundle.attestations]
    names = [each.name for each in _results(bundle, statement, trust)]
    names += [f"decision/{number}" for number in range(len(bundle.approvals))]
    texts += [envelope_text(approval.envelope) for approval in bundle.approvals]
    shown = tuple(
        Resource(name=name, digest=sha(sha256_bytes(text.encode()))) for name, text in zip(names, texts, strict=True)
    )
    if shown != statement.predicate.inputAttestations:
        raise VerificationError("The test results and decisions are not the ones that were signed for.")


def _results(bundle: Bundle, statement: Statement, trust: Trust) -> list[Resource]:
    """Return what each signed result is about: its name, and the digest of what was reported."""
    texts = [envelope_text(each) for each in bundle.attestations]
    return [_read_test(text, statement, trust).predicate.configuration[0] for text in texts]


def _read_test(text: str, statement: Statement, trust: Trust) -> TestStatement:
    test = read_test(open_envelope(text, PAYLOAD_TYPE, trust.passport_keys)[0])
    same = (test.type_, test.predicateType, test.subject) == (STATEMENT, TEST_RESULT, statement.subject)
    if not same or len(test.predicate.configuration) != 1:
        raise VerificationError("A test result is about something else.")
    return test


def _require_place(statement: Statement, trust: Trust, where: Where | None) -> None:
    binding = statement.predicate.gatekeeper.binding
    if statement.predicate.verifier.id != f"https://{trust.origin}":
        raise VerificationError("Another installation than the trusted one issued it.")
    if binding.registry not in trust.registries:
        raise VerificationError("It is for a registry that is not trusted here.")
    if binding.alias not in trust.protected:
        raise VerificationError("It is for an alias that needs no passport.")
    if where is not None:
        for name in ("registry", "model", "version", "alias"):
            if getattr(where, name) != getattr(binding, name):
                raise VerificationError(f"It is for another {name}: {getattr(binding, name)[:80]!r}.")


def _require_result(statement: Statement) -> None:
    predicate, binding = statement.predicate, statement.predicate.gatekeeper.binding
    if binding.kind not in KINDS or binding.break_glass is not (binding.kind in EXCEPTIONAL):
        raise VerificationError("Its kind and its break-glass mark do not fit each other.")
    expected = (FAILED, ()) if binding.break_glass else (PASSED, (ADMITTED,))
    if (predicate.verificationResult, predicate.verifiedLevels) != expected:
        raise VerificationError("The verification did not pass.")


def _require_time(binding: Binding, now: datetime) -> None:
    begins = instant(binding.valid_from)
    ends = None if binding.valid_until is None else instant(binding.valid_until)
    if now + SKEW < begins:
        raise VerificationError("It does not count yet.", hint="Set this machine's clock.")
    if ends is not None and now >= ends:
        raise VerificationError(f"It counted until {binding.valid_until}.", hint="Ask for a review or a rollback.")
    if binding.kind == "break-glass" and (ends is None or ends - begins > BREAK_GLASS_LONGEST):
        raise VerificationError("It overrules a verdict for longer than 72 hours.")


def _require_not_revoked(
    stated: str,
    binding: Binding,
    trust: Trust,
    text: str | None,
    subject: Digest | Held | None,
    *,
    now: datetime,
    strict: bool,
) -> tuple[str, ...]:
    if text == NO_LIST and subject is None:
        return ("No revocation list was published yet.",)
    if not text:
        raise VerificationError("There is no revocation list.", hint="Name one with --revocations.")
    listed = read_revocations(text, trust, now=now)
    for revoked in listed.revoked:
        if revoked.digest == stated:
            raise VerificationError(f"These bytes were revoked on {revoked.at} ({revoked.code}).")
    newest = listed.current.get(place(binding.registry, binding.model, binding.alias))
    if newest is None or newest[1] <= binding.intent:
        return ()
    said = f"{binding.model}@{binding.alias} was moved on to version {newest[0]}"
    if strict:
        raise VerificationError(f"{said}: this passport is of a former move.")
    return (f"{said} since.",)
