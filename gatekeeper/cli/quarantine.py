"""``gatekeeper quarantine``: which rows a scan held back and why, and their release by a named person."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from audits.reports.visible import one_line, visible
from gatekeeper.cli.desk.choose import client_of, own_name
from gatekeeper.cli.opening import load_own_key, open_policy, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import RemoteSettings, load_remote, load_settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.quarantine.folder import records, waiting, whole_report
from gatekeeper.pipeline.quarantine.release import Reviewer, release_rows
from gatekeeper.pipeline.scan.outputs import ACCEPTED
from gatekeeper.pipeline.scan.sorting import Held, quarantined_line

Folder = Annotated[
    Path, typer.Argument(help="Folder that `gatekeeper scan data` wrote; at a service, the name of the scan there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_SHOWN = 50
_FEW = 12
_MOST = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Rows that a scan held back.", no_args_is_help=True)
    group.command("list")(show)
    group.command("release")(release)
    app.add_typer(group, name="quarantine")


def show(
    folder: Folder,
    rows: Annotated[str | None, typer.Option("--rows", help="Only these, with their text: 3,17 or 20-24.")] = None,
    as_json: Json = False,
) -> int:
    """Show which rows wait and why, and what would release them; with --rows also what they say."""
    if (remote := load_remote()) is not None:
        held, texts = _held_there(remote, str(folder), _numbers(rows) if rows is not None else None)
        if as_json:
            flags = [quarantined_line(flag) for of_row in held.values() for flag in of_row]
            print_json({"waiting": flags, "records": {str(row): text for row, text in texts.items()}})
        else:
            _print(console(as_json=False), held, texts if rows is not None else {}, folder, released=None)
        return 0
    report = whole_report(folder)
    held = waiting(folder)
    named = _numbers(rows) if rows is not None else None
    if named is not None:
        _require_waiting(named, held, folder)
        held = {row: held[row] for row in sorted(named)}
    texts = records(folder, held) if named is not None else {}
    if as_json:
        print_json(
            {
                "waiting": [quarantined_line(flag) for flags in held.values() for flag in flags],
                "released": report["released"],
                "records": {str(row): text for row, text in texts.items()},
            }
        )
        return 0
    _print(console(as_json=False), held, texts, folder, released=report["released"])
    return 0


def release(
    folder: Folder,
    rows: Annotated[str, typer.Option("--rows", help="Which rows: 3,17 or 20-24.")],
    because: Annotated[str, typer.Option("--because", help="Why they may be learned from; kept beside the ledger.")],
    person: Annotated[str | None, typer.Option("--as", help="Who releases; default: the settings' actor.")] = None,
    as_json: Json = False,
) -> int:
    """Release rows under your own name and key: into the ledger, and among the accepted rows."""
    if (remote := load_remote()) is not None:
        with client_of(remote) as client:
            own_key = load_own_key(remote, own_name(client, person))
            there = client.release(str(folder), _numbers(rows), own_key, because=because)
        if as_json:
            print_json({"released": [each.model_dump(mode="json") for each in there]})
        for line in () if as_json else there:
            console(as_json=False).print(
                f"Row {line.row} released from {line.gate} ({', '.join(line.tests)}): {line.release}", markup=False
            )
        return 0
    settings = load_settings()
    who = person or settings.actor
    key = load_own_key(settings, who)
    reviewer = Reviewer(person=who, policy=open_policy(settings), because=because)
    with workspace(settings, settle=False, reach=False) as opened:
        released = release_rows(opened, folder, _numbers(rows), reviewer, key=key)
    if as_json:
        print_json({"released": released, "accepted": str(folder / ACCEPTED)})
        return 0
    screen = console(as_json=False)
    for each in released:
        screen.print(
            f"Row {each.row} released from {each.gate} ({', '.join(each.tests)}): {each.release}", markup=False
        )
    screen.print(f"Written to {folder / ACCEPTED} and into the ledger.", markup=False)
    screen.print(
        f"Next, once the update is trained on the accepted rows: gatekeeper check … --data {folder / ACCEPTED}",
        markup=False,
    )
    return 0


def _held_there(
    remote: RemoteSettings, scan: str, named: frozenset[int] | None
) -> tuple[dict[int, list[Held]], dict[int, str]]:
    """Return the rows of a scan that wait at a service, and their records, as far as the token may see them.

    Raises:
        UsageError: the token may not see rows, or one that was named does not wait.
    """
    held: dict[int, list[Held]] = {}
    texts: dict[int, str] = {}
    with client_of(remote) as client:
        for each in client.quarantined(scan):
            if each.row is None:
                raise UsageError("The token does not let its holder see rows.", hint="Use an approver's or auditor's.")
            if named is not None and each.row not in named:
                continue
            texts[each.row] = each.record or ""
            held[each.row] = [
                Held(
                    row=each.row,
                    gate=flag.gate,
                    test=flag.test,
                    id=flag.id or "",
                    reason=flag.reason or "",
                    release=flag.release,
                )
                for flag in each.flags
            ]
    _require_waiting(named or frozenset(), held, Path(scan))
    return held, texts


def _numbers(text: str) -> frozenset[int]:
    """Return the rows that a person named.

    Raises:
        UsageError: they are no numbers.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        numbers = (first, last) if dash else (first, first)
        if not all(each.strip().isascii() and each.strip().isdigit() for each in numbers):
            raise UsageError(f"{text!r} names no rows.", hint="Write numbers and ranges: 3,17,20-24.")
        start, end = int(numbers[0]), int(numbers[1])
        if end < start or end - start >= _MOST:
            raise UsageError(f"{part.strip()!r} is no range of rows.", hint="Write the smaller number first.")
        found.update(range(start, end + 1))
    return frozenset(found)


def _require_waiting(named: frozenset[int], held: dict[int, list[Held]], folder: Path) -> None:
    if missing := sorted(named - set(held)):
        listed = ", ".join(map(str, missing[:10]))
        raise UsageError(f"Not in quarantine: row {listed}.", hint=f"gatekeeper quarantine list {folder}")


def _print(
    screen: Console, held: dict[int, list[Held]], texts: dict[int, str], folder: Path, *, released: object
) -> None:
    flags = [flag for of_row in held.values() for flag in of_row]
    if not flags:
        screen.print("No row waits.")
    for row, of_row in list(held.items())[:_SHOWN] if texts else ():
        screen.print(f"Row {row}", style="bold")
        screen.print(Text(visible(texts[row])))
        for flag in of_row:
            screen.print(Text(f"  {flag.gate} {flag.test}: {one_line(flag.reason)}"))
            screen.print(Text(f"    {one_line(flag.release)}"))
    if flags and not texts:
        groups = _alike(flags)
        table = Table(pad_edge=False, show_lines=True)
        for column in ("Rows", "Gate and test", "Why they wait", "What releases them"):
            table.add_column(column, ratio=1)
        for group in groups[:_SHOWN]:
            first = group[0]
            gate = Text(f"{first.gate}\n{one_line(first.test)}")
            table.add_row(_listed(group), gate, Text(one_line(first.reason)), Text(one_line(first.release)))
        screen.print(table)
        if len(groups) > _SHOWN:
            screen.print(f"{len(groups) - _SHOWN} more; all are in quarantined.jsonl, or --json.", markup=False)
    if isinstance(released, list) and released:
        rows = sorted({each["row"] for each in released if isinstance(each, dict)})
        screen.print(f"Released so far: {_first(rows)}.", markup=False)
    if flags and not texts:
        row = flags[0].row
        screen.print(f"Read one: gatekeeper quarantine list {folder} --rows {row}", markup=False)
        screen.print(
            f"Release it: gatekeeper quarantine release {folder} --rows {row} --as NAME --because TEXT", markup=False
        )


def _alike(flags: list[Held]) -> list[list[Held]]:
    """Return flags that say the same of several rows together, in order of their first row."""
    groups: dict[tuple[str, str, str, str], list[Held]] = {}
    for flag in flags:
        groups.setdefault((flag.gate, flag.test, flag.reason, flag.release), []).append(flag)
    return list(groups.values())


def _listed(group: list[Held]) -> Text:
    rows = [flag.row for flag in group]
    if len(rows) > 1:
        return Text(f"{len(rows)} rows: {_first(rows)}")
    own = one_line(group[0].id)
    return Text(str(rows[0]) if own == f"row-{rows[0]}" else f"{rows[0]} ({own})")


def _first(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:_FEW])) + (f" and {len(rows) - _FEW} more" if len(rows) > _FEW else "")
