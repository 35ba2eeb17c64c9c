"""``gatekeeper status``: where every update of this project stands."""

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatekeeper.cli.desk.choose import desk
from gatekeeper.cli.reconcile_report import Rounds, since
from gatekeeper.cli.screen import console, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    model: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many updates, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """List the newest updates, what the protected aliases point to, and what moved behind the gate's back."""
    with desk() as at:
        found = at.overview(model=model, limit=limit)
    if as_json:
        rounds = found.rounds or Rounds()
        print_json(
            {
                "updates": found.updates,
                "requests": found.requests,
                "aliases": found.aliases,
                "drifts": found.drifts,
                "reconciler": {"last_round": rounds.last, "last_good_round": rounds.good},
            }
        )
        return 0
    screen = console(as_json=False)
    for lasting in found.drifts:
        since_when = datetime.fromisoformat(str(lasting["found"]))
        screen.print(f"DRIFT {lasting['text']} Since {since_when:%Y-%m-%d %H:%M} UTC.", style="bold red", markup=False)
    if not found.updates:
        screen.print("Nothing was proposed yet: gatekeeper certify, then gatekeeper check.")
        return 0
    table = Table(pad_edge=False)
    table.add_column("Update", no_wrap=True, min_width=20)  # an id that is cut cannot be copied
    for column in ("Name", "Model", "Verdict", "State", "Version", "Proposed"):
        table.add_column(column, overflow="fold")
    for line in found.updates:
        keys = ("id", "name", "model", "outcome", "state", "version", "proposed")
        table.add_row(*(Text(str(line[key] if line[key] is not None else "–")) for key in keys))
    screen.print(table)
    for line in found.updates:
        if line["unreviewed_until"]:
            screen.print(
                f"{line['id']} is live over its verdict until {line['unreviewed_until']}, unless two administrators "
                "review it.",
                style="bold red",
                markup=False,
            )
    for each in found.requests:
        screen.print(
            f"{each['id']}: {each['action']} of {each['update']}, {each['given']} of {each['required']} signatures, "
            f"until {each['valid_until'] or each['expires']}.",
            markup=False,
        )
    for name, versions in found.aliases.items():
        pointed = ", ".join(f"{alias} → version {version or 'none'}" for alias, version in versions.items())
        screen.print(f"{name}: {pointed}", markup=False)
    if found.rounds is not None:
        screen.print(since(found.rounds), markup=False)
    return 0
