"""``gatekeeper rollback`` and ``revoke``: what people do when a live update turns out wrong."""

from typing import Annotated

import typer

from gatekeeper.cli.desk.choose import desk
from gatekeeper.cli.screen import console, print_json

Person = Annotated[str | None, typer.Option("--as", help="Who decides; default: the settings' actor.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept beside the ledger, erasable.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (rollback, revoke):
        app.command()(command)


def rollback(
    model: Annotated[str, typer.Option("--model", help="Registered model.")],
    person: Person = None,
    reason: Reason = "",
    as_json: Json = False,
) -> int:
    """Point the champion back to the version that was admitted before."""
    with desk() as at:
        promoted = at.rollback(model, person=person, reason=reason)
    if as_json:
        print_json({"model": model, "version": promoted.version, "previous": promoted.previous})
    else:
        console(as_json=False).print(
            f"{model}@champion is version {promoted.version} again (before: {promoted.previous}).", markup=False
        )
    return 0


def revoke(
    update: Annotated[str, typer.Argument(help="Update id, as `gatekeeper status` shows it.")],
    person: Person = None,
    reason: Reason = "",
    as_json: Json = False,
) -> int:
    """Put an update's bytes on the signed revocation list; the live one is rolled back first."""
    with desk() as at:
        revoked, place = at.revoke(update, person=person, reason=reason)
    if as_json:
        print_json(revoked)
        return 0
    screen = console(as_json=False)
    if revoked.live is not None:
        screen.print(f"The champion went back to version {revoked.live} first.", markup=False)
    screen.print(f"{update} is REVOKED now; no verifier with the new list accepts its bytes.", markup=False)
    if not revoked.published:
        screen.print("The registry did not take the new list: run `gatekeeper reconcile --once`.", style="bold red")
    screen.print(f"The list: {place}", markup=False)
    return 0
