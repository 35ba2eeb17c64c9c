"""The trust file: everything that whoever verifies has to know beforehand, and nothing secret.

It is pinned where passports are verified: a server, a build, a laptop. What it says is never taken from the passport,
the export or the registry that is being verified.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audits.ledger.note import parse_vkey
from audits.passport.dsse import parse_public
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import UsageError

REVOCATION_HOURS: Final = 720
"""How old a revocation list may be, unless said otherwise."""

_HEADER: Final = """\
# What verifiers of this installation trust. Public: pin a copy wherever passports are verified.
# Written by `gatekeeper trust pin`.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedPolicy:
    """A policy whose verdicts count, and how many people have to agree under it."""

    digest: Digest
    required: int
    """Distinct people."""
    roles: tuple[str, ...]
    """An approver holds one of these."""
    single_person: bool = False
    """Whether one signature may stand where two are asked for."""

    def needed(self, *, two_person: bool) -> int:
        """Return how many distinct people have to agree."""
        return self.required if self.single_person or not two_person else max(2, self.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedApprover:
    """A person's public key and what they may decide about; their name stays out."""

    key: str
    """``ed25519:`` and base64."""
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedLogIn:
    """A service's key that signs people's decisions over their log-ins, and how far it counts."""

    key: str
    """``ed25519:`` and base64; it signs nothing else."""
    issuer: str
    """The provider whose log-ins it may rest on."""
    roles: tuple[str, ...]
    """Roles whose decisions it may sign; every other role takes the person's own key."""
    minutes: float
    """Longest time from log-in to decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedSubject:
    """Somebody who decides by logging in, and what they may decide about; their name stays out."""

    subject: str
    """``subject:`` and an HMAC of who they are at the provider."""
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What verifiers know beforehand."""

    origin: str
    """Name of the log."""
    registries: tuple[str, ...]
    """Ids of the registries whose aliases passports may cover."""
    protected: tuple[str, ...]
    """Aliases that only a passport moves."""
    log_keys: tuple[str, ...]
    """Verifier keys of the log, newest last: ``name+id+base64``."""
    witnesses: tuple[str, ...]
    """Verifier keys of the witnesses."""
    quorum: int
    """How many of the witnesses must have cosigned."""
    passport_keys: tuple[str, ...]
    """Public keys that sign passports and revocation lists."""
    revocation_hours: float
    """How old the revocation list may be."""
    policies: tuple[TrustedPolicy, ...]
    approvers: tuple[TrustedApprover, ...]
    log_ins: tuple[TrustedLogIn, ...] = ()
    """Empty where every decision takes its person's own key."""
    subjects: tuple[TrustedSubject, ...] = ()

    def policy(self, digest: str) -> TrustedPolicy | None:
        """Return the policy of that digest, or ``None``."""
        return next((policy for policy in self.policies if policy.digest == digest), None)

    def approver(self, key: str) -> TrustedApprover | None:
        """Return whose key it is, or ``None``."""
        return next((approver for approver in self.approvers if approver.key == key), None)

    def log_in(self, key: str, issuer: str) -> TrustedLogIn | None:
        """Return how far a service's key counts for a provider's log-ins, or ``None``."""
        return next((each for each in self.log_ins if (each.key, each.issuer) == (key, issuer)), None)

    def subject(self, subject: str) -> TrustedSubject | None:
        """Return who decides by logging in, or ``None``."""
        return next((each for each in self.subjects if each.subject == subject), None)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _PolicyIn(_In):
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    required: int = Field(ge=1)
    roles: list[str] = Field(min_length=1)
    single_person: bool = False


class _ApproverIn(_In):
    key: str
    roles: list[str]


class _LogInIn(_In):
    key: str
    issuer: str = Field(min_length=1)
    roles: list[str] = Field(min_length=1)
    minutes: float = Field(gt=0, le=24 * 60)


class _SubjectIn(_In):
    subject: Annotated[str, Field(pattern=r"^subject:[0-9a-f]{64}$")]
    roles: list[str]


class _TrustIn(_In):
    origin: str = Field(min_length=1)
    registries: list[str] = []
    protected: list[str] = Field(min_length=1)
    log_keys: list[str] = Field(min_length=1)
    witnesses: list[str] = []
    quorum: int = Field(default=0, ge=0)
    passport_keys: list[str] = Field(min_length=1)
    revocation_hours: float = Field(default=REVOCATION_HOURS, gt=0)
    policies: list[_PolicyIn] = []
    approvers: list[_ApproverIn] = []
    log_ins: list[_LogInIn] = []
    subjects: list[_SubjectIn] = []


def load_trust(path: Path) -> Trust:
    """Return the trust of a file.

    Raises:
        UsageError: it is missing or wrong.
    """
    try:
        read = _TrustIn.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is missing.", hint="gatekeeper trust pin writes it; or name one with --trust."
        ) from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a trust file: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is no trust file: {where}: {first['msg']}.") from error
    if read.quorum > len(read.witnesses):
        raise UsageError(f"{path} asks for {read.quorum} witnesses and names {len(read.witnesses)}.")
    for key in (*read.passport_keys, *(each.key for each in read.approvers), *(each.key for each in read.log_ins)):
        parse_public(key)
    _require_keys_apart(read, path)
    return Trust(
        origin=read.origin,
        registries=tuple(read.registries),
        protected=tuple(read.protected),
        log_keys=tuple(read.log_keys),
        witnesses=tuple(read.witnesses),
        quorum=read.quorum,
        passport_keys=tuple(read.passport_keys),
        revocation_hours=read.revocation_hours,
        policies=tuple(
            TrustedPolicy(
                digest=Digest(policy.digest),
                required=policy.required,
                roles=tuple(policy.roles),
                single_person=policy.single_person,
            )
            for policy in read.policies
        ),
        approvers=tuple(TrustedApprover(key=each.key, roles=tuple(each.roles)) for each in read.approvers),
        log_ins=tuple(
            TrustedLogIn(key=each.key, issuer=each.issuer, roles=tuple(each.roles), minutes=each.minutes)
            for each in read.log_ins
        ),
        subjects=tuple(TrustedSubject(subject=each.subject, roles=tuple(each.roles)) for each in read.subjects),
    )


def _require_keys_apart(read: _TrustIn, path: Path) -> None:
    """Return when no key that signs over log-ins is trusted for anything else, and nothing stands there twice.

    Raises:
        UsageError: one is.
    """
    others = {parse_public(key) for key in (*read.passport_keys, *(each.key for each in read.approvers))}
    others |= {parse_vkey(key).public for key in (*read.log_keys, *read.witnesses) if read.log_ins}
    if any(parse_public(each.key) in others for each in read.log_ins):
        raise UsageError(f"{path} trusts one key both to sign over log-ins and for something else.")
    for what, found in (
        ("log-in", [(each.key, each.issuer) for each in read.log_ins]),
        ("subject", [each.subject for each in read.subjects]),
    ):
        if len(set(found)) < len(found):
            raise UsageError(f"{path} names one {what} twice.")


def trust_text(trust: Trust) -> str:
    """Return the trust as its file; the same trust gives the same text."""
    lines = [
        f"origin = {_toml(trust.origin)}",
        f"registries = {_toml(trust.registries)}",
        f"protected = {_toml(trust.protected)}",
        f"log_keys = {_toml(trust.log_keys)}",
        f"witnesses = {_toml(trust.witnesses)}",
        f"quorum = {trust.quorum}",
        f"passport_keys = {_toml(trust.passport_keys)}",
        f"revocation_hours = {float(trust.revocation_hours)}",
    ]
    for policy in trust.policies:
        lines += [
            "",
            "[[policies]]",
            f"digest = {_toml(policy.digest)}",
            f"required = {policy.required}",
            f"roles = {_toml(policy.roles)}",
            f"single_person = {_toml(policy.single_person)}",
        ]
    for approver in trust.approvers:
        lines += ["", "[[approvers]]", f"key = {_toml(approver.key)}", f"roles = {_toml(approver.roles)}"]
    for each in trust.log_ins:
        lines += [
            "",
            "[[log_ins]]",
            f"key = {_toml(each.key)}",
            f"issuer = {_toml(each.issuer)}",
            f"roles = {_toml(each.roles)}",
            f"minutes = {float(each.minutes)}",
        ]
    for person in trust.subjects:
        lines += ["", "[[subjects]]", f"subject = {_toml(person.subject)}", f"roles = {_toml(person.roles)}"]
    return _HEADER + "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a string, a boolean or a list of strings as TOML, which spells these as JSON does."""
    return json.dumps(value, ensure_ascii=False)
