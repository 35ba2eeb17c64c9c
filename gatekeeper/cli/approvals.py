"""``gatekeeper approve``, ``reject``, ``withdraw`` and ``promote``: what people do after a verdict."""

from typing import Annotated

import typer

from gatekeeper.cli.opening import load_own_key, open_policy, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.states import State
from gatekeeper.pipeline.approve import approve as give_approval
from gatekeeper.pipeline.approve import reject as refuse
from gatekeeper.pipeline.moves import Promoted
from gatekeeper.pipeline.promote import promote as move_alias
from gatekeeper.pipeline.withdraw import withdraw as take_back

UpdateId = Annotated[str, typer.Argument(help="Update id, as `gatekeeper status` shows it.")]
Person = Annotated[str | None, typer.Option("--as", help="Who decides; default: the settings' actor.")]
Comment = Annotated[str, typer.Option("--comment", help="Why; kept beside the ledger, erasable.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (approve, reject, withdraw, promote):
        app.command()(command)


def approve(update: UpdateId, person: Person = None, comment: Comment = "", as_json: Json = False) -> int:
    """Agree to exactly this update, policy and evidence."""
    settings = load_settings()
    chosen = open_policy(settings)
    who = person or settings.actor
    key = load_own_key(settings, who)
    with workspace(settings) as opened:
        decided = give_approval(opened, update, person=who, policy=chosen, key=key, comment=comment)
    if as_json:
        print_json({"update": update, "state": decided.state, "given": decided.given, "required": decided.required})
    else:
        screen = console(as_json=False)
        screen.print(f"{update}: {decided.given} of {decided.required} approvals, now {decided.state}.", markup=False)
        if decided.state is State.APPROVED:
            screen.print(f"Next: gatekeeper promote {update}", markup=False)
    return 0


def reject(update: UpdateId, person: Person = None, comment: Comment = "", as_json: Json = False) -> int:
    """Refuse this update for good."""
    settings = load_settings()
    chosen = open_policy(settings)
    who = person or settings.actor
    key = load_own_key(settings, who)
    with workspace(settings) as opened:
        decided = refuse(opened, update, person=who, policy=chosen, key=key, comment=comment)
    _say(update, decided.state, as_json=as_json)
    return 0


def withdraw(update: UpdateId, person: Person = None, as_json: Json = False) -> int:
    """Take a proposal back before it is promoted."""
    settings = load_settings()
    with workspace(settings) as opened:
        take_back(opened, update, person=person or settings.actor)
    _say(update, State.WITHDRAWN, as_json=as_json)
    return 0


def promote(update: UpdateId, as_json: Json = False) -> int:
    """Point the champion alias to an approved update."""
    settings = load_settings()
    chosen = open_policy(settings)
    with workspace(settings) as opened:
        promoted = move_alias(opened, update, policy=chosen)
    if as_json:
        print_json({"update": update, "state": State.ACTIVE, **_fields(promoted)})
    else:
        names = " and ".join(promoted.aliases)
        console(as_json=False).print(
            f"{update} is live: {promoted.model}@{names} is version {promoted.version} "
            f"(before: {promoted.previous or 'none'}).",
            markup=False,
        )
    return 0


def _fields(promoted: Promoted) -> dict[str, object]:
    return {
        "model": promoted.model,
        "version": promoted.version,
        "aliases": promoted.aliases,
        "previous": promoted.previous,
    }


def _say(update: str, state: State, *, as_json: bool) -> None:
    if as_json:
        print_json({"update": update, "state": state})
    else:
        console(as_json=False).print(f"{update} is {state} now.", markup=False)
