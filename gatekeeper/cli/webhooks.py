"""``gatekeeper webhooks``: where events are sent, what became of them, and sending without the service."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.cli.webhook_settings import outgoing_of
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline import webhooks as stage
from gatekeeper.store import webhooks
from gatekeeper.store.tables import DeliveryState

EXIT_NOT_TAKEN = 30

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
By = Annotated[str | None, typer.Option("--as", help="Who does it; default: the settings' actor.")]
Webhook = Annotated[str, typer.Argument(help="Id of the webhook, as `gatekeeper webhooks list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Send what happens to other programs.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_webhooks)
    group.command("remove")(remove)
    group.command("deliveries")(deliveries)
    group.command("send")(send)
    app.add_typer(group, name="webhooks")


def add(
    url: Annotated[str, typer.Argument(help="https://… at a host that [webhooks] hosts in gatekeeper.toml names.")],
    events: Annotated[list[str] | None, typer.Option("--event", help="Repeatable; default: every event.")] = None,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Send events to an address from now on; the secret is shown this once."""
    from api.webhooks.events import TYPES
    from api.webhooks.signing import secret_of

    settings = load_settings()
    wanted = events or list(TYPES)
    unknown = sorted(set(wanted) - set(TYPES))
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no event.", hint="Known: " + ", ".join(TYPES) + ".")
    outgoing = outgoing_of(settings.webhooks, settings.root, settings.home_dir / "keys")
    if outgoing is None:
        raise _nowhere()
    outgoing.rules.target(url)
    with workspace(settings, reach=False) as opened:
        made = stage.add(opened, url, wanted, by=by or settings.actor)
    secret = secret_of(outgoing.key, made.id, made.generation)
    if as_json:
        print_json({"id": made.id, "url": url, "events": sorted(set(wanted)), "secret": secret})
        return 0
    screen = console(as_json=False)
    screen.print(secret, markup=False)
    screen.print(f"{made.id} is sent {len(set(wanted))} events. The secret is shown this once.", markup=False)
    return 0


def list_webhooks(as_json: Json = False) -> int:
    """List where events are sent."""
    with workspace(load_settings(), reach=False) as opened, opened.store.reading() as session:
        rows = webhooks.endpoints(session)
    if as_json:
        print_json(
            {
                "webhooks": [
                    {
                        "id": row.id,
                        "url": row.url,
                        "events": row.events,
                        "state": row.state.value,
                        "failing_since": None if row.failing_since is None else row.failing_since.isoformat(),
                    }
                    for row in rows
                ]
            }
        )
        return 0
    table = Table(pad_edge=False)
    for column in ("Webhook", "Address", "State", "Failing since"):
        table.add_column(column, overflow="fold", no_wrap=column == "Webhook")
    for row in rows:
        since = "–" if row.failing_since is None else f"{row.failing_since:%Y-%m-%d %H:%M}"
        table.add_row(Text(row.id), Text(row.url), Text(row.state.value), Text(since))
    console(as_json=False).print(table if rows else "Events are sent nowhere: gatekeeper webhooks add URL")
    return 0


def remove(webhook: Webhook, by: By = None, as_json: Json = False) -> int:
    """Send nothing to an address ever again."""
    settings = load_settings()
    with workspace(settings, reach=False) as opened:
        row = stage.remove(opened, webhook, by=by or settings.actor)
    if as_json:
        print_json({"id": row.id, "state": row.state.value})
    else:
        console(as_json=False).print(f"Nothing is sent to {row.id} any more.", markup=False)
    return 0


def deliveries(
    webhook: Webhook,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only those.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    as_json: Json = False,
) -> int:
    """List what was sent to an address, what waits, and what was given up."""
    with workspace(load_settings(), reach=False) as opened, opened.store.reading() as session:
        webhooks.require_endpoint(session, webhook)
        rows = webhooks.deliveries(session, webhook, state=state, limit=limit)
    lines = [
        {
            "id": row.id,
            "event": row.event,
            "seq": row.seq,
            "state": row.state.value,
            "attempts": row.attempts,
            "status": row.last_status,
            "error": row.last_error,
            "created": row.created.isoformat(timespec="seconds"),
        }
        for row in rows
    ]
    if as_json:
        print_json({"deliveries": lines})
        return 0
    table = Table(pad_edge=False)
    for column in ("Delivery", "Event", "State", "Attempts", "Answer", "Made"):
        table.add_column(column, overflow="fold", no_wrap=column == "Delivery")
    for line in lines:
        ended = line["status"] or line["error"] or "–"
        shown = (line["id"], line["event"], line["state"], line["attempts"], ended, line["created"])
        table.add_row(*(Text(str(each)) for each in shown))
    console(as_json=False).print(table if lines else "Nothing was sent there.")
    return 0


def send(as_json: Json = False) -> int:
    """Send what is due now, once, and end; the service does the same all the time."""
    from api.webhooks.sender import Sender

    settings = load_settings()
    outgoing = outgoing_of(settings.webhooks, settings.root, settings.home_dir / "keys")
    if outgoing is None:
        raise _nowhere()
    with workspace(settings, reach=False) as opened:
        sent = Sender(opened.store, outgoing.poster, outgoing.key).send_due()
    if as_json:
        print_json(
            {
                "sent": [
                    {
                        "delivery": each.delivery,
                        "webhook": each.endpoint,
                        "event": each.event,
                        "status": each.status,
                        "error": each.error,
                        "taken": each.taken,
                    }
                    for each in sent
                ]
            }
        )
    else:
        taken = sum(each.taken for each in sent)
        console(as_json=False).print(f"{taken} of {len(sent)} deliveries were taken.", markup=False)
    return 0 if all(each.taken for each in sent) else EXIT_NOT_TAKEN


def _nowhere() -> UsageError:
    return UsageError(
        "This installation sends no webhooks.",
        hint='Name the hosts that may be sent to under [webhooks] in gatekeeper.toml: hosts = ["hooks.example.com"].',
    )
