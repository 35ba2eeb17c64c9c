"""``gatekeeper policy lint``, ``explain`` and ``replay``: what a policy asks, and why a verdict came out as it did."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.replay import replay
from gatekeeper.cli.screen import STYLES, console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.gates.catalogue import discover
from gatekeeper.store import runs, updates
from policies.explain import explain, explain_policy
from policies.lint import lint
from policies.load import load_policy
from policies.policy import Policy, Section

Source = Annotated[str, typer.Argument(help="Policy file or builtin:NAME; default: the project's.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Read and explain policies.", no_args_is_help=True)
    group.command("lint")(lint_command)
    group.command("explain")(explain_command)
    group.command("replay")(replay)
    app.add_typer(group, name="policy")


def lint_command(source: Source = "", as_json: Json = False) -> int:
    """Load a policy and name what looks unintended. Ends with 64 when it does not load."""
    policy = _load(source)
    warnings = lint(policy, discover())
    if as_json:
        print_json({"policy": policy.name, "digest": policy.digest, "warnings": warnings})
        return 0
    screen = console(as_json=False)
    screen.print(f"{policy.name} version {policy.version} loads; digest {policy.digest}.", markup=False)
    for warning in warnings:
        screen.print(f"  {warning.where}: {warning.text}", markup=False)
    screen.print(f"{len(warnings)} warnings." if warnings else "No warnings.")
    return 0


def explain_command(
    subject: Annotated[
        str,
        typer.Argument(help="An update id, to see why its verdict is what it is; else a policy file or builtin:NAME."),
    ] = "",
    policy: Annotated[str | None, typer.Option("--policy", help="The policy the verdict was made with.")] = None,
    as_json: Json = False,
) -> int:
    """Say rule by rule what a policy asks, or why an update got its verdict."""
    if subject.startswith("upd-"):
        return _explain_update(load_settings(), subject, policy, as_json=as_json)
    return _explain_policy(_load(subject), as_json=as_json)


def _load(source: str) -> Policy:
    return load_policy(source, discover()) if source else open_policy(load_settings())


def _explain_policy(policy: Policy, *, as_json: bool) -> int:
    sections: dict[str, object] = {}
    screen = console(as_json=False)
    for section in ("gates", "certify"):
        asked = explain_policy(policy, section=section)
        sections[section] = asked
        if as_json or not asked:
            continue
        title = "Every update" if section == "gates" else "A first champion"
        table = Table(title=title, title_justify="left", show_lines=True, pad_edge=False)
        table.add_column("Gate and its question")
        table.add_column("What the policy asks", ratio=1)
        for item in asked:
            limits = "\n".join(f"{limit}: {sentence}" for limit, sentence in item.limits)
            table.add_row(Text(f"{item.gate}\n{item.asks}"), Text(limits))
        screen.print(table)
    if as_json:
        print_json({"policy": policy.name, "digest": policy.digest, **sections})
    return 0


def _explain_update(settings: Settings, update_id: str, override: str | None, *, as_json: bool) -> int:
    policy = open_policy(settings, override)
    with workspace(settings, settle=False) as opened, opened.store.reading() as session:
        row = updates.require(session, update_id)
        run = runs.latest(session, update_id)
        verdict = runs.verdict(session, run.id) if run else None
        if run is None or verdict is None:
            raise StateError(f"Update {update_id} has no verdict yet.", hint="Run it: gatekeeper check.")
        reports = {report.gate: report for report in runs.reports(session, run.id)}
        section: Section = "gates" if row.champion_version is not None else "certify"
    if verdict.policy_digest != policy.digest:
        raise UsageError(
            f"This verdict was made by another policy ({verdict.policy_digest[:19]}…).",
            hint="Name that one with --policy FILE.",
        )
    lines = explain(policy, reports, verdict, section=section)
    if as_json:
        print_json({"update": update_id, "outcome": verdict.outcome.name, "not_run": verdict.not_run, "lines": lines})
        return 0
    table = Table(title=f"{row.name}: {verdict.outcome.name}", title_justify="left", show_lines=True, pad_edge=False)
    for column in ("Limit", "Vote", "Because"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(
            Text(f"{line.gate}/{line.id}"), Text(line.outcome.name, style=STYLES[line.outcome]), Text(line.text)
        )
    screen = console(as_json=False)
    screen.print(table)
    if verdict.not_run:
        screen.print("Not run, because the update was already blocked: " + ", ".join(verdict.not_run), markup=False)
    return 0
