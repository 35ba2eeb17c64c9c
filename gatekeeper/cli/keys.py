"""``gatekeeper key``: the key that a person's decisions are signed with."""

from pathlib import Path
from typing import Annotated

import typer

from audits.ledger.keys import create_key, load_key
from audits.passport.dsse import public_text
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, find_project, load_settings

Person = Annotated[str | None, typer.Option("--as", help="Whose key; default: the settings' actor.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="The key that your decisions are signed with.", no_args_is_help=True)
    group.command("create")(create)
    group.command("show")(show)
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
