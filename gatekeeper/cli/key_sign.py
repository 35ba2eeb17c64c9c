"""``gatekeeper key sign``: sign a decision that was read elsewhere, such as on a page of the service.

Only decisions are signed. What one says is shown beside the envelope, because whoever gave the document out may not be
whom it seems to come from: compare the digests with those that were looked at.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from audits.passport.decision import PAYLOAD_TYPE, SignedDecision, read_decision
from audits.passport.dsse import public_text, sign
from audits.reports.visible import one_line
from gatekeeper.cli.opening import load_own_key
from gatekeeper.cli.screen import print_json
from gatekeeper.cli.settings import Settings, find_project, load_settings
from gatekeeper.core.errors import UsageError

_LONGEST = 16_384

Document = Annotated[Path, typer.Argument(help="File of the decision, byte for byte; - reads it from standard input.")]
Person = Annotated[str | None, typer.Option("--as", help="Whose key; default: the settings' actor.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def sign_document(document: Document = Path("-"), person: Person = None, as_json: Json = False) -> int:
    """Sign a decision with your own key, and say what it is about."""
    settings = load_settings() if find_project(Path.cwd()) is not None else Settings()
    key = load_own_key(settings, person or settings.actor)
    envelope = sign(_read(document), PAYLOAD_TYPE, key)
    decision, _key = read_decision(envelope, (public_text(key),))  # what is no decision leaves nothing behind
    if as_json:
        print_json({"envelope": envelope, "decision": asdict(decision)})
        return 0
    sys.stderr.write(_words(decision))
    sys.stdout.write(f"{envelope}\n")
    return 0


def _read(document: Path) -> bytes:
    """Return the document without the line end that editors and terminals put after it.

    Raises:
        UsageError: it cannot be read, or is too long to be a decision.
    """
    try:
        content = sys.stdin.buffer.read(_LONGEST + 1) if str(document) == "-" else document.read_bytes()
    except OSError as error:
        raise UsageError(f"{document} cannot be read: {error.strerror}.", hint="Name another file.") from error
    if len(content) > _LONGEST:
        raise UsageError("This is too long to be a decision.", hint="Name the file that holds the document alone.")
    return content.strip()


def _words(decision: SignedDecision) -> str:
    lines = (
        f"{decision.decision}: {decision.action} {decision.update} of {decision.model}, until {decision.expires}",
        *((f"about    {decision.request}",) if decision.request is not None else ()),
        f"update   {decision.update_digest}",
        f"policy   {decision.policy_digest}",
        f"evidence {decision.evidence_digest}",
    )
    return "".join(f"{one_line(line)}\n" for line in lines)
