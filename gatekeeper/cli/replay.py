"""``gatekeeper policy replay``: decide once more from what a run kept, and compare."""

from typing import Annotated

import typer

from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.replay import replay as decide_again

EXIT_ANOTHER = VerificationError.exit_code


def replay(
    update: Annotated[str, typer.Argument(help="Update id, as `gatekeeper status` shows it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Decide an update again from the kept policy, reports and waivers. Ends with 20 on another verdict."""
    with workspace(load_settings(), settle=False, reach=False) as opened:
        replayed = decide_again(opened, update)
    if as_json:
        print_json(
            {
                "update": update,
                "run": replayed.run,
                "same": replayed.same,
                "kept": _said(replayed.kept),
                "again": _said(replayed.again),
            }
        )
    else:
        said = "the same verdict" if replayed.same else f"another verdict, {replayed.again.outcome.name}"
        console(as_json=False).print(
            f"{update}, {replayed.run}: {replayed.kept.outcome.name}; decided again: {said}.", markup=False
        )
    return 0 if replayed.same else EXIT_ANOTHER


def _said(verdict: Verdict) -> dict[str, object]:
    return {
        "outcome": verdict.outcome.name,
        "errored": verdict.errored,
        "policy_digest": verdict.policy_digest,
        "evidence_digest": verdict.evidence_digest,
        "waived": [each.code for each in verdict.waived],
    }
