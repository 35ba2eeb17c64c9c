"""``gatekeeper uploads``: files sent to be proposed: take one in as the service does, list them, remove them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.pipeline.uploads.depot import Depot, draft
from gatekeeper.pipeline.uploads.keep import Announced, keep, remove, sweep
from gatekeeper.store import people, uploads
from gatekeeper.store.tables import UploadFormat, UploadKind

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Person = Annotated[str | None, typer.Option("--as", help="Whose upload; default: the settings' actor.")]

_ENDINGS = {"zip": "zip", "tar.gz": "tar.gz", "tgz": "tar.gz", "tar": "tar", "jsonl": "jsonl", "parquet": "parquet"}
_CHUNK = 1 << 20


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Files sent to be proposed.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(show)
    group.command("remove")(take_away)
    group.command("sweep")(clear)
    app.add_typer(group, name="uploads")


def depot_of(settings: Settings) -> Depot:
    """Return where uploads of this project lie.

    Raises:
        UsageError: nothing says where.
    """
    if not settings.incoming:
        raise UsageError("This project takes no files.", hint='Set incoming = "DIR" in gatekeeper.toml.')
    return Depot(incoming=(settings.root / settings.incoming).resolve())


def add(
    file: Annotated[Path, typer.Argument(help="Archive of an adapter, or training rows.")],
    kind: Annotated[UploadKind, typer.Option("--kind", help="What it is meant as.")] = UploadKind.ARTIFACT,
    packed: Annotated[UploadFormat | None, typer.Option("--format", help="By default told from its name.")] = None,
    person: Person = None,
    as_json: Json = False,
) -> int:
    """Take a file in as the service does, and print what a proposal names."""
    if not file.is_file():
        raise UsageError(f"{file} is not a file.", hint="Name an archive, or a file of rows.")
    known = packed or next(
        (UploadFormat(word) for ending, word in _ENDINGS.items() if file.name.lower().endswith(f".{ending}")), None
    )
    if known is None:
        raise UsageError(f"{file.name} does not say how it is packed.", hint="Give --format.")
    settings = load_settings()
    depot = depot_of(settings)
    announced = Announced(digest=sha256_file(file), kind=kind, packed=known)
    with workspace(settings, settle=False, reach=False) as opened, draft(depot) as made:
        try:
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    made.write(chunk)
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from error
        row = keep(opened, depot, made, announced, person=person or settings.actor)
    if as_json:
        print_json({"reference": f"upload:{row.digest}", "files": row.files, "expires": row.expires.isoformat()})
    else:
        console(as_json=False).print(
            f"upload:{row.digest}, {row.files} files, until {row.expires:%Y-%m-%d %H:%M} UTC.", markup=False
        )
    return 0


def show(as_json: Json = False) -> int:
    """List every upload, newest first."""
    settings = load_settings()
    with workspace(settings, settle=False, reach=False) as opened, opened.store.reading() as session:
        lines = [
            {
                "digest": row.digest,
                "by": people.display_name(session, row.holder),
                "kind": row.kind.value,
                "format": row.format.value,
                "size": row.size,
                "files": row.files,
                "expires": row.expires.isoformat(timespec="minutes"),
            }
            for row in uploads.everything(session)
        ]
    if as_json:
        print_json({"uploads": lines})
        return 0
    table = Table()
    for column in ("digest", "by", "kind", "format", "bytes", "files", "until"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*(str(value if value is not None else "erased") for value in line.values()))
    console(as_json=False).print(table)
    return 0


def take_away(
    digest: Annotated[str, typer.Argument(help="Digest, as `gatekeeper uploads list` shows it.")],
    person: Person = None,
    as_json: Json = False,
) -> int:
    """Remove one upload."""
    settings = load_settings()
    with workspace(settings, settle=False, reach=False) as opened:
        remove(opened, depot_of(settings), digest.removeprefix("upload:"), person=person or settings.actor)
    if as_json:
        print_json({"removed": [digest]})
    else:
        console(as_json=False).print(f"{digest} is removed.", markup=False)
    return 0


def clear(as_json: Json = False) -> int:
    """Remove every upload whose time is over; the service does so by itself."""
    settings = load_settings()
    with workspace(settings, settle=False, reach=False) as opened:
        gone = sweep(opened, depot_of(settings))
    if as_json:
        print_json({"removed": gone})
    else:
        console(as_json=False).print(f"{len(gone)} removed.", markup=False)
    return 0
