"""What it takes to issue a passport, without a database: keys, a log in memory, people and trust."""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.checkpoint import Checkpoint, checkpoint_text
from audits.ledger.events import EVENTS, Event
from audits.ledger.leaf import write_leaf
from audits.ledger.merkle import inclusion_proof, leaf_hash, root
from audits.ledger.note import COSIGNATURE, Note, cosign, format_note, sign_note, verifier_key
from audits.passport.binding import Binding, written
from audits.passport.check import Where, check_passport
from audits.passport.decision import SignedDecision, sign_decision
from audits.passport.dsse import key_id, public_text
from audits.passport.issue import GateResult, ProvenLeaf, issue_passport
from audits.passport.log_in import LogIn, sign_for_log_in, subject_of
from audits.passport.revocations import write_revocations
from audits.passport.subject import Held
from audits.passport.trust import Trust, TrustedApprover, TrustedLogIn, TrustedPolicy, TrustedSubject
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.update import Manifest, ManifestEntry

NOW = datetime(2030, 1, 2, 12, tzinfo=UTC)
ORIGIN = "gatekeeper.local/test"
ISSUER = "https://id.example"


def key(name):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def person(name):
    return "person:" + hashlib.sha256(name.encode()).hexdigest()


def subject(name):
    """Who somebody is at the provider."""
    return subject_of(hashlib.sha256(name.encode()).digest(), ISSUER, "sub", name)


def file(path, body):
    return ManifestEntry(path=path, size=len(body), sha256=sha256_bytes(body))


class World:
    """Change a part before :meth:`passport`; each method reads them as they are then."""

    def __init__(self):
        self.registry, self.version = "mlflow:one", "3"
        self.kind, self.alias, self.request = "promote", "champion", None
        self.required, self.single_person = 1, False
        self.roles = {"ana": ("approver",), "bo": ("approver",), "cy": ("admin",), "di": ("admin",)}
        self.decided = [("ana", "promote")]
        self.actors = {}
        self.logged_in = {}
        self.submitter, self.outcome = "eve", "ADMIT"
        self.valid_from, self.valid_until = NOW, None
        self.expires = NOW + timedelta(hours=1)
        self.expired = {}
        self.quorum, self.cosigned = 1, ("witness",)
        self.base = Manifest(entries=(file("config.json", b"{}"), file("model.safetensors", b"base")))
        own = (file("adapter_config.json", b"{}"), file("adapter_model.safetensors", b"weights"))
        self.own = self.on_base(own)
        self.policy_digest, self.evidence_digest = sha256_bytes(b"policy"), sha256_bytes(b"evidence")
        self.said, self.decision_says, self.logged_says, self.break_glass = {}, {}, {}, None
        self.log_key, self.passport_key = key("log"), key("passport")
        self.before = 0

    def on_base(self, own):
        stands = ManifestEntry(path="base", size=self.base.size, sha256=self.base.digest)
        return Manifest(entries=tuple(sorted((*own, stands))))

    @property
    def held(self):
        return Held(own=self.own, base=self.base)

    @property
    def where(self):
        return Where(registry=self.registry, model="helper", version=self.version, alias=self.alias)

    def trust(self, **changed):
        values = {
            "origin": ORIGIN,
            "registries": (self.registry,),
            "protected": ("champion", "anchor"),
            "log_keys": (str(verifier_key(ORIGIN, key("log"))),),
            "witnesses": (str(verifier_key("witness", key("witness"), kind=COSIGNATURE)),),
            "quorum": self.quorum,
            "passport_keys": (public_text(key("passport")),),
            "revocation_hours": 24.0,
            "policies": (
                TrustedPolicy(
                    digest=self.policy_digest,
                    required=self.required,
                    roles=("approver",),
                    single_person=self.single_person,
                ),
            ),
            "approvers": tuple(
                TrustedApprover(key=public_text(key(name)), roles=roles) for name, roles in self.roles.items()
            ),
        }
        if self.logged_in:
            values["log_ins"] = (
                TrustedLogIn(key=public_text(key("service")), issuer=ISSUER, roles=("approver",), minutes=15.0),
            )
            values["subjects"] = tuple(
                TrustedSubject(subject=subject(name), roles=roles) for name, roles in self.roles.items()
            )
        return Trust(**{**values, **changed})

    def revocations(self, *, revoked=(), current=None, issued=NOW):
        return write_revocations(
            sequence=1, issued=issued, revoked=tuple(revoked), current=current or {}, key=key("passport")
        )

    def signed(self, name, decision):
        """A decision by its person's own key; for those in ``logged_in`` by the service's, with what is changed."""
        if name not in self.logged_in:
            return key(name), sign_decision(decision, key(name))
        changed = dict(self.logged_in[name])
        signer = key(changed.pop("key", "service"))
        says = {
            "issuer": ISSUER,
            "subject": subject(name),
            "auth_time": written(NOW - timedelta(minutes=10)),
            "amr": ("pwd", "otp"),
            "acr": None,
        }
        return signer, sign_for_log_in(decision, LogIn(**{**says, **changed}), signer)

    def passport(self):
        digests = {
            "update_digest": self.own.digest,
            "policy_digest": self.policy_digest,
            "evidence_digest": self.evidence_digest,
        }
        events = [(Event.KEY_ROTATED, "service:gatekeeper", {})] * self.before
        events += [
            (Event.UPDATE_SUBMITTED, person(self.submitter), {"update_digest": self.own.digest, "model": "helper"}),
            (
                Event.VERDICT_DECIDED,
                "service:gatekeeper",
                {"run": "run-1", "outcome": self.outcome, "errored": False, **digests},
            ),
        ]
        approvals = []
        for name, action in self.decided:
            request = None if action in {"promote", "certify"} else self.request
            says = {
                "action": action,
                "decision": "approve",
                "update": "upd-1",
                "run": "run-1",
                "request": request,
                "model": "helper",
                "alias": "champion" if action == "certify" else self.alias,
                "expires": written(self.expired.get(action, self.expires)),
                **digests,
                **self.decision_says,
            }
            signer, envelope = self.signed(name, SignedDecision(**says))
            logged = {
                "key": key_id(signer.public_key().public_bytes_raw()),
                "envelope_digest": sha256_bytes(envelope.encode()),
                **self.logged_says,
            }
            if request is None:
                event, data = Event.APPROVAL_GIVEN, {"run": "run-1", "expires": written(self.expires), **digests}
            else:
                event, data = Event.REQUEST_APPROVED, {"request": request, "action": action, "decision": "approve"}
            approvals.append((envelope, len(events)))
            events.append((event, self.actors.get(name, person(name)), {**data, **logged}))
        intent = {
            "kind": self.kind,
            "nonce": "nonce-1",
            "request": self.request,
            "registry": self.registry,
            "model": "helper",
            "version": self.version,
            "alias": self.alias,
            "expected_previous": "2",
            **digests,
            **self.said,
        }
        events.append((Event.PROMOTION_INTENDED, "service:gatekeeper", intent))
        leaves = [
            write_leaf(
                seq=seq,
                ts=NOW,
                type=event,
                actor=actor,
                subject="upd-1",
                data={**dict.fromkeys(EVENTS[event]), **data},
            )
            for seq, (event, actor, data) in enumerate(events)
        ]
        hashes = [leaf_hash(leaf) for leaf in leaves]
        size = len(hashes)
        text = checkpoint_text(Checkpoint(origin=ORIGIN, size=size, root=root(hashes)))
        lines = [sign_note(text, ORIGIN, self.log_key)]
        lines += [cosign(text, name, key(name), int(NOW.timestamp())) for name in self.cosigned]
        exceptional = self.kind in {"break-glass", "review"}
        return issue_passport(
            binding=Binding(
                registry=self.registry,
                model="helper",
                version=self.version,
                alias=self.alias,
                expected_previous="2",
                nonce="nonce-1",
                kind=self.kind,
                intent=size - 1,
                break_glass=exceptional,
                valid_from=written(self.valid_from),
                valid_until=None if self.valid_until is None else written(self.valid_until),
            ),
            manifest=self.own,
            base=self.base,
            update="upd-1",
            run="run-1",
            policy_digest=self.policy_digest,
            evidence_digest=self.evidence_digest,
            gates=[
                GateResult(
                    name="weights/finite", status="measured", digest=sha256_bytes(b"r"), metrics={"share": "1.0"}
                )
            ],
            approvals=approvals,
            leaves=[
                ProvenLeaf(
                    seq=seq,
                    leaf=leaf,
                    proof=inclusion_proof(seq, size, lambda start, end: root(hashes[start:end])),
                )
                for seq, leaf in enumerate(leaves)
                if seq >= self.before
            ],
            checkpoint=format_note(Note(text=text, signatures=tuple(lines))),
            origin=ORIGIN,
            key=self.passport_key,
            now=NOW,
        )

    def check(self, text=None, **changed):
        given = {"subject": self.held, "revocations": self.revocations(), "now": NOW, "where": None}
        trust = changed.pop("trust", None) or self.trust()
        return check_passport(text or self.passport(), trust, **{**given, **changed})
