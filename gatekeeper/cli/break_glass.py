"""``gatekeeper break-glass``: a blocked update live for a limited time, on the word of two administrators."""

from typing import Annotated

import typer

from gatekeeper.cli.approvals import say_asked
from gatekeeper.cli.opening import load_own_key, open_policy, workspace
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.break_glass import break_glass as ask
from gatekeeper.pipeline.break_glass import review as ask_for_review


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
    settings = load_settings()
    policy = open_policy(settings)
    who = person or settings.actor
    key = load_own_key(settings, who)
    with workspace(settings) as opened:
        if keep:
            asked = ask_for_review(opened, update, person=who, policy=policy, key=key, justification=justification)
        else:
            asked = ask(
                opened,
                update,
                person=who,
                policy=policy,
                key=key,
                incident=incident,
                justification=justification,
                hours=hours,
            )
    say_asked(update, asked, as_json=as_json)
    return 0
