"""``gatekeeper waive``: accept one finding until a date, where the policy lets people."""

from typing import Annotated

import typer

from gatekeeper.cli.desk.choose import desk
from gatekeeper.cli.desk.port import Acceptance
from gatekeeper.cli.screen import console, print_json
from gatekeeper.core.errors import UsageError

Code = Annotated[str, typer.Argument(help="Code of the reason, such as data/pii/contact; none lists what may be.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(waive)


def waive(
    update: Annotated[str, typer.Argument(help="Update id, as `gatekeeper status` shows it.")],
    code: Code = "",
    because: Annotated[str, typer.Option("--because", help="Why; kept beside the ledger, erasable.")] = "",
    days: Annotated[
        float | None, typer.Option("--days", help="For how long; by default as long as the policy allows.")
    ] = None,
    person: Annotated[str | None, typer.Option("--as", help="Who accepts; default: the settings' actor.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Accept one finding until a date; with enough people the verdict is decided anew. Without a code: list them."""
    if not code:
        if because or days is not None:
            raise UsageError("Nothing says which finding is accepted.", hint=f"gatekeeper waive {update} lists them.")
        with desk() as at:
            found = at.acceptable(update)
        _list(update, found, as_json=as_json)
        return 0
    with desk() as at:
        accepted = at.accept(update, code, person=person, because=because, days=days)
    if as_json:
        print_json(
            {
                "update": update,
                "waiver": accepted.waiver,
                "state": accepted.state,
                "given": accepted.given,
                "required": accepted.required,
                "run": accepted.run,
            }
        )
        return 0
    screen = console(as_json=False)
    screen.print(f"{accepted.waiver}: {accepted.given} of {accepted.required} accept {code}.", markup=False)
    if accepted.given >= accepted.required:
        screen.print(
            f"Decided anew as {accepted.run}; {update} is {accepted.state}. Approvals given before do not count.",
            markup=False,
        )
    return 0


def _list(update: str, found: tuple[Acceptance, ...], *, as_json: bool) -> None:
    if as_json:
        print_json({"update": update, "acceptable": found})
        return
    screen = console(as_json=False)
    if not found:
        screen.print("The policy lets nobody accept anything of this verdict.")
    for each in found:
        screen.print(f"{each.code}: {each.text}", markup=False)
        screen.print(
            f"  {each.required} of {', '.join(each.roles)}, for {each.days:g} days at most: "
            f"gatekeeper waive {update} {each.code} --because TEXT --as NAME",
            markup=False,
        )
