"""Writing a passport. It is pure: what is in it was decided, signed and logged before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.passport.binding import EXCEPTIONAL, KINDS, Binding, written
from audits.passport.bundle import VERSION, files_of
from audits.passport.dsse import sign
from audits.passport.statement import (
    ADMITTED,
    FAILED,
    PASSED,
    PAYLOAD_TYPE,
    SUMMARY,
    TEST_RESULT,
    Facts,
    PolicyRef,
    Resource,
    Summary,
    TestResult,
    Verifier,
    resource_uri,
    sha,
    statement_of,
)
from audits.passport.strict import encode
from gatekeeper.core.digests import Digest, canonical, sha256_bytes
from gatekeeper.core.update import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate reported, in short."""

    name: str
    status: str
    """``measured`` or why not."""
    digest: Digest
    """Of the whole report."""
    metrics: Mapping[str, str]
    """Decimal strings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenLeaf:
    """An entry of the ledger and its inclusion proof in the checkpoint's tree."""

    seq: int
    leaf: bytes
    proof: tuple[bytes, ...]


def issue_passport(
    *,
    binding: Binding,
    manifest: Manifest,
    base: Manifest | None,
    update: str,
    run: str,
    policy_digest: Digest,
    evidence_digest: Digest,
    gates: Sequence[GateResult],
    approvals: Sequence[tuple[str, int]],
    leaves: Sequence[ProvenLeaf],
    checkpoint: str,
    origin: str,
    key: Ed25519PrivateKey,
    now: datetime,
) -> str:
    """Return a passport's file.

    Args:
        binding: where it counts.
        manifest: of the update; its digest is the subject.
        base: the base's own manifest; ``None`` for full weights.
        update: id.
        run: id of the run whose verdict counts.
        policy_digest: of the policy that decided.
        evidence_digest: of what it decided from.
        gates: the reports it decided from.
        approvals: envelopes of people's decisions and the number of the leaf that names each.
        leaves: submission, verdict, decisions and intent; sorted here.
        checkpoint: signed note of the tree that holds them.
        origin: name of the log.
        key: signs the passport.
        now: when.

    Raises:
        RuntimeError: the kind is unknown, or does not fit the break-glass mark.
    """
    if binding.kind not in KINDS or binding.break_glass is not (binding.kind in EXCEPTIONAL):
        raise RuntimeError(f"a passport of the kind {binding.kind} cannot be issued so")
    subject = manifest.digest
    tests = [_test(subject, binding, gate, key) for gate in gates]
    inputs = [(gate.name, text) for gate, text in zip(gates, tests, strict=True)]
    inputs += [(f"decision/{number}", text) for number, (text, _leaf) in enumerate(approvals)]
    summary = Summary(
        verifier=Verifier(id=f"https://{origin}"),
        timeVerified=written(now),
        resourceUri=resource_uri(binding),
        policy=PolicyRef(uri=f"urn:gatekeeper:policy:{policy_digest}", digest=sha(policy_digest)),
        inputAttestations=tuple(Resource(name=name, digest=sha(sha256_bytes(text.encode()))) for name, text in inputs),
        verificationResult=FAILED if binding.break_glass else PASSED,
        verifiedLevels=() if binding.break_glass else (ADMITTED,),
        slsaVersion="1.0",
        gatekeeper=Facts(binding=binding, update=update, run=run, evidence_digest=evidence_digest),
    )
    statement = statement_of(subject, resource_uri(binding), SUMMARY, summary)
    bundle = {
        "v": VERSION,
        "envelope": json.loads(sign(canonical(statement), PAYLOAD_TYPE, key)),
        "manifests": {"own": files_of(manifest), "base": None if base is None else files_of(base)},
        "attestations": [json.loads(text) for text in tests],
        "approvals": [{"envelope": json.loads(text), "leaf": leaf} for text, leaf in approvals],
        "leaves": [
            {"seq": each.seq, "leaf": encode(each.leaf), "proof": [encode(part) for part in each.proof]}
            for each in sorted(leaves, key=lambda leaf: leaf.seq)
        ],
        "checkpoint": checkpoint,
    }
    return canonical(bundle).decode()


def _test(subject: Digest, binding: Binding, gate: GateResult, key: Ed25519PrivateKey) -> str:
    # A gate measures and holds no limit: a result that passed says that it measured, no more.
    predicate = TestResult(
        result=PASSED if gate.status == "measured" else FAILED,
        configuration=(Resource(name=gate.name, digest=sha(gate.digest)),),
        status=gate.status,
        metrics=dict(gate.metrics),
    )
    statement = statement_of(subject, resource_uri(binding), TEST_RESULT, predicate)
    return sign(canonical(statement), PAYLOAD_TYPE, key)
