"""``gatekeeper remind``: tell people of what waits for them, or whose time is nearly over."""

import time
from datetime import timedelta
from typing import Annotated

import typer

from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.pipeline.remind import LogNotifier, Patience, Reminder
from gatekeeper.pipeline.remind import remind as tell
from gatekeeper.pipeline.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(remind)


def patience_of(settings: Settings) -> Patience:
    """Return when something is due, as the settings say."""
    return Patience(
        waiting=timedelta(hours=settings.remind_after_hours),
        expiring=timedelta(hours=settings.remind_before_hours),
        every=timedelta(hours=settings.remind_every_hours),
    )


def remind(
    once: Annotated[bool, typer.Option("--once", help="Look once and end; else look until told to end.")] = False,
    every: Annotated[float, typer.Option("--every", min=1, help="Seconds between two looks.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each look.")] = False,
) -> int:
    """Tell of updates and requests that wait, each at most once per interval over all processes."""
    settings = load_settings()
    with workspace(settings, settle=False, reach=False) as opened:
        while True:
            _look(opened, settings, as_json=as_json)
            if once:
                return 0
            time.sleep(every)


def _look(opened: Workspace, settings: Settings, *, as_json: bool) -> None:
    from api.webhooks.reminding import WebhookNotifier

    shown = () if as_json else (LogNotifier(),)
    told = tell(opened, open_policy(settings), patience_of(settings), *shown, WebhookNotifier(opened.store))
    if as_json:
        print_json({"reminders": [_plain(each) for each in told]})
        return
    screen = console(as_json=False)
    for each in told:
        screen.print(
            f"{each.subject}: {each.action}, {each.given} of {each.required}, waits since "
            f"{each.since:%Y-%m-%d %H:%M} UTC, until {each.expires:%Y-%m-%d %H:%M} UTC.",
            markup=False,
        )
    if not told:
        screen.print("Nothing is due.", markup=False)


def _plain(reminder: Reminder) -> dict[str, object]:
    return {
        "kind": reminder.kind.value,
        "subject": reminder.subject,
        "update": reminder.update,
        "model": reminder.model,
        "action": reminder.action,
        "given": reminder.given,
        "required": reminder.required,
        "since": reminder.since.isoformat(timespec="seconds"),
        "expires": reminder.expires.isoformat(timespec="seconds"),
        "number": reminder.number,
    }
