"""``gatekeeper eval``: one model on one suite, with no project or registry.

Exit codes: ``0`` measured, and not inferior where there was something to compare with; ``10`` the comparison is
inconclusive, or the suite was cut short; ``20`` a regression was found; ``30`` an item was not measured or nothing
could be evaluated; ``64`` usage.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, find_project, load_settings
from gatekeeper.core.errors import InputError, UsageError
from regression import (
    Answer,
    ModelRef,
    RegressionError,
    Session,
    Standing,
    Suite,
    Wanted,
    joint_plan,
    limited,
    non_inferiority,
    open_suite,
    text_kl,
    write_suite,
)

EXIT_CODES = {Answer.PASS: 0, Answer.INCONCLUSIVE: 10, Answer.FAIL: 20}
UNMEASURED = 30
LIMITED = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("eval")(evaluate)


def evaluate(
    model: Annotated[Path, typer.Option("--model", help="Folder of full weights.")],
    suite: Annotated[list[str], typer.Option("--suite", help="JSONL file, builtin:NAME, or YAML; again for --plan.")],
    adapter: Annotated[Path | None, typer.Option("--adapter", help="Folder of an adapter on the weights.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for samples.jsonl and results.json.")] = None,
    against: Annotated[Path | None, typer.Option("--against", help="--out of an earlier eval.")] = None,
    margin: Annotated[float, typer.Option("--margin", help="Non-inferiority margin, in the score's unit.")] = 0.02,
    reference: Annotated[Path | None, typer.Option("--reference", help="Base weights for topk_kl.")] = None,
    reference_adapter: Annotated[Path | None, typer.Option("--reference-adapter", help="Adapter on them.")] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="auto, bfloat16 or float32.")] = "auto",
    device: Annotated[str, typer.Option("--device", help="A torch device, or auto.")] = "auto",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N items: no evidence.")] = None,
    freeze: Annotated[Path | None, typer.Option("--freeze", help="Also write the suite as JSONL.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what a margin needs and costs; compute nothing.")] = False,
    discordant: Annotated[float, typer.Option("--discordant", help="--plan: share of items that differ.")] = 0.1,
    rate: Annotated[float | None, typer.Option("--tokens-per-second", help="--plan: the machine's speed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Measure one model on one suite; with --against, say whether it is worse than an earlier one."""
    _check(model, adapter, reference, reference_adapter, suite, plan=plan, out=out, freeze=freeze)
    if not 0 < margin < float("inf"):
        raise UsageError("--margin must be a number above 0.", hint="For example --margin 0.05.")
    ref = ModelRef(base=model, adapter=adapter)
    screen = console(as_json=as_json)
    try:
        suites = [open_suite(source) for source in suite]
        if freeze is not None:
            write_suite(suites[0], freeze)
        if limit is not None:
            suites = [limited(one, limit) for one in suites]
        with (
            _Bar(screen, suites[0].name) as watch,
            Session(_cache_dir() / "items", dtype=dtype, device=device, progress=watch) as session,
        ):
            if plan:
                planned = _plan(session, ref, suites, margin=margin, discordant=discordant, rate=rate)
            elif out is not None:
                other = ModelRef(base=reference, adapter=reference_adapter) if reference is not None else None
                summary = _measure(session, ref, suites[0], other, against, margin, out)
    except RegressionError as error:
        raise InputError(_sentence(error.message), hint=error.hint) from error
    if plan:
        _show_plan(screen, planned, as_json=as_json)
        return 0
    if out is None:
        return 0
    _show(screen, summary, out, as_json=as_json)
    return _exit_code(summary)


def _check(
    model: Path,
    adapter: Path | None,
    reference: Path | None,
    reference_adapter: Path | None,
    sources: list[str],
    *,
    plan: bool,
    out: Path | None,
    freeze: Path | None,
) -> None:
    """Refuse what is wrong on the command line itself, before anything is loaded."""
    for option, folder in (
        ("--model", model),
        ("--adapter", adapter),
        ("--reference", reference),
        ("--reference-adapter", reference_adapter),
    ):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{option} {folder} is not a folder.", hint="Name the folder that holds the weights.")
    for source in sources:
        if not source.startswith("builtin:") and not Path(source).is_file():
            raise UsageError(f"--suite {source} is not a file.", hint="Give a JSONL or YAML file, or builtin:NAME.")
    if len(sources) > 1 and not plan:
        raise UsageError("Several suites are for --plan.", hint="Evaluate them one by one, each with its own --out.")
    if out is None and not plan and freeze is None:
        raise UsageError("There is nowhere to write the results to.", hint="Give --out DIR.")
    if reference_adapter is not None and reference is None:
        raise UsageError("--reference-adapter needs --reference.", hint="Name its base weights.")


def _measure(
    session: Session,
    ref: ModelRef,
    suite: Suite,
    reference: ModelRef | None,
    against: Path | None,
    margin: float,
    out: Path,
) -> dict[str, Any]:
    """Evaluate, compare, write both files; return the summary."""
    from regression.models import load_encoder
    from regression.results import compare_with, read_results, summarise, tokenizer_digest, with_kl, write_results

    earlier = read_results(against) if against is not None else None
    result = session.evaluate(ref, suite)
    if suite.score == "topk_kl" and reference is not None:
        result = with_kl(suite, result, [drift.kl for drift in text_kl(session, ref, reference, suite)])
    summary = summarise(
        suite,
        result,
        ref,
        tokenizer=tokenizer_digest(load_encoder(ref)),
        arithmetic=(session.dtype, session.device),
    )
    if earlier is not None:
        paired = compare_with(suite, summary, result, earlier)
        summary["paired"] = {
            **dataclasses.asdict(paired),
            "margin": margin,
            "answer": str(non_inferiority(paired, margin)),
            "reference": {"folder": str(earlier.folder), **earlier.summary["model"]},
        }
    write_results(out, suite, result, summary)
    return {**summary, "fresh": result.fresh, "cached": result.cached}


def _exit_code(summary: dict[str, Any]) -> int:
    if summary["unmeasured"]:
        return UNMEASURED
    code = EXIT_CODES[Answer(summary["paired"]["answer"])] if "paired" in summary else 0
    return max(code, LIMITED) if summary["limited"] and "paired" in summary else code


def _cache_dir() -> Path:
    """The project's cache, or, outside of one, the one all projects of this user share."""
    return (Settings() if find_project(Path.cwd()) is None else load_settings()).cache_dir


def _sentence(message: str) -> str:
    """A message as a sentence; one that begins with a file's name stays as it is."""
    return message[:1].upper() + message[1:] if message.partition(" ")[0].isalpha() else message


class _Bar:
    """A progress bar that the session fills."""

    def __init__(self, screen: Console, title: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
        )
        self._task = self._progress.add_task(title, total=None, speed="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, standing: Standing) -> None:
        speed = f"{standing.tokens_per_second:,.0f} tokens/s" if standing.tokens_per_second else ""
        self._progress.update(self._task, completed=standing.items_done, total=standing.items_total, speed=speed)


def _plan(
    session: Session, ref: ModelRef, suites: list[Suite], *, margin: float, discordant: float, rate: float | None
) -> dict[str, Any]:
    """Return, per suite, how many items the margin needs so that all suites pass together, and what they cost."""
    if not 0 < discordant <= 1 or (rate is not None and not rate > 0):
        raise UsageError("--discordant lies above 0 and at most at 1; --tokens-per-second is above 0.")
    speed, how = (rate, "given") if rate is not None else (_guessed_rate(ref, session.dtype), "guessed from the size")
    costs = [session.cost(ref, suite) for suite in suites]
    wanted = [
        Wanted(name=suite.name, items=max(2, len(suite.items)), margin=margin, discordant=discordant)
        for suite in suites
    ]
    rows = [
        {
            "suite": suite.name,
            "digest": suite.digest,
            "items": len(suite.items),
            "items_needed": planned.need,
            "margin_reachable": planned.reachable,
            "tokens_read": read,
            "tokens_written_at_most": written,
            "seconds": (read + written) / speed,
        }
        for suite, planned, (read, written) in zip(suites, joint_plan(wanted).suites, costs, strict=True)
    ]
    assumed = {"discordant": discordant, "design_effect": 1.0, "tokens_per_second": speed, "speed": how}
    return {"margin": margin, "tests": len(suites), "assumed": assumed, "suites": rows}


def _guessed_rate(ref: ModelRef, dtype: str) -> float:
    """Tokens per second by the number of weights, from what a model of 135 million does on two cores."""
    from safetensors import safe_open

    weights = 0
    for path in ref.base.glob("*.safetensors"):
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 - the file is no mapping
                    size = 1
                    for part in file.get_slice(name).get_shape():
                        size *= int(part)
                    weights += size
        except Exception as error:  # the library raises many kinds
            raise InputError(f"{path} is no safetensors file.", hint="Check that it is complete.") from error
    return (400.0 if dtype == "float32" else 1300.0) * 135e6 / max(weights, 1_000_000)


def _show_plan(screen: Console, planned: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(planned)
        return
    table = Table(pad_edge=False)
    for column in ("Suite", "Items", "Needed", "Margin they carry", "Tokens", "About"):
        table.add_column(column, justify="left" if column == "Suite" else "right")
    for row in planned["suites"]:
        table.add_row(
            row["suite"],
            str(row["items"]),
            str(row["items_needed"]),
            f"{row['margin_reachable']:.3f}",
            f"{row['tokens_read']:,} + {row['tokens_written_at_most']:,}",
            f"{row['seconds']:,.0f} s",
        )
    screen.print(table)
    assumed = planned["assumed"]
    screen.print(
        f"For a margin of {planned['margin']:g} in {planned['tests']} tests that must all pass. Assumed: "
        f"{assumed['discordant']:.0%} of the items differ, items are independent, "
        f"{assumed['tokens_per_second']:,.0f} tokens a second ({assumed['speed']}).",
        markup=False,
    )


def _show(screen: Console, summary: dict[str, Any], out: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    score = summary["score"]
    name = f"{summary['suite']['name']}: {score['name']}"
    if score["value"] is None:
        screen.print(f"{name} was not measured: {score['unmeasured']}", style="bold red", markup=False)
    else:
        screen.print(
            f"{name} {score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}], "
            f"{score['n']} items in {score['clusters']} clusters",
            markup=False,
        )
    for one in summary["unmeasured"][:5]:
        screen.print(f"  not measured: {one['error'] or one['id']}", markup=False)
    if "paired" in summary:
        paired = summary["paired"]
        screen.print(
            f"{paired['answer'].upper()}: difference {paired['delta']:+.4f} [{paired['low']:+.4f}, "
            f"{paired['high']:+.4f}], margin {paired['margin']:g}, {paired['negative_flips']} worse, "
            f"{paired['positive_flips']} better ({paired['method']})",
            markup=False,
        )
    if summary["limited"]:
        screen.print("Limited to the first items: this is no evidence.", style="yellow")
    screen.print(f"{summary['fresh']} items computed, {summary['cached']} known. Written to {out}.", markup=False)
