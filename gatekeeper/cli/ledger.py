"""``gatekeeper ledger verify``: is the record of this project whole?"""

from typing import Annotated

import typer

from audits.ledger.check import verify_entries
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.store.database import open_store

EXIT_FAILED = 20


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Check the append-only record.", no_args_is_help=True)
    group.callback()(_group)
    group.command("verify")(verify)
    app.add_typer(group, name="ledger")


def _group() -> None:
    """Check the append-only record."""


def verify(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> int:
    """Hash every leaf again and compare; ends with 20 when anything differs."""
    store = open_store(load_settings().resolved_database_url)
    try:
        with store.reading() as session:
            checked = verify_entries(session)
    finally:
        store.close()
    if as_json:
        print_json(
            {"entries": checked.size, "root": checked.root.hex(), "intact": checked.intact, "faults": checked.faults}
        )
    else:
        screen = console(as_json=False)
        screen.print(f"{checked.size} entries, Merkle root {checked.root.hex()}.", markup=False)
        for fault in checked.faults:
            screen.print(f"entry {fault.seq}: {fault.text}", markup=False, style="bold red")
        screen.print("The record is whole." if checked.intact else "The record was changed.")
    return 0 if checked.intact else EXIT_FAILED
