"""What ``check`` and ``certify`` do where a service evaluates: propose, wait, show."""

import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import ValidationError

from api.payloads import ProposalIn
from audits.reports.write import parse_target
from gatekeeper.cli.check_there import judge_there, write_reports_there
from gatekeeper.cli.desk.choose import client_of, own_name
from gatekeeper.cli.screen import console, print_json, summary, verdict_table
from gatekeeper.cli.settings import RemoteSettings
from gatekeeper.client import Client
from gatekeeper.core.errors import UsageError
from gatekeeper.core.states import State
from gatekeeper.core.update import Provenance
from gatekeeper.core.verdict import Verdict

_THERE = ("models:/", "incoming:", "upload:")
"""How names begin of what the service has already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is proposed, as it was named on the command line."""

    model: str
    update: str
    """A folder of this machine, or what the service has: ``models:/NAME/VERSION``, ``incoming:PATH``, ``upload:…``."""
    data: str | None
    base: str | None
    name: str | None
    person: str | None
    provenance: Provenance
    first: bool
    answers: str | None = None
    """Id of the update that was sent back and that this one replaces."""


def evaluate_there(
    remote: RemoteSettings, wanted: Wanted, targets: tuple[str, ...], *, queue: bool, as_json: bool
) -> Verdict | None:
    """Propose at a service, show the verdict and write the reports; return the verdict, or ``None`` with ``queue``.

    Raises:
        UsageError: a name stands for nothing that can be proposed, or a report cannot be written.
        Refused: the service says no.
    """
    for target in targets:
        parse_target(target)
    if queue and targets:
        raise UsageError("--queue has no verdict to report yet.", hint="Leave --report out.")
    screen, aside = console(as_json=as_json), console(as_json=True)
    with client_of(remote) as client:
        own_name(client, wanted.person)
        proposed = client.propose(_proposal(client, wanted))
        aside.print(f"{proposed.id} is proposed; its evaluation goes on when this command ends.", markup=False)
        if queue:
            started = client.start(client.update(proposed.id))
            if as_json:
                print_json({"update": proposed.id, "run": started.id})
            else:
                screen.print(f"{proposed.id} is evaluated as {started.id}.", markup=False)
            return None
        judged = judge_there(client, proposed)
        if as_json:
            print_json(summary((judged,)))
        else:
            screen.print(verdict_table((judged,)))
            if judged.state is State.PENDING_APPROVAL:
                screen.print("Next, by somebody else than its proposer:", markup=False)
                screen.print(f"  gatekeeper approve {judged.update_id}", markup=False)
        if targets:
            if judged.reports is None:
                aside.print("The token may not see what gates measured: reports hold the reasons alone.")
            write_reports_there(client, judged, targets, url=remote.url)
    return judged.verdict


def _proposal(client: Client, wanted: Wanted) -> ProposalIn:
    if wanted.base is not None and not wanted.base.startswith(_THERE):
        raise UsageError(
            "A base model is not sent: the service has to have it.",
            hint="Name what it has with --base incoming:PATH, or leave --base out for the champion's.",
        )
    artifact = _brought(client, wanted.update, "artifact")
    try:
        return ProposalIn(
            model=wanted.model,
            name=wanted.name or PurePosixPath(wanted.update).name,
            artifact=artifact,
            data=None if wanted.data is None else _brought(client, wanted.data, "rows"),
            base=wanted.base,
            first=wanted.first,
            answers=wanted.answers,
            method=wanted.provenance.method,
            trainer=wanted.provenance.trainer,
            sources=list(wanted.provenance.sources),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]}: {first['msg']}.", hint="See docs/api.md.") from error


def _brought(client: Client, named: str, kind: Literal["artifact", "rows"]) -> str:
    """Return the name under which the service has something; what lies here is sent.

    Raises:
        UsageError: there is nothing of that name, or it cannot be sent.
        Refused: the service does not take it.
    """
    if named.startswith(_THERE):
        return named
    path = Path(named)
    if kind == "rows":
        if not path.is_file():
            raise UsageError(f"--data {path} is not a file.", hint="Name a JSONL or Parquet file.")
        return client.upload(path, kind=kind).reference
    if not path.is_dir():
        raise UsageError(f"--update {path} is not a folder.", hint="Name the folder that holds the weights.")
    with TemporaryDirectory() as folder:
        packed = Path(folder) / "update.tar"
        _pack(path, packed)
        return client.upload(packed, kind=kind).reference


def _pack(folder: Path, into: Path) -> None:
    """Write a folder's files into an archive that says nothing about this machine; the same files give the same bytes.

    Raises:
        UsageError: it holds something else than plain files, or cannot be read.
    """
    try:
        with tarfile.open(into, "w", format=tarfile.USTAR_FORMAT) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_symlink() or not (file.is_file() or file.is_dir()):
                    raise UsageError(f"{file} is no plain file.", hint="Copy the files themselves into the folder.")
                if file.is_file():
                    entry = tarfile.TarInfo(file.relative_to(folder).as_posix())
                    entry.size = file.stat().st_size
                    with file.open("rb") as stream:
                        archive.addfile(entry, stream)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} cannot be packed: {error}.", hint="Look at the names of its files.") from error
