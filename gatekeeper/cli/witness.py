"""``gatekeeper witness``: remember how long other people's logs were, and cosign what continues them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gatekeeper.cli.screen import print_json
from gatekeeper.core.errors import UsageError

DEFAULT_KEY = Path("witness.pem")
DEFAULT_ADDRESS = "127.0.0.1:8787"

KeyFile = Annotated[Path, typer.Option("--key", help="The witness's private key; created where there is none.")]
StateFile = Annotated[
    Path | None, typer.Option("--state", help="What the witness saw last; default: beside the key, as .json.")
]
Name = Annotated[str, typer.Option("--name", help="The witness's name, such as witness.example/w1.")]
Logs = Annotated[list[str] | None, typer.Option("--log", help="Verifier key of a log to serve; repeat for several.")]
Listen = Annotated[str, typer.Option("--listen", help="HOST:PORT; port 0 takes a free one.")]
ShowKey = Annotated[bool, typer.Option("--show-key", help="Print the verifier key and end.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("witness")(witness)


def witness(
    name: Name,
    key: KeyFile = DEFAULT_KEY,
    state: StateFile = None,
    log: Logs = None,
    listen: Listen = DEFAULT_ADDRESS,
    show_key: ShowKey = False,
    as_json: Json = False,
) -> int:
    """Cosign the checkpoints of logs that only ever grew. Run it on another machine, under another account."""
    from audits.ledger.note import COSIGNATURE, verifier_key
    from audits.witness.files import witness_key

    file = state if state is not None else key.with_suffix(".json")
    private = witness_key(key, file)
    vkey = str(verifier_key(name, private, kind=COSIGNATURE))
    if show_key:
        _say({"name": name, "key": vkey}, vkey, as_json=as_json)
        return 0
    if not log:
        raise UsageError("The witness has no log to serve.", hint="Name one: --log VKEY (gatekeeper trust show).")

    from audits.witness.judge import Witness
    from audits.witness.server import listen as open_listener
    from audits.witness.server import serve
    from audits.witness.state import WitnessState

    remembered = WitnessState.open(file)
    try:
        served = Witness(name=name, key=private, logs=log, state=remembered)
        with open_listener(listen) as listener:
            host, port = listener.getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            _say({"name": name, "key": vkey, "url": url}, f"{vkey}\nlistening at {url}", as_json=as_json)
            serve(served, listener)
    finally:
        remembered.close()
    return 0


def _say(facts: dict[str, str], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()
