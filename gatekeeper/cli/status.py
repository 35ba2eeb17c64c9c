"""``gatekeeper status``: where every update of this project stands."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.states import State
from gatekeeper.pipeline.break_glass import broken_by
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION
from gatekeeper.store import requests, runs, updates
from gatekeeper.store.tables import RequestState, UpdateRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    model: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many updates, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """List the newest updates and what the protected aliases point to."""
    settings = load_settings()
    with workspace(settings, settle=False) as opened:
        lines: list[dict[str, object]] = []
        with opened.store.reading() as session:
            for row in updates.latest(session, model=model, limit=limit):
                run = runs.latest(session, row.id)
                verdict = runs.verdict(session, run.id) if run else None
                lines.append(
                    {
                        "id": row.id,
                        "name": row.name,
                        "model": row.model,
                        "state": row.state.value,
                        "outcome": verdict.outcome.name if verdict else None,
                        "version": row.registered_version,
                        "unreviewed_until": _unreviewed_until(session, row),
                        "proposed": row.created.isoformat(timespec="minutes"),
                    }
                )
            asked = _requests(session, model)
        names = sorted({str(line["model"]) for line in lines} | ({model} if model else set()))
        aliases = {
            name: {alias: opened.registry.alias_version(name, alias) for alias in (CHAMPION, ANCHOR)} for name in names
        }
    if as_json:
        print_json({"updates": lines, "requests": asked, "aliases": aliases})
        return 0
    screen = console(as_json=False)
    if not lines:
        screen.print("Nothing was proposed yet: gatekeeper certify, then gatekeeper check.")
        return 0
    table = Table(pad_edge=False)
    table.add_column("Update", no_wrap=True, min_width=20)  # an id that is cut cannot be copied
    for column in ("Name", "Model", "Verdict", "State", "Version", "Proposed"):
        table.add_column(column, overflow="fold")
    for line in lines:
        keys = ("id", "name", "model", "outcome", "state", "version", "proposed")
        table.add_row(*(Text(str(line[key] if line[key] is not None else "–")) for key in keys))
    screen.print(table)
    for line in lines:
        if line["unreviewed_until"]:
            screen.print(
                f"{line['id']} is live over its verdict until {line['unreviewed_until']}, unless two administrators "
                "review it.",
                style="bold red",
                markup=False,
            )
    for each in asked:
        screen.print(
            f"{each['id']}: {each['action']} of {each['update']}, {each['given']} of {each['required']} signatures, "
            f"until {each['valid_until'] or each['expires']}.",
            markup=False,
        )
    for name, versions in aliases.items():
        pointed = ", ".join(f"{alias} → version {version or 'none'}" for alias, version in versions.items())
        screen.print(f"{name}: {pointed}", markup=False)
    return 0


def _requests(session: Session, model: str | None) -> list[dict[str, object]]:
    """Return what people are asked about, or agreed to and nobody has carried out."""
    waiting = [
        row for state in (RequestState.OPEN, RequestState.APPROVED) for row in requests.in_state(session, state)
    ]
    return [
        {
            "id": row.id,
            "action": row.action,
            "update": row.update_id,
            "model": row.model,
            "state": row.state.value,
            "given": len(requests.decisions(session, row.id)),
            "required": row.required,
            "expires": row.expires.isoformat(timespec="minutes"),
            "valid_until": row.valid_until.isoformat(timespec="minutes") if row.valid_until else None,
        }
        for row in waiting
        if row.return_of is None and model in (None, row.model)
    ]


def _unreviewed_until(session: Session, row: UpdateRow) -> str | None:
    """Return until when a blocked update that administrators put live may stay; ``None`` for any other."""
    broken = broken_by(session, row) if row.state is State.ACTIVE else None
    return None if broken is None or broken.valid_until is None else broken.valid_until.isoformat(timespec="minutes")
