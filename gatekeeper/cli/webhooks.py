"""``gatekeeper webhooks``: where events are sent, what became of them, and sending without the service."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

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
from gatekeeper.store.tables import DeliveryState, EndpointRow

if TYPE_CHECKING:
    from api.webhooks.settings import Outgoing

EXIT_NOT_TAKEN = 30

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
By = Annotated[str | None, typer.Option("--as", help="Who does it; default: the settings' actor.")]
Webhook = Annotated[str, typer.Argument(help="Id of the webhook, as `gatekeeper webhooks list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Send what happens to other programs.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_webhooks)
    group.command("test")(send_test)
    for command in (remove, enable, disable, secret, deliveries, again, send):
        group.command(command.__name__)(command)
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
    outgoing = _outgoing()
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
    """Send nothing to an address ever again; what waits for it is given up."""
    return _change(stage.remove, webhook, by, as_json=as_json)


def enable(webhook: Webhook, by: By = None, as_json: Json = False) -> int:
    """Send to an address again, beginning with what waits for it."""
    return _change(stage.enable, webhook, by, as_json=as_json)


def disable(webhook: Webhook, by: By = None, as_json: Json = False) -> int:
    """Send nothing to an address for now; events wait."""
    return _change(stage.disable, webhook, by, as_json=as_json)


def secret(webhook: Webhook, by: By = None, as_json: Json = False) -> int:
    """Make another secret and show it this once; the former one counts for a day more."""
    from api.webhooks.signing import secret_of

    settings, outgoing = load_settings(), _outgoing()
    with workspace(settings, reach=False) as opened:
        row = stage.new_secret(opened, webhook, by=by or settings.actor)
    made = secret_of(outgoing.key, row.id, row.generation)
    if as_json:
        print_json({"id": row.id, "secret": made})
    else:
        console(as_json=False).print(made, markup=False)
    return 0


def send_test(webhook: Webhook, as_json: Json = False) -> int:
    """Send an event that is about nothing, with whatever else is due."""
    from api.webhooks.events import TEST

    _outgoing()
    with workspace(load_settings(), reach=False) as opened, opened.store.transaction() as session:
        webhooks.require_endpoint(session, webhook)
        webhooks.add_test(session, webhook, TEST, now=datetime.now(UTC))
    return send(as_json=as_json)


def again(
    webhook: Webhook,
    delivery: Annotated[str, typer.Argument(help="Id of the delivery, as `gatekeeper webhooks deliveries` shows it.")],
    as_json: Json = False,
) -> int:
    """Send one event again, with whatever else is due."""
    _outgoing()
    with workspace(load_settings(), reach=False) as opened, opened.store.transaction() as session:
        webhooks.require_endpoint(session, webhook)
        row = webhooks.find_delivery(session, webhook, delivery)
        if row is None:
            raise UsageError(f"{webhook} has no delivery {delivery}.", hint="Deliveries are listed for thirty days.")
        webhooks.send_again(session, row, now=datetime.now(UTC))
    return send(as_json=as_json)


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

    settings, outgoing = load_settings(), _outgoing()
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
        screen = console(as_json=False)
        for each in sent:
            if not each.taken:
                why = each.error if each.status is None else f"answered {each.status}"
                screen.print(f"{each.delivery} of {each.endpoint} was not taken: {why}.", markup=False)
        screen.print(f"{sum(each.taken for each in sent)} of {len(sent)} deliveries were taken.", markup=False)
    return 0 if all(each.taken for each in sent) else EXIT_NOT_TAKEN


def _change(act: Callable[..., EndpointRow], webhook: str, by: str | None, *, as_json: bool) -> int:
    settings = load_settings()
    with workspace(settings, reach=False) as opened:
        row = act(opened, webhook, by=by or settings.actor)
    if as_json:
        print_json({"id": row.id, "state": row.state.value})
    else:
        console(as_json=False).print(f"{row.id} is {row.state.value}.", markup=False)
    return 0


def _outgoing() -> "Outgoing":
    """Return how events are sent.

    Raises:
        UsageError: the settings name no host that may be sent to.
    """
    settings = load_settings()
    outgoing = outgoing_of(settings.webhooks, settings.root, settings.home_dir / "keys")
    if outgoing is None:
        raise UsageError(
            "This installation sends no webhooks.",
            hint='Name hosts under [webhooks] in gatekeeper.toml: hosts = ["hooks.example.com"].',
        )
    return outgoing
