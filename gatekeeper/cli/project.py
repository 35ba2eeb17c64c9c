"""``gatekeeper init``: settings, a policy to edit, people, keys and a database, in the current folder."""

import json
from pathlib import Path
from typing import Annotated

import typer

from audits.ledger.keys import create_key, create_keys
from audits.passport.dsse import public_text
from gatekeeper.cli.opening import PRINCIPALS_FILE
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import FILE_NAME, Settings, load_settings
from gatekeeper.cli.trust import pin_trust
from gatekeeper.core.errors import UsageError
from gatekeeper.store.database import create_store
from policies.source import read_text

POLICY_FILE = "policy.yaml"

_SETTINGS = """\
# Gatekeeper's settings for this project. Every value can be overridden by an environment variable, e.g.
# GATEKEEPER_POLICY; the registry also by MLFLOW_TRACKING_URI.

# State of this project: database, evidence, keys. Keep it out of version control.
home = ".gatekeeper"

# The policy that decides. It is a copy of builtin:baseline; edit it, then run `gatekeeper policy lint`.
policy = "policy.yaml"

# MLflow tracking and registry. Empty: SQLite under `home`.
tracking_uri = ""

# Application database as an SQLAlchemy URL. Empty: SQLite under `home`.
database_url = ""
"""

_PRINCIPALS = """\
# Who may act, by name. An update is never approved by the one who proposed it: name at least one other person.
# Roles: submitter, approver.

[people.{me}]
roles = ["submitter", "approver"]
key = {key}

# [people."dana"]
# roles = ["approver"]
# key = "ed25519:…"          # dana's, from `gatekeeper key create --as dana`; then run `gatekeeper trust pin`
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where the project shall live.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Set a project up: settings, a policy to edit, people, keys, database. Nothing that exists is overwritten."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint="Name a folder, or none for the current one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gatekeeper").mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {(error.strerror or 'unknown reason').lower()}.",
            hint="Name a folder you may write to.",
        ) from error
    settings = Settings(root=folder.resolve())
    own = public_text(create_key(settings.key_file(settings.actor)))
    written = [
        name
        for name, text in (
            (FILE_NAME, _SETTINGS),
            (POLICY_FILE, read_text("builtin:baseline")[1]),
            (PRINCIPALS_FILE, _PRINCIPALS.format(me=json.dumps(settings.actor), key=json.dumps(own))),
        )
        if _write_new(folder / name, text)
    ]
    create_keys(settings.home_dir / "keys")
    create_store(settings.resolved_database_url).close()
    if not settings.trust_file.exists():
        pin_trust(load_settings(folder), None)
        written.append(settings.trust)
    ignore = settings.home_dir / ".gitignore"
    _write_new(ignore, "*\n")

    if as_json:
        print_json({"project": str(folder.resolve()), "written": written})
        return 0
    screen = console(as_json=False)
    screen.print(f"Project ready in {folder.resolve()}.", markup=False)
    screen.print("Written: " + (", ".join(written) if written else "nothing; everything was there already."))
    screen.print("\nNext: name approvers with their keys in principals.toml, run `gatekeeper trust pin`, then")
    screen.print("  gatekeeper certify --model NAME --update DIR --base DIR    # the first champion", markup=False)
    screen.print("  gatekeeper check --model NAME --update DIR --data FILE     # every update after it", markup=False)
    return 0


def _write_new(path: Path, text: str) -> bool:
    """Write a file that is not there yet; return whether it was written."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True
