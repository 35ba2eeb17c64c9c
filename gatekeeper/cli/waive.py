"""``gatekeeper waive``: accept one finding until a date, where the policy lets people."""

from typing import Annotated

import typer

from gatekeeper.cli.opening import load_own_key, open_policy, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.waivers.anew import Acceptable
from gatekeeper.pipeline.waivers.give import acceptable
from gatekeeper.pipeline.waivers.give import waive as accept
from gatekeeper.store import updates

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
    settings = load_settings()
    policy = open_policy(settings)
    if not code:
        if because or days is not None:
            raise UsageError("Nothing says which finding is accepted.", hint=f"gatekeeper waive {update} lists them.")
        with workspace(settings, settle=False, reach=False) as opened, opened.store.reading() as session:
            row = updates.require(session, update)
            run, verdict, _binding = binding_of(session, row)
            found = acceptable(session, row, run, verdict, policy)
        _list(update, found, as_json=as_json)
        return 0
    who = person or settings.actor
    key = load_own_key(settings, who)
    with workspace(settings) as opened:
        accepted = accept(opened, update, code, person=who, policy=policy, key=key, because=because, days=days)
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


def _list(update: str, found: tuple[Acceptable, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "update": update,
                "acceptable": [
                    {
                        "code": each.reason.code,
                        "text": each.reason.text,
                        "finding": each.finding,
                        "roles": each.rule.roles,
                        "required": each.rule.required,
                        "days": each.rule.days,
                    }
                    for each in found
                ],
            }
        )
        return
    screen = console(as_json=False)
    if not found:
        screen.print("The policy lets nobody accept anything of this verdict.")
    for each in found:
        screen.print(f"{each.reason.code}: {each.reason.text}", markup=False)
        screen.print(
            f"  {each.rule.required} of {', '.join(each.rule.roles)}, for {each.rule.days:g} days at most: "
            f"gatekeeper waive {update} {each.reason.code} --because TEXT --as NAME",
            markup=False,
        )
