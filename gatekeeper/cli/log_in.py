"""From the settings about log-ins to what verifiers trust of them."""

from collections.abc import Mapping

from audits.ledger.keys import LOG_IN_FILE, Keys, create_key
from audits.ledger.pseudonyms import pseudonym
from audits.passport.dsse import public_text
from audits.passport.trust import TrustedLogIn, TrustedSubject
from gatekeeper.cli.settings import Settings
from gatekeeper.pipeline.log_in import subject_in
from gatekeeper.pipeline.principal import Principal
from gatekeeper.store import people
from gatekeeper.store.database import open_store


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
