"""What a version's tags say: rows, base, trainer, and how it came to be.

Tags are claims of whoever registered it. They name things; what the things are is found out from the bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gatekeeper.core.errors import InputError
from gatekeeper.core.update import Provenance
from gatekeeper.pipeline.taking.intake import Intake, Refused, asking
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.port import RegisteredVersion

DATA_TAG: Final = "gatekeeper.data"
"""Training rows: a file of the version's run, ``incoming:PATH``, or ``none``."""
BASE_TAG: Final = "gatekeeper.base"
"""Base model of an adapter: ``incoming:PATH``; by default the champion's."""
TITLE_TAG: Final = "gatekeeper.title"
"""What people are to call it."""
TRAINER_TAG: Final = "gatekeeper.trainer"
"""Who trained it; whoever made its run counts too."""
METHOD_TAG: Final = "gatekeeper.method"
"""How, e.g. ``lora sft``."""
SOURCES_TAG: Final = "gatekeeper.sources"
"""Where the rows came from, separated by commas."""

NO_DATA: Final = "none"
INCOMING: Final = "incoming:"

_LONGEST: Final = 200
_MOST_SOURCES: Final = 50


def trainer(workspace: Workspace, version: RegisteredVersion) -> str:
    """Return who trained a version, so that they do not approve it: by its tag, or by who made its run.

    Raises:
        Refused: both name people of this project, and not the same: only one of them could be kept out.
    """
    with asking("run"):
        made_by = "" if version.run_id is None else workspace.registry.run_user(version.run_id)
    claims = [text(each) for each in (version.tags.get(TRAINER_TAG, ""), made_by) if text(each)]
    people = {workspace.lookup(name) for name in workspace.principals}
    ours = {workspace.lookup(each): each for each in claims if workspace.lookup(each) in people}
    if len(ours) > 1:
        raise Refused("two-trainers", "Its tag and its run name two people of this project: propose it by hand.")
    return next(iter(ours.values()), claims[0] if claims else "")


def rows(workspace: Workspace, intake: Intake, version: RegisteredVersion, draft: Path) -> Path | None:
    """Return the file of the training rows that a version names; ``None`` where it names none.

    Raises:
        GatekeeperError: it names one that there is not.
    """
    named = version.tags.get(DATA_TAG, NO_DATA).strip()
    if named in {"", NO_DATA}:
        return None
    if named.startswith(INCOMING):
        return _incoming(intake, named, file=True)
    if version.run_id is None:
        raise InputError(f"The tag {DATA_TAG} names a file of the version's run, and there is no run.")
    folder = draft / "rows"
    folder.mkdir()
    fetched = workspace.registry.fetch_run_file(version.run_id, named, folder)
    return fetched.rename(folder / f"rows{fetched.suffix.lower()[:10]}")  # a name of ours, whatever theirs is


def base(intake: Intake, tags: Mapping[str, str]) -> Path | None:
    """Return the folder of the base model that a version names; ``None`` for the champion's.

    Raises:
        GatekeeperError: it names one that there is not.
    """
    named = tags.get(BASE_TAG, "").strip()
    if not named:
        return None
    if not named.startswith(INCOMING):
        raise InputError(f"The tag {BASE_TAG} says {INCOMING} and a folder.")
    return _incoming(intake, named, file=False)


def _incoming(intake: Intake, named: str, *, file: bool) -> Path:
    """Return the file, or the folder, that lies below the incoming folder under a name.

    Raises:
        InputError: there is no incoming folder, nothing of that name and kind in it, or a link.
    """
    folder = intake.incoming
    if folder is None:
        raise InputError("There is no incoming folder here, and a tag names something in it.")
    try:
        found = folder.resolve() / named.removeprefix(INCOMING)
        inside = found.resolve() == found and found.is_relative_to(folder.resolve())
        inside = inside and (found.is_file() if file else found.is_dir())
        linked = inside and found.is_dir() and any(path.is_symlink() for path in found.rglob("*"))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError("A tag names nothing that can be in the incoming folder.") from error
    if not inside or linked:
        raise InputError("The incoming folder holds no plain folder or file that a tag names.")
    return found


def text(written: str) -> str:
    """Return a tag's text as one short line, without what moves a cursor or turns the direction of writing."""
    shown = "".join(letter if letter.isprintable() else " " for letter in written)
    return " ".join(shown.split())[:_LONGEST]


def provenance(tags: Mapping[str, str], *, by: str) -> Provenance:
    """Return how a version came to be, as its tags say, and ``by`` whom it was trained."""
    sources = tags.get(SOURCES_TAG, "").split(",")[:_MOST_SOURCES]
    return Provenance(
        method=text(tags.get(METHOD_TAG, "")), trainer=by, sources=tuple(filter(None, map(text, sources)))
    )


def title(version: RegisteredVersion) -> str:
    """Return what people call a version."""
    return text(version.tags.get(TITLE_TAG, "")) or f"{version.model} {version.version}"
