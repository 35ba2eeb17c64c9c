"""``gatekeeper token``: who may call the service, with which roles, until when."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from api.permissions import role_of, words_for
from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.tokens import end_token, make_token
from gatekeeper.store import people, sessions, tokens

LONGEST_DAYS = 366

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Maker = Annotated[str | None, typer.Option("--as", help="Who makes or ends it; default: the settings' actor.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Make, list and end tokens for the service.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_tokens)
    group.command("revoke")(revoke)
    group.command("sign-out")(sign_out)
    app.add_typer(group, name="token")


def create(
    person: Annotated[str, typer.Option("--for", help="Whose token it is: a name of principals.toml.")],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="What it may be used for, repeatable; default: every role the person has."),
    ] = None,
    days: Annotated[float, typer.Option("--days", help="How long it counts.")] = 90,
    by: Maker = None,
    as_json: Json = False,
) -> int:
    """Make a token and show it once; what is kept is its digest."""
    if not 0 < days <= LONGEST_DAYS:
        raise UsageError("A token has an end.", hint=f"Give --days between 0 and {LONGEST_DAYS}.")
    settings = load_settings()
    with workspace(settings, reach=False) as opened:
        principal = opened.principals.get(person)
        if principal is None:
            raise UsageError(f"{person} is not among this project's people.", hint="Name them in principals.toml.")
        held = words_for(principal.roles)
        wanted = frozenset(role) if role else held
        _require_held(person, wanted, held)
        token, made = make_token(opened, person, wanted, lasts=timedelta(days=days), by=by or settings.actor)
    if as_json:
        print_json({"id": made.id, "token": token, "roles": made.roles, "expires": made.expires.isoformat()})
        return 0
    screen = console(as_json=False)
    screen.print(token, markup=False)
    screen.print(
        f"{made.id} for {person} as {', '.join(sorted(wanted))}, until {made.expires:%Y-%m-%d %H:%M} UTC. "
        "It is shown this once.",
        markup=False,
    )
    return 0


def list_tokens(as_json: Json = False) -> int:
    """List every token that was ever made; none of them can be shown again."""
    now = datetime.now(UTC)
    with workspace(load_settings(), reach=False) as opened, opened.store.reading() as session:
        lines = [
            {
                "id": row.id,
                "for": people.display_name(session, row.holder),
                "roles": row.roles,
                "created": row.created.isoformat(timespec="minutes"),
                "expires": row.expires.isoformat(timespec="minutes"),
                "last_used": row.last_used.isoformat(timespec="minutes") if row.last_used else None,
                "counts": row.revoked is None and row.expires > now,
            }
            for row in tokens.all_tokens(session)
        ]
    if as_json:
        print_json({"tokens": lines})
        return 0
    screen = console(as_json=False)
    if not lines:
        screen.print("There is no token: gatekeeper token create --for NAME")
        return 0
    table = Table(pad_edge=False)
    for column in ("Token", "For", "Roles", "Expires", "Last used", "Counts"):
        table.add_column(column, overflow="fold", no_wrap=column == "Token")
    for line in lines:
        roles = line["roles"]
        table.add_row(
            Text(str(line["id"])),
            Text(str(line["for"] or "–")),
            Text(", ".join(map(str, roles)) if isinstance(roles, list) else "–"),
            Text(str(line["expires"])),
            Text(str(line["last_used"] or "–")),
            Text("yes" if line["counts"] else "no"),
        )
    screen.print(table)
    return 0


def revoke(
    token: Annotated[str, typer.Argument(help="Id of the token, as `gatekeeper token list` shows it.")],
    by: Maker = None,
    as_json: Json = False,
) -> int:
    """End a token at once."""
    settings = load_settings()
    with workspace(settings, reach=False) as opened:
        row = end_token(opened, token, by=by or settings.actor)
    if as_json:
        print_json({"id": token, "revoked": None if row.revoked is None else row.revoked.isoformat()})
    else:
        console(as_json=False).print(f"{token} does not count any more.", markup=False)
    return 0


def _require_held(person: str, wanted: frozenset[str], held: frozenset[str]) -> None:
    """Return when a person may be given a token for these roles.

    Raises:
        UsageError: one is no role, or they do not hold it.
    """
    if not held:
        raise UsageError(f"{person} holds no role in principals.toml.", hint="Give them one there.")
    hint = "One of " + ", ".join(sorted(held)) + "."
    for word in sorted(wanted - held):
        if role_of(word) is None:
            raise UsageError(f"{word!r} is no role.", hint=hint)
        raise UsageError(
            f"{person} does not hold the role {word} in principals.toml.",
            hint="One of " + ", ".join(sorted(held)) + ".",
        )


def sign_out(
    person: Annotated[str, typer.Option("--for", help="Whose sessions end: a name of principals.toml.")],
    as_json: Json = False,
) -> int:
    """End every session of somebody on the pages, and every token of their log-ins, at once."""
    with workspace(load_settings(), reach=False) as opened, opened.store.transaction() as session:
        holder = opened.pseudonym(session, person)
        ended = 0 if holder is None else sessions.end_all(session, holder, now=datetime.now(UTC))
    if as_json:
        print_json({"person": person, "ended": ended})
    else:
        console(as_json=False).print(f"{ended} sessions of {person} ended.", markup=False)
    return 0
