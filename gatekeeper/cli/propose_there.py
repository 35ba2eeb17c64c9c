"""What ``check`` and ``certify`` do where a service evaluates: propose, wait, show."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import ValidationError

from api.payloads import ProposalIn
from audits.reports.write import parse_target
from gatekeeper.cli.check_there import judge_there, write_reports_there
from gatekeeper.cli.desk.choose import client_of
from gatekeeper.cli.screen import console, print_json, summary, verdict_table
from gatekeeper.cli.settings import RemoteSettings
from gatekeeper.client import Client
from gatekeeper.core.errors import UsageError
from gatekeeper.core.states import State
from gatekeeper.core.update import Provenance
from gatekeeper.core.verdict import Verdict

_THERE = ("models:/", "incoming:")
"""How names begin of what the service has already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is proposed, as it was named on the command line."""

    model: str
    update: str
    """A folder of this machine, or what the service has: ``models:/NAME/VERSION``, ``incoming:PATH``."""
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
        own = client.me().name
        if wanted.person not in (None, own):
            raise UsageError(f"The token belongs to {own}, not to {wanted.person}.", hint="Leave --as out.")
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
    artifact = _brought(client, wanted.update, "adapter")
    try:
        return ProposalIn(
            model=wanted.model,
            name=wanted.name or PurePosixPath(wanted.update).name,
            artifact=artifact,
            data=None if wanted.data is None else _brought(client, wanted.data, "rows"),
            base=None if wanted.base is None else _brought(client, wanted.base, "base"),
            first=wanted.first,
            answers=wanted.answers,
            method=wanted.provenance.method,
            trainer=wanted.provenance.trainer,
            sources=list(wanted.provenance.sources),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]}: {first['msg']}.", hint="See docs/api.md.") from error


def _brought(client: Client, named: str, kind: str) -> str:
    """Return the name under which the service has something."""
    del client, kind
    if named.startswith(_THERE):
        return named
    raise UsageError(f"{named} lies on this machine, and the service does not.", hint="Name what it has.")
