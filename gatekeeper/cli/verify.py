"""``gatekeeper verify``: are these the bytes that were admitted, approved and logged? Offline; nothing is loaded."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from audits.passport.trust import load_trust
from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, find_project, load_settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.loading import (
    TRUST_FILE,
    Target,
    Verified,
    parse_target,
    passport_beside,
    read_file,
    verify_folder,
    verify_registered,
)

REVOCATIONS_FILE = "revocations.json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    target: Annotated[str, typer.Argument(help="A folder, or models:/NAME@ALIAS.")],
    passport: Annotated[Path | None, typer.Option(help="Passport; default: FOLDER.passport.json beside it.")] = None,
    trust: Annotated[Path | None, typer.Option(help="Trust file; default: the project's.")] = None,
    revocations: Annotated[Path | None, typer.Option(help="Revocation list; default: the project's.")] = None,
    base: Annotated[Path | None, typer.Option(help="Folder of the base model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Check a folder or an alias against its passport; ends with 20 when a check fails, and names the file."""
    settings = load_settings() if find_project(Path.cwd()) is not None else None
    pinned = load_trust(trust or (settings.trust_file if settings is not None else Path(TRUST_FILE)))
    listed = _revocations(revocations, settings)
    named = parse_target(target)
    if named is None:
        text = read_file(passport or passport_beside(Path(target)), what="passport")
        checked = verify_folder(Path(target), base=base, passport=text, trust=pinned, revocations=listed)
    else:
        if passport is not None:
            raise UsageError("A registered model brings its own passport.", hint="Leave --passport out.")
        if settings is None:
            raise UsageError("No registry is named.", hint="Verify an alias inside a project.")
        _verify_history(settings, named)
        with tempfile.TemporaryDirectory(prefix="gatekeeper-verify-") as made:
            checked = verify_registered(
                named,
                tracking_uri=settings.resolved_tracking_uri,
                trust=pinned,
                revocations=listed,
                into=Path(made),
                base=base,
            )
    _say(target, checked, as_json=as_json)
    return 0


def _verify_history(settings: Settings, target: Target) -> None:
    """Compare the alias with what this project's own record says of it."""
    from gatekeeper.pipeline.verify import verify_alias

    with workspace(settings) as opened:
        verify_alias(opened, target.model, target.alias)


def _revocations(named: Path | None, settings: Settings | None) -> str | None:
    """Return the list that was named, or the project's where there is one; whether one is needed is checked later."""
    if named is not None:
        return read_file(named, what="revocation list")
    file = settings.home_dir / REVOCATIONS_FILE if settings is not None else None
    return read_file(file, what="revocation list") if file is not None and file.exists() else None


def _say(target: str, checked: Verified, *, as_json: bool) -> None:
    passport = checked.passport
    binding = passport.binding
    if as_json:
        print_json(
            {
                "target": target,
                "verified": True,
                "digest": passport.digest,
                "update": passport.update,
                "policy_digest": passport.policy_digest,
                "evidence_digest": passport.evidence_digest,
                "binding": binding,
                "approvals": passport.approvals,
                "checkpoint": {"size": passport.checkpoint.size, "root": passport.checkpoint.root.hex()},
                "witnesses": passport.witnesses,
                "notes": passport.notes,
            }
        )
        return
    screen = console(as_json=False)
    screen.print(f"{target} is verified: {passport.digest}.", markup=False)
    screen.print(
        f"{binding.model} version {binding.version} as {binding.alias} ({binding.kind}), "
        f"{passport.approvals} decisions, {passport.witnesses} witnesses, "
        f"entry {binding.intent} of a log of {passport.checkpoint.size}.",
        markup=False,
    )
    if binding.break_glass:
        screen.print("People overruled a verdict for it.", style="bold yellow")
    for note in passport.notes:
        screen.print(note, markup=False)
