"""The command line's entry: one application, one place where errors become exit codes.

Exit codes: ``0`` admitted (an approval may still be pending), verified, or a demo as expected; ``10`` review needed;
``20`` blocked, or verification failed; ``30`` could not be evaluated, fail closed; ``64`` usage. They are chosen so
that no wrapper confuses them with its own 1 or 2.
"""

import importlib.metadata
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gatekeeper.core.errors import GatekeeperError, UsageError

SIBLINGS = ("audits", "policies", "regression", "api")
"""Top-level packages that ship with this one."""

EXIT_NOT_EVALUATED = 30
EXIT_USAGE = 64
_TYPER_INTERRUPTED = 130
"""What Typer returns instead of passing an interrupt on."""


def build_app() -> typer.Typer:
    """Return the application with every command group."""
    from gatekeeper.cli import (
        approvals,
        break_glass,
        check,
        demo,
        drift,
        intake,
        keys,
        ledger,
        policy,
        project,
        quarantine,
        recall,
        reconcile,
        remind,
        scan,
        serve,
        status,
        tokens,
        trust,
        uploads,
        verify,
        waive,
        webhooks,
        witness,
        worker,
    )
    from gatekeeper.cli import eval as evaluation

    app = typer.Typer(
        name="gatekeeper",
        help="The gate around every weight or adapter update of a language model.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    groups = (policy, ledger, keys, trust, tokens, webhooks, intake)
    for module in (
        demo,
        project,
        check,
        status,
        drift,
        approvals,
        waive,
        break_glass,
        recall,
        reconcile,
        remind,
        verify,
        uploads,
        scan,
        quarantine,
        evaluation,
        *groups,
        serve,
        worker,
        witness,
    ):
        module.register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gatekeeper {importlib.metadata.version('gatekeeper')}\n")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The gate around every weight or adapter update of a language model."""
    del version


def main() -> None:
    """Run one command and exit with the code the contract names for how it ended."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code. Writes errors to standard error, as JSON where ``--json`` was asked."""
    _quiet_libraries()
    as_json = "--json" in arguments
    try:
        require_own_siblings(Path(__file__).resolve().parents[2])
        result = build_app()(arguments, standalone_mode=False)
    except typer.TyperException as error:
        error.show(file=sys.stderr)  # type: ignore[attr-defined]  # every usage error has it; the root type hides it
        if as_json:
            print_error(str(error), "See --help.")
        return EXIT_USAGE
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(as_json)
    except GatekeeperError as error:
        _say(as_json, error.message, error.hint)
        return error.exit_code
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # the reader of our output left; nobody is there to tell
            return EXIT_NOT_EVALUATED
        _say(as_json, f"Something ended the command early ({error.code}); nothing was admitted.", "Run it again.")
        return EXIT_NOT_EVALUATED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_EVALUATED
    except Exception as error:  # the last line of defence: fail closed, and no traceback for a user
        if os.environ.get("GATEKEEPER_TRACEBACK"):
            raise
        _say(
            as_json,
            f"Gatekeeper itself failed ({type(error).__name__}: {error}); nothing was admitted.",
            "Set GATEKEEPER_TRACEBACK=1 and run again to see where; please report it.",
        )
        return EXIT_NOT_EVALUATED
    if result == _TYPER_INTERRUPTED:
        return _interrupted(as_json)
    return result if isinstance(result, int) else 0


def _interrupted(as_json: bool) -> int:
    _say(as_json, "Interrupted: nothing was admitted and nothing was promoted half-way.", "Run the command again.")
    return EXIT_NOT_EVALUATED


def require_own_siblings(home: Path) -> None:
    """Return when the packages installed beside this one are the ones Python would import.

    Their names are common words, and a folder ``api/`` where the command was started must never run in their place.

    Raises:
        UsageError: another package of that name comes first.
    """
    for name in SIBLINGS:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if found is None or found.parents[1] != home:
            raise UsageError(
                f"Python would import {found or 'nothing'} as {name}, not the one that belongs to Gatekeeper.",
                hint="Start the command `gatekeeper` instead of `python -m`, or from another folder.",
            )


def _say(as_json: bool, message: str, hint: str) -> None:
    if as_json:
        print_error(message, hint)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(message, style="bold red", markup=False)
    if hint:
        console.print(hint, markup=False)


def print_error(message: str, hint: str) -> None:
    """Write an error as the one JSON object on standard output."""
    sys.stdout.write(json.dumps({"error": {"message": message, "hint": hint}}) + "\n")


def _quiet_libraries() -> None:
    """Set what libraries read once at import: no telemetry, no hub, no progress bars of their own."""
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        # Threads that wait by sleeping: on a shared machine, spinning ones made scoring twice as slow.
        "TQDM_DISABLE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    main()
