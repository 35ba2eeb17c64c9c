"""``gatekeeper approve``, ``reject``, ``request-changes``, ``withdraw`` and ``promote``: what follows a verdict.

Requests beside ordinary promotions (``req-…``: moving the anchor, breaking the glass and its review) are decided with
the same commands; ``promote`` then carries them out.
"""

import dataclasses
from typing import Annotated

import typer

from gatekeeper.cli.desk.choose import desk
from gatekeeper.cli.desk.port import REQUEST
from gatekeeper.cli.screen import console, print_json
from gatekeeper.core.states import State
from gatekeeper.pipeline.break_glass import Asked
from gatekeeper.pipeline.moves import Promoted
from gatekeeper.store.tables import Decision

Decided = Annotated[str, typer.Argument(help="Update or request id, as `gatekeeper status` shows it.")]
UpdateId = Annotated[str, typer.Argument(help="Update id, as `gatekeeper status` shows it.")]
Person = Annotated[str | None, typer.Option("--as", help="Who decides; default: the settings' actor.")]
Comment = Annotated[str, typer.Option("--comment", help="Why; kept beside the ledger, erasable.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (approve, reject, withdraw, promote):
        app.command()(command)
    app.command("request-changes")(request_changes)


def approve(update: Decided, person: Person = None, comment: Comment = "", as_json: Json = False) -> int:
    """Agree to exactly this update, policy and evidence, or to exactly this request."""
    with desk() as at:
        decided = at.decide(update, Decision.APPROVE, person=person, comment=comment)
    if as_json:
        print_json({"update": update, "state": decided.state, "given": decided.given, "required": decided.required})
        return 0
    screen = console(as_json=False)
    if update.startswith(REQUEST):
        screen.print(f"{update}: {decided.given} of {decided.required} signatures.", markup=False)
        if decided.given >= decided.required:
            screen.print("Next: gatekeeper promote, with the update's id.", markup=False)
        return 0
    screen.print(f"{update}: {decided.given} of {decided.required} approvals, now {decided.state}.", markup=False)
    if decided.state is State.APPROVED:
        screen.print(f"Next: gatekeeper promote {update}", markup=False)
    return 0


def reject(update: Decided, person: Person = None, comment: Comment = "", as_json: Json = False) -> int:
    """Refuse this update, or this request, for good."""
    with desk() as at:
        decided = at.decide(update, Decision.REJECT, person=person, comment=comment)
    if update.startswith(REQUEST) and not as_json:
        console(as_json=False).print(f"{update} is refused.", markup=False)
    else:
        _say(update, decided.state, as_json=as_json)
    return 0


def request_changes(
    update: UpdateId,
    comment: Annotated[str, typer.Option("--comment", help="What should be different; kept beside the ledger.")],
    person: Person = None,
    as_json: Json = False,
) -> int:
    """Send an update back to its proposer, who answers with another one: check --answers."""
    with desk() as at:
        decided = at.send_back(update, person=person, comment=comment)
    _say(update, decided.state, as_json=as_json)
    return 0


def withdraw(update: UpdateId, person: Person = None, as_json: Json = False) -> int:
    """Take a proposal back before it is promoted."""
    with desk() as at:
        state = at.withdraw(update, person=person)
    _say(update, state, as_json=as_json)
    return 0


def promote(
    update: UpdateId,
    anchor: Annotated[
        bool, typer.Option("--anchor", help="Ask to make it the anchor; somebody else agrees, then promote it again.")
    ] = False,
    person: Annotated[
        str | None, typer.Option("--as", help="Who asks, with --anchor; default: the settings' actor.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, with --anchor; kept beside the ledger.")] = "",
    as_json: Json = False,
) -> int:
    """Carry out what people agreed to: point the champion to an approved update, or what a request asks for."""
    if anchor:
        with desk() as at:
            asked = at.ask_anchor(update, person=person, reason=reason)
        say_asked(update, asked, as_json=as_json)
        return 0
    with desk() as at:
        promoted, state = at.promote(update)
    if as_json:
        print_json({"update": update, "state": state, **_fields(promoted)})
    else:
        names = " and ".join(promoted.aliases)
        console(as_json=False).print(
            f"{update} is {state}: {promoted.model}@{names} is version {promoted.version} "
            f"(before: {promoted.previous or 'none'}).",
            markup=False,
        )
    return 0


def say_asked(update: str, asked: Asked, *, as_json: bool) -> None:
    """Show what was asked for, and what comes next."""
    if as_json:
        print_json({"update": update, **dataclasses.asdict(asked)})
        return
    screen = console(as_json=False)
    screen.print(
        f"{asked.request}: {asked.given} of {asked.required} signatures, open until "
        f"{asked.expires:%Y-%m-%d %H:%M} UTC.",
        markup=False,
    )
    if asked.given < asked.required:
        screen.print(f"Next, by somebody else: gatekeeper approve {asked.request} --as NAME", markup=False)
    screen.print(f"Then: gatekeeper promote {update}", markup=False)


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
