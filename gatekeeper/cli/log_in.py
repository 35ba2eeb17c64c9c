"""From the settings about log-ins and workloads to what verifiers trust of them, and to what the service is told.

Whatever is wrong with them is said when the service starts, in one sentence.
"""

import os
import stat
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from audits.ledger.keys import LOG_IN_FILE, Keys, create_key
from audits.ledger.pseudonyms import pseudonym
from audits.passport.dsse import public_text
from audits.passport.trust import TrustedLogIn, TrustedSubject
from gatekeeper.cli.settings import Settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.log_in import subject_in
from gatekeeper.pipeline.principal import Principal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import people
from gatekeeper.store.database import open_store

if TYPE_CHECKING:
    from api.federation.provider import Provider

_LONGEST_SECRET = 4096


def trusted_log_ins(
    settings: Settings, principals: Mapping[str, Principal], keys: Keys
) -> tuple[tuple[TrustedLogIn, ...], tuple[TrustedSubject, ...]]:
    """Return the key that signs over log-ins, made where there is none yet, and whoever decides that way.

    Nothing where the settings let no role decide by logging in: then every decision takes its person's own key.
    """
    log_in = settings.log_in
    if log_in is None or not log_in.approves:
        return (), ()
    key = create_key(settings.home_dir / "keys" / LOG_IN_FILE)
    service = TrustedLogIn(
        key=public_text(key), issuer=log_in.issuer, roles=tuple(sorted(set(log_in.approves))), minutes=log_in.minutes
    )
    found = []
    store = open_store(settings.resolved_database_url)
    try:
        with store.transaction() as session:
            for person in principals.values():
                named = person.log_in
                if named is None or (named.issuer, named.claim) != (log_in.issuer, log_in.claim):
                    continue
                people.remember(
                    session,
                    lookup=pseudonym(keys.pseudonym, person.name),
                    display_name=person.name,
                    pseudonym_of=lambda own, name=person.name: pseudonym(own, name),  # type: ignore[misc]  # bound per person
                )
                subject = subject_in(session, keys.pseudonym, person)
                if subject is not None:
                    found.append(TrustedSubject(subject=subject, roles=person.roles))
    finally:
        store.close()
    return (service,), tuple(found)


def federation_of(settings: Settings, opened: Workspace) -> dict[str, Any]:
    """Return what the service is told of log-ins and workloads: the parts of its settings that are about them.

    Raises:
        UsageError: something about them is wrong.
    """
    from api.federation.workloads import Rule, Workloads, require_rule
    from api.settings import LogInPolicy

    rules = [
        require_rule(
            Rule(
                issuer=each.issuer,
                audience=each.audience,
                person=each.person,
                claims={name: (value,) if isinstance(value, str) else value for name, value in each.claims.items()},
                longest=timedelta(minutes=each.minutes),
            ),
            opened.principals,
        )
        for each in settings.workloads
    ]
    found: dict[str, Any] = {"workloads": Workloads(rules) if rules else None}
    log_in = settings.log_in
    if log_in is None:
        return found
    provider = _provider(settings)
    _require_people(settings, opened)
    _require_trusted(settings, opened)
    _look(provider)
    return {
        **found,
        "provider": provider,
        "log_in": LogInPolicy(approves=frozenset(log_in.approves), minutes=log_in.minutes, always=log_in.always),
        "session_lasts": timedelta(hours=log_in.session_hours),
        "session_idle": timedelta(minutes=log_in.idle_minutes),
    }


def _provider(settings: Settings) -> "Provider":
    from api.federation.fetching import require_address
    from api.federation.provider import Provider, ProviderSettings

    log_in = settings.log_in
    if log_in is None:
        raise RuntimeError("there are no settings about log-ins")
    address = require_address(log_in.address, "[log_in] address").rstrip("/")
    if urlsplit(address).path:
        raise UsageError(
            f"[log_in] address {address} has a path: the pages are at the root of their host.",
            hint='Write address = "https://gate.example".',
        )
    return Provider(
        ProviderSettings(
            issuer=require_address(log_in.issuer, "[log_in] issuer"),
            client_id=log_in.client_id,
            secret=_secret(settings, log_in.client_secret_file),
            redirect_uri=f"{address}/sign-in/return",
            leave_uri=f"{address}/sign-in",
            name=log_in.name or (urlsplit(log_in.issuer).hostname or "the provider"),
            claim=log_in.claim,
            scopes=log_in.scopes,
        )
    )


def _secret(settings: Settings, name: str) -> str:
    """Return the client's secret: from its file, or else from the environment; empty without one.

    Raises:
        UsageError: the file cannot be read, others can read it, or both are there.
    """
    given = settings.log_in_secret.get_secret_value()
    if not name:
        return given
    if given:
        raise UsageError("[log_in] has two secrets.", hint="Unset GATEKEEPER_LOG_IN_SECRET, or client_secret_file.")
    file = settings.root / name
    try:
        with file.open(encoding="utf-8") as stream:
            others = stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
            secret = stream.read(_LONGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"[log_in] client_secret_file {file} cannot be read: {error}.", hint="Write the secret into it."
        ) from error
    if others:
        raise UsageError(f"{file} can be read or written by others.", hint=f"Run `chmod 600 {file}`.")
    if not secret:
        raise UsageError(f"{file} is empty.", hint="Write the client's secret into it.")
    return secret


def _require_people(settings: Settings, opened: Workspace) -> None:
    """Return when whoever logs in at this provider is named by the claim that the settings go by.

    Raises:
        UsageError: somebody is not.
    """
    log_in = settings.log_in
    for person in opened.principals.values():
        named = person.log_in
        if log_in is not None and named is not None and (named.issuer, named.claim) != (log_in.issuer, log_in.claim):
            raise UsageError(
                f"{person.name} logs in at {named.issuer} by {named.claim}; [log_in] says {log_in.issuer} by "
                f"{log_in.claim}.",
                hint="Correct principals.toml or gatekeeper.toml.",
            )


def _require_trusted(settings: Settings, opened: Workspace) -> None:
    """Return when verifiers would accept what the service is to sign over log-ins.

    Raises:
        UsageError: they would not.
    """
    log_in, key = settings.log_in, opened.notary.log_in
    if log_in is None or not log_in.approves:
        return
    trusted = None if key is None else opened.notary.trust.log_in(public_text(key), log_in.issuer)
    if trusted is None or trusted.minutes != log_in.minutes or set(trusted.roles) != set(log_in.approves):
        raise UsageError(
            "No verifier trusts decisions by log-in as [log_in] has them: the trust file says something else.",
            hint="Write it down: gatekeeper trust pin.",
        )


def _look(provider: "Provider") -> None:
    """Ask the provider once; one that does not answer now keeps nobody with a token out."""
    from api.problems import Problem

    try:
        provider.metadata()
    except Problem:
        sys.stderr.write(
            f"{provider.settings.issuer} does not answer as a provider of log-ins does; nobody can log in until it "
            "does. Compare [log_in] issuer with what its metadata says.\n"
        )
