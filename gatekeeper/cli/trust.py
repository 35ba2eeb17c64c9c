"""``gatekeeper trust``: write down, for verifiers, which policies, people and keys count."""

from typing import Annotated

import typer

from audits.ledger.events import Event
from audits.ledger.keys import Keys, load_keys
from audits.ledger.log import append
from audits.passport.trust import Trust, TrustedLogIn, load_trust, trust_text
from gatekeeper.cli.log_in import trusted_log_ins
from gatekeeper.cli.opening import PRINCIPALS_FILE, load_principals, open_policy
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.pipeline.notary import pin as pinned
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.registry.address import registry_id
from gatekeeper.store.database import open_store

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="What verifiers trust.", no_args_is_help=True)
    group.command("pin")(pin)
    group.command("show")(show)
    app.add_typer(group, name="trust")


def pin(
    replace: Annotated[
        bool, typer.Option("--replace", help="Trust only what is there now; former policies and people no longer.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Write the present policy, people and keys into the trust file, and say what changed."""
    settings = load_settings()
    former = load_trust(settings.trust_file) if settings.trust_file.exists() else None
    trust = pin_trust(settings, former, replace=replace)
    changes = differences(former, trust)
    if as_json:
        print_json({"file": settings.trust_file, "changes": changes})
        return 0
    screen = console(as_json=False)
    for change in changes:
        screen.print(change, markup=False)
    screen.print(f"{settings.trust_file}: " + ("written." if changes else "nothing changed."), markup=False)
    if changes:
        screen.print("Take the new file to wherever passports are verified.")
    return 0


def show(as_json: Json = False) -> int:
    """Show the trust file."""
    settings = load_settings()
    trust = load_trust(settings.trust_file)
    if as_json:
        print_json(trust)
    else:
        console(as_json=False).print(trust_text(trust), markup=False, end="")
    return 0


def pin_trust(settings: Settings, former: Trust | None, *, replace: bool = False, keys: Keys | None = None) -> Trust:
    """Write the trust file of a project as it is now, and record that in the ledger; return the trust.

    Args:
        settings: of the project.
        former: what was trusted so far.
        replace: whether to trust nothing but what is there now.
        keys: to trust in place of the ones that sign now, before they take over.

    Raises:
        UsageError: keys, principals or policy are missing or wrong.
    """
    keys = keys or load_keys(settings.home_dir / "keys")
    principals = load_principals(settings.root / PRINCIPALS_FILE)
    log_ins, subjects = trusted_log_ins(settings, principals, keys)
    trust = pinned(
        former,
        log=keys.log,
        passport=keys.passport,
        registry_id=registry_id(settings.resolved_tracking_uri),
        policies=[open_policy(settings)],
        principals=principals,
        log_ins=log_ins,
        subjects=subjects,
        replace=replace,
    )
    if trust == former:
        return trust
    text = trust_text(trust)
    store = open_store(settings.resolved_database_url)
    try:
        with store.transaction() as session:
            append(
                session,
                type=Event.TRUST_PINNED,
                actor=ACTOR,
                subject=sha256_bytes(text.encode()),
                data={"policies": len(trust.policies), "approvers": len(trust.approvers)},
            )
            draft = settings.trust_file.with_name(f".{settings.trust_file.name}.draft")
            draft.write_text(text, encoding="utf-8")
            draft.replace(settings.trust_file)
    finally:
        store.close()
    return trust


def differences(former: Trust | None, trust: Trust) -> list[str]:
    """Return one sentence for everything that is trusted now and was not, or no longer is."""
    changes = []
    for what, before, after in (
        ("registry", former.registries if former else (), trust.registries),
        ("log key", former.log_keys if former else (), trust.log_keys),
        ("passport key", former.passport_keys if former else (), trust.passport_keys),
        ("policy", former.policies if former else (), trust.policies),
        ("approver", former.approvers if former else (), trust.approvers),
        ("key for log-ins", former.log_ins if former else (), trust.log_ins),
        ("approver by log-in", former.subjects if former else (), trust.subjects),
    ):
        changes += [f"trusted now: {what} {_short(each)}" for each in after if each not in before]
        changes += [f"no longer trusted: {what} {_short(each)}" for each in before if each not in after]
    return changes


def _short(each: object) -> str:
    if isinstance(each, str):
        return each
    roles = ", ".join(getattr(each, "roles", ()))
    known_by = next((str(found) for name in ("digest", "key", "subject") if (found := getattr(each, name, None))), "")
    issuer = f" at {each.issuer}, up to {each.minutes:g} minutes" if isinstance(each, TrustedLogIn) else ""
    return f"{known_by}{issuer} ({roles})"
