"""``gatekeeper break-glass``: a blocked update live for a limited time, on the word of two administrators."""

from typing import Annotated

import typer

from gatekeeper.cli.approvals import say_asked
from gatekeeper.cli.desk.choose import desk
from gatekeeper.core.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("break-glass")(break_glass)


def break_glass(
    update: Annotated[str, typer.Argument(help="Id of a blocked update, as `gatekeeper status` shows it.")],
    justification: Annotated[str, typer.Option("--because", help="Why; kept beside the ledger, erasable.")],
    incident: Annotated[str, typer.Option("--incident", help="Id of the incident in your own system.")] = "",
    hours: Annotated[float, typer.Option("--hours", help="How long it may stay without a review; 72 at most.")] = 72,
    keep: Annotated[
        bool, typer.Option("--review", help="Ask to keep it: what two administrators let live, two review.")
    ] = False,
    person: Annotated[str | None, typer.Option("--as", help="Who asks; default: the settings' actor.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Ask to put a blocked update live, or to keep one; a second administrator agrees, then promote it."""
    if keep and incident:
        raise UsageError("A review belongs to the incident that it reviews.", hint="Leave --incident out.")
    with desk() as at:
        if keep:
            asked = at.ask_review(update, person=person, justification=justification)
        else:
            asked = at.ask_glass(update, person=person, incident=incident, justification=justification, hours=hours)
    say_asked(update, asked, as_json=as_json)
    return 0
