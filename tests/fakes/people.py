"""The people of the tests, with keys of their own."""

import dataclasses
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.passport.dsse import public_text
from gatekeeper.pipeline import approve as stage
from gatekeeper.pipeline.notary import Notary, pin
from gatekeeper.pipeline.principal import Principal


def key_of(name):
    """A key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"key of {name}".encode()).digest())


def person(name, *roles):
    return Principal(name=name, roles=roles, key=public_text(key_of(name)))


PEOPLE = {
    "zelda": person("zelda", "submitter"),
    "dana": person("dana", "approver"),
    "kim": person("kim", "approver"),
    "ola": person("ola", "auditor"),
    "ada": person("ada", "admin"),
    "abe": person("abe", "admin"),
}


def notary(root: Path, registry_id, *policies, people=PEOPLE):
    """Signs for a test's installation, and trusts these policies and people."""
    return Notary(
        trust=pin(
            None,
            log=key_of("log"),
            passport=key_of("passport"),
            registry_id=registry_id,
            policies=policies,
            principals=people,
        ),
        log=key_of("log"),
        passport=key_of("passport"),
        witnesses=(),
        passports_dir=root / "passports",
        revocations_file=root / "revocations.json",
    )


def trusting(workspace, *policies):
    """The workspace, whose verifiers trust these policies too."""
    former = workspace.notary
    trust = pin(
        former.trust,
        log=former.log,
        passport=former.passport,
        registry_id=workspace.registry.id,
        policies=policies,
        principals=workspace.principals,
    )
    return dataclasses.replace(workspace, notary=dataclasses.replace(former, trust=trust))


def approve(workspace, update_id, *, person, policy, comment="", now=None):
    """Approve with the person's own key."""
    return stage.approve(
        workspace, update_id, person=person, policy=policy, key=key_of(person), comment=comment, now=now
    )


def reject(workspace, update_id, *, person, policy, comment="", now=None):
    """Reject with the person's own key."""
    return stage.reject(
        workspace, update_id, person=person, policy=policy, key=key_of(person), comment=comment, now=now
    )
