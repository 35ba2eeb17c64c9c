"""Opens a project's workspace and policy for one command, and closes them again."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audits.ledger.keys import LOG_IN_FILE, load_key, load_keys, waiting
from audits.passport.trust import load_trust
from gatekeeper.cli.settings import Settings
from gatekeeper.core.errors import UsageError
from gatekeeper.gates.catalogue import discover
from gatekeeper.pipeline.dead_runs import end_dead_runs
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.notary import Notary
from gatekeeper.pipeline.principal import AtProvider, Principal
from gatekeeper.pipeline.rotate import FILES, finish
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.database import open_store
from policies.load import load_policy
from policies.policy import Policy

PRINCIPALS_FILE = "principals.toml"


class _LogInIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    issuer: str = Field(min_length=1, max_length=500)
    sub: str | None = Field(default=None, min_length=1, max_length=255)
    email: str | None = Field(default=None, pattern=r"^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$")


class _PersonIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    roles: tuple[str, ...]
    key: str | None = None
    log_in: _LogInIn | None = None


class _PrincipalsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: dict[str, _PersonIn] = {}


@contextmanager
def workspace(settings: Settings, *, settle: bool = True, reach: bool = True) -> Iterator[Workspace]:
    """Give the project's workspace; what a dead process left under way, or time has ended, is settled first.

    Args:
        settings: of the project.
        settle: whether to look for such promotions, which asks the registry.
        reach: whether a registry that does not answer now is an error now; later ones are, in any case.

    Raises:
        StoreError: the database is missing or of another version.
        RegistryError: the registry cannot be reached.
        UsageError: keys or principals are missing or wrong.
    """
    from gatekeeper.registry.mlflow_registry import MlflowRegistry

    home = settings.home_dir
    keys = load_keys(home / "keys")
    principals = load_principals(settings.root / PRINCIPALS_FILE)
    store = open_store(settings.resolved_database_url)
    try:
        registry = MlflowRegistry(settings.resolved_tracking_uri, artifact_root=home / "artifacts")
        if reach:
            registry.reach()
        opened = Workspace(
            store=store,
            registry=registry,
            catalogue=discover(),
            principals=principals,
            notary=open_notary(settings),
            pseudonym_key=keys.pseudonym,
            intake_dir=home / "intake",
            evidence_dir=home / "evidence",
            versions_dir=home / "versions",
            cache_dir=settings.cache_dir,
            dtype=settings.dtype,
            lock_file=home / "promotion.lock",
        )
        if settle and reach:
            recover(opened)
            end_dead_runs(opened)
            lapse(opened)
        yield opened
    finally:
        store.close()


def open_notary(settings: Settings) -> Notary:
    """Return what signs for the project.

    Raises:
        UsageError: keys or trust file are missing or wrong.
    """
    home = settings.home_dir
    finish_rotation(settings)
    keys = load_keys(home / "keys")
    log_in = home / "keys" / LOG_IN_FILE
    return Notary(
        trust=load_trust(settings.trust_file),
        log=keys.log,
        passport=keys.passport,
        witnesses=settings.witnesses,
        passports_dir=home / "passports",
        revocations_file=home / "revocations.json",
        log_in=load_key(log_in) if log_in.exists() else None,
    )


def finish_rotation(settings: Settings, *, destroy: bool = False) -> tuple[str, ...]:
    """Put every key in place whose hand-over is in the ledger already; return for which purposes one was.

    Nearly always none waits, and then nothing is opened.
    """
    keys_dir = settings.home_dir / "keys"
    if not any(waiting(keys_dir, name).exists() for name in FILES.values()):
        return ()
    store = open_store(settings.resolved_database_url)
    try:
        return finish(store, keys_dir, destroy=destroy)
    finally:
        store.close()


def open_policy(settings: Settings, override: str | None = None) -> Policy:
    """Return the policy that applies.

    Raises:
        PolicyError: it does not load.
    """
    return load_policy(settings.resolved_policy(override), discover())


class KeyPlace(Protocol):
    """Knows where people's own keys lie on this machine."""

    def key_file(self, person: str) -> Path:
        """Return where this person's own signing key lies."""
        ...


def load_own_key(settings: KeyPlace, person: str) -> Ed25519PrivateKey:
    """Return the key that this person's decisions are signed with, where it lies on this machine.

    Raises:
        UsageError: it does not, or others can read it.
    """
    file = settings.key_file(person)
    if not file.exists():
        raise UsageError(
            f"{person} has no signing key on this machine ({file}).",
            hint="They decide on the machine that has it, or create one: gatekeeper key create.",
        )
    return load_key(file)


def load_principals(path: Path) -> Mapping[str, Principal]:
    """Return the people of a principals file by name.

    Raises:
        UsageError: it is missing or wrong.
    """
    try:
        read = _PrincipalsIn.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing.", hint="gatekeeper init starts one.") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(
            f"{path} is no list of people: {first}.", hint='Write them as [people."NAME"] with roles = ["approver"].'
        ) from error
    people = {
        name: Principal(name=name, roles=person.roles, key=person.key, log_in=_at_provider(path, name, person.log_in))
        for name, person in read.people.items()
    }
    at_provider = [person.log_in for person in people.values() if person.log_in is not None]
    for twice in (each for each in at_provider if at_provider.count(each) > 1):
        raise UsageError(
            f"{path} gives one log-in ({twice.claim} {twice.value}) to two people.", hint="Give each person their own."
        )
    return people


def _at_provider(path: Path, name: str, log_in: _LogInIn | None) -> AtProvider | None:
    """Return who a person is at their provider; of e-mail addresses the spelling in small letters counts.

    Raises:
        UsageError: they are named by two claims, or by none.
    """
    if log_in is None:
        return None
    if (log_in.sub is None) == (log_in.email is None):
        raise UsageError(
            f"{path}: the log-in of {name} is named by one of sub and email.",
            hint='Write log_in = { issuer = "https://…", sub = "…" }.',
        )
    if log_in.sub is not None:
        return AtProvider(issuer=log_in.issuer, claim="sub", value=log_in.sub)
    return AtProvider(issuer=log_in.issuer, claim="email", value=str(log_in.email).lower())
