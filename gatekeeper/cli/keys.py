"""``gatekeeper key``: the key that a person's decisions are signed with, and new keys for the installation itself."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from audits.ledger.keys import create_key, load_key, take_over
from audits.ledger.rotation import LOG, PASSPORT
from audits.passport.dsse import public_text
from audits.passport.trust import load_trust
from gatekeeper.cli.key_sign import sign_document
from gatekeeper.cli.opening import finish_rotation, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, find_project, load_settings
from gatekeeper.cli.trust import pin_trust
from gatekeeper.pipeline.revocations import publish
from gatekeeper.pipeline.rotate import FILES, record
from gatekeeper.pipeline.rotate import prepare as prepare_key
from gatekeeper.store import models
from gatekeeper.store.database import open_store

Person = Annotated[str | None, typer.Option("--as", help="Whose key; default: the settings' actor.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Your own signing key, and the installation's.", no_args_is_help=True)
    group.command("create")(create)
    group.command("show")(show)
    group.command("sign")(sign_document)
    group.command("rotate")(rotate)
    app.add_typer(group, name="key")


def create(person: Person = None, as_json: Json = False) -> int:
    """Create your own signing key, where there is none yet, and say what to put into principals.toml."""
    settings = _settings()
    name = person or settings.actor
    _say(name, str(settings.key_file(name)), public_text(create_key(settings.key_file(name))), as_json=as_json)
    return 0


def show(person: Person = None, as_json: Json = False) -> int:
    """Show your public key."""
    settings = _settings()
    name = person or settings.actor
    _say(name, str(settings.key_file(name)), public_text(load_key(settings.key_file(name))), as_json=as_json)
    return 0


class Purpose(StrEnum):
    """Which of the installation's keys."""

    LOG = LOG
    PASSPORT = PASSPORT


def rotate(
    purpose: Annotated[Purpose, typer.Argument(help="The key that signs the ledger, or passports.")],
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only make the new key and trust it, so that others can learn it first.")
    ] = False,
    destroy_old: Annotated[
        bool, typer.Option("--destroy-old", help="Delete the former key; it is kept else.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Hand the log's or the passports' key over to a new one, and write that into the ledger."""
    settings = load_settings()
    keys_dir, name = settings.home_dir / "keys", FILES[purpose.value]
    if purpose.value in finish_rotation(settings, destroy=destroy_old):
        return _finished(settings, purpose, as_json=as_json)
    after = prepare_key(keys_dir, purpose.value)
    trust = pin_trust(settings, load_trust(settings.trust_file), keys=after)
    said: dict[str, object] = {
        "purpose": purpose.value,
        "new": trust.log_keys[-1] if purpose is Purpose.LOG else public_text(after.passport),
        "trust": settings.trust_file,
    }
    if prepare:
        return _rotated(said, as_json=as_json)
    store = open_store(settings.resolved_database_url)
    try:
        said["entry"] = record(store, keys_dir, purpose.value, origin=trust.origin)
    finally:
        store.close()
    said["kept"] = take_over(keys_dir, name, destroy=destroy_old)
    if purpose is Purpose.PASSPORT:
        said["published"] = _publish(settings)
    return _rotated(said, as_json=as_json)


def _publish(settings: Settings) -> bool:
    """Sign the revocation list anew with the key that counts now; return whether the registry took it everywhere."""
    with workspace(settings, reach=False) as opened:
        with opened.store.reading() as session:
            names = models.names(session)
        taken = [publish(opened, name) for name in names]
    return all(taken)


def _finished(settings: Settings, purpose: Purpose, *, as_json: bool) -> int:
    """Say that a hand-over was interrupted before and is done now; a second one is asked for anew."""
    if purpose is Purpose.PASSPORT:
        _publish(settings)
    if as_json:
        print_json({"purpose": purpose.value, "finished": True})
    else:
        console(as_json=False).print(f"A hand-over of the {purpose.value} key was interrupted; it is finished now.")
    return 0


def _rotated(said: dict[str, object], *, as_json: bool) -> int:
    if as_json:
        print_json(said)
        return 0
    screen = console(as_json=False)
    screen.print(f"New {said['purpose']} key: {said['new']}", markup=False)
    screen.print(f"Take {said['trust']} to wherever passports are verified, a log key to the witnesses.", markup=False)
    if "entry" not in said:
        screen.print(f"It signs nothing yet. Then: gatekeeper key rotate {said['purpose']}", markup=False)
        return 0
    screen.print(f"Handed over with entry {said['entry']} of the ledger.", markup=False)
    screen.print(f"The former key: {said['kept'] or 'deleted'}.", markup=False)
    if said.get("published") is False:
        screen.print("The registry did not take the revocation list that the new key signed.", style="bold red")
        screen.print("Run `gatekeeper reconcile --once` when it answers.")
    return 0


def _settings() -> Settings:
    """Return the project's settings, or the defaults outside one: a key belongs to a person."""
    return load_settings() if find_project(Path.cwd()) is not None else Settings()


def _say(name: str, file: str, public: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"person": name, "file": file, "key": public})
        return
    screen = console(as_json=False)
    screen.print(f"Private key: {file} (readable by you alone; whoever has it can decide in your name)", markup=False)
    screen.print("In principals.toml, below your name:", markup=False)
    screen.print(f'key = "{public}"', markup=False)
