"""Tasks of lm-evaluation-harness as suites: a task file and its local data, read through that library.

The library lays out prompts, examples and targets; what comes out is written down item by item, so that the suite is
frozen. Whatever cannot be said in our format is refused by name: Python functions in a task file, metrics and filters
we do not know, several contexts per item, other output types. Nothing is left out silently.

A task file's templates run in Jinja's sandbox, which gives them a row's own values and nothing else.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from regression.errors import SuiteError
from regression.match_judge import FILTERS
from regression.suites import Suite, make_suite

KNOWN_METRICS: Final[Mapping[str, Mapping[str, str]]] = {
    "multiple_choice": {"acc": "acc", "acc_norm": "acc_norm", "acc_bytes": "acc_bytes"},
    "loglikelihood": {"acc": "acc", "perplexity": "loglikelihood"},
    "loglikelihood_rolling": {name: name for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")},
    "generate_until": {"exact_match": "judge"},
}
"""The harness's metrics by output type, and the name each has here."""

_KIND: Final = {
    "multiple_choice": "choice",
    "loglikelihood": "cloze",
    "loglikelihood_rolling": "text",
    "generate_until": "generate",
}
_MATCH_OPTIONS: Final = frozenset({"ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore"})
_REFUSED: Final = (
    "process_results",
    "process_docs",
    "custom_dataset",
    "use_prompt",
    "doc_to_image",
    "doc_to_audio",
    "unsafe_code",
    "class",
)
_LIMITS: Final = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


def is_task(config: object) -> bool:
    """Return whether a YAML document looks like a task of the harness."""
    return isinstance(config, Mapping) and ("task" in config or "output_type" in config or "include" in config)


def load_harness_task(path: Path) -> Suite:
    """Read a task file and its data as a suite.

    ``data_files`` and a local ``dataset_path`` are looked for beside the task file. Nothing is downloaded.

    Raises:
        SuiteError: the library is missing, the file or its data cannot be read, or it asks for something that our
            format cannot say.
    """
    config = _config(path)
    _refuse(path, config)
    with _sandboxed():
        return _suite(path, _task(path, _local(path, config)))


def _suite(path: Path, task: Any) -> Suite:
    docs = list(task.eval_docs)
    _metrics(path, task)
    output = str(task.OUTPUT_TYPE)
    contexts = [_context(path, task, doc) for doc in docs]
    preamble = _preamble(contexts) if output != "loglikelihood_rolling" else ""
    rows = [
        _row(path, task, n, doc, context[len(preamble) :])
        for n, (doc, context) in enumerate(zip(docs, contexts, strict=True))
    ]
    return make_suite(_header(path, task, preamble), rows, source=path)


class _Loader(yaml.SafeLoader):
    """Plain YAML; a tag for a Python function becomes a marker, and nothing is imported."""


class _Function:
    def __init__(self, name: str) -> None:
        self.name = name


_Loader.add_constructor(
    "!function",
    lambda loader, node: _Function(str(loader.construct_scalar(node))),  # type: ignore[arg-type]  # a scalar is what it is given
)


def read_yaml(path: Path) -> Any:
    """Read a YAML file without running anything.

    Raises:
        SuiteError: it cannot be read, or is no YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise SuiteError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path} is no UTF-8 text.", hint="Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SuiteError("this is no YAML.", path=path, line=mark.line + 1 if mark else 1) from error


def _config(path: Path, depth: int = 0) -> dict[str, Any]:
    """Return the task's settings, with those of the files it includes beneath them."""
    config = read_yaml(path)
    if not isinstance(config, dict):
        raise SuiteError(f"{path} is no task: it must be a mapping.")
    included = config.pop("include", [])
    found: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        if depth > 8:
            raise SuiteError(f"{path} includes itself.")
        found |= _config(path.parent / str(name), depth + 1)
    return found | config


def _refuse(path: Path, config: Mapping[str, Any]) -> None:
    if function := _function_in(config):
        field, name = function
        raise SuiteError(
            f"the task {path} calls the Python function {name} in {field!r}.",
            hint="Functions of a task are not run: write its items down as a suite of your own.",
        )
    if wrong := [name for name in _REFUSED if config.get(name)]:
        raise SuiteError(f"the task {path} uses {wrong[0]!r}, which a suite cannot say.")
    if isinstance(config.get("task"), list):
        raise SuiteError(f"{path} is a group of tasks.", hint="Give its tasks one by one.")
    output = config.get("output_type", "generate_until")
    if output not in _KIND:
        raise SuiteError(f"the task {path} has the output type {output!r}.", hint=f"Known are {', '.join(_KIND)}.")
    for metric in config.get("metric_list") or ():
        name = str(metric.get("metric"))
        if name not in KNOWN_METRICS[output]:
            raise SuiteError(
                f"the task {path} has the metric {name!r}, which is not known here for {output}.",
                hint=f"Known are {', '.join(KNOWN_METRICS[output])}.",
            )
        options = set(metric) - {"metric", "aggregation", "higher_is_better"}
        if odd := options - (_MATCH_OPTIONS if name == "exact_match" else frozenset()):
            raise SuiteError(f"the metric {name!r} of the task {path} has the option {min(odd)!r}, not known here.")
        usual = {"perplexity": "perplexity", "bits_per_byte": "bits_per_byte"}.get(
            name, "weighted_perplexity" if name.endswith("perplexity") else "mean"
        )
        if metric.get("aggregation", usual) != usual:
            raise SuiteError(f"the metric {name!r} of the task {path} is not aggregated by {usual!r}.")
    if config.get("repeats", 1) != 1:
        raise SuiteError(f"the task {path} repeats its requests.", hint="Say 'decoding.samples' in a suite instead.")
    _check_filters(path, output, config.get("filter_list"))


def _check_filters(path: Path, output: str, filters: Any) -> None:
    if filters is None:
        return
    if output != "generate_until":
        raise SuiteError(f"the task {path} filters log-likelihoods, which a suite cannot say.")
    if len(filters) != 1:
        raise SuiteError(f"the task {path} has {len(filters)} filter pipelines.", hint="Leave the one you want.")
    for step in filters[0].get("filter", ()):
        name = step.get("function")
        if name not in FILTERS or set(step) - FILTERS[name] - {"function"}:
            raise SuiteError(
                f"the task {path} has the filter {name!r}, not known here with these fields.",
                hint=f"Known are {', '.join(FILTERS)}.",
            )


def _function_in(value: Any, field: str = "") -> tuple[str, str] | None:
    if isinstance(value, _Function):
        return field, value.name
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        if found := _function_in(part, field or str(name)):
            return found
    return None


def _local(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with data files named from the task's folder."""

    def beside(name: Any) -> Any:
        if isinstance(name, Mapping):
            return {key: beside(part) for key, part in name.items()}
        if isinstance(name, list):
            return [beside(part) for part in name]
        found = path.parent / str(name)
        if not found.exists() and not list(path.parent.glob(str(name))):
            raise SuiteError(f"the data file {name} of the task {path} is not there.", hint="Put it beside the task.")
        return str(found.resolve()) if found.exists() else str(path.parent.resolve() / str(name))

    config = dict(config)
    options = dict(config.get("dataset_kwargs") or {})
    if options.pop("trust_remote_code", False):
        raise SuiteError(f"the task {path} asks to run code of its data set.", hint="Save the data as files.")
    if "data_files" in options:
        options["data_files"] = beside(options["data_files"])
    if options:
        config["dataset_kwargs"] = options
    elif "dataset_kwargs" in config:
        del config["dataset_kwargs"]
    data = config.get("dataset_path")
    if isinstance(data, str) and (path.parent / data).is_dir():
        config["dataset_path"] = str((path.parent / data).resolve())
    return config


def _task(path: Path, config: dict[str, Any]) -> Any:
    import datasets
    from lm_eval.api.task import ConfigurableTask

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        config.setdefault("task", path.stem)
        task = ConfigurableTask(config=config)
        task.set_fewshot_seed(1234)
    except Exception as error:  # the library and its templates raise many kinds
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SuiteError(
            f"the task {path} cannot be read: {type(error).__name__}: {first[:200]}.",
            hint="Its data must lie on this machine.",
        ) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before
    return task


@contextmanager
def _sandboxed() -> Iterator[None]:
    """Let the library fill its templates in a sandbox, in place of its own environment, which can reach everything.

    Raises:
        SuiteError: the library is missing.
    """
    try:
        from lm_eval import utils
    except ImportError as error:
        raise SuiteError(
            "tasks of lm-evaluation-harness need that library.", hint="Install gatekeeper[harness]."
        ) from error
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    own = utils.env
    # No markup is written here, so nothing is escaped.
    utils.env = ImmutableSandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    utils.env.filters.update(own.filters)
    try:
        yield
    finally:
        utils.env = own


def _metrics(path: Path, task: Any) -> None:
    """Refuse what the library fell back on although the task file named no metric."""
    known = KNOWN_METRICS[task.OUTPUT_TYPE]
    if odd := sorted(set(map(str, task.aggregation())) - set(known)):
        raise SuiteError(f"the task {path} has the metric {odd[0]!r}.", hint=f"Known are {', '.join(known)}.")
    if task.multiple_input:
        raise SuiteError(f"the task {path} has several contexts per item, which a suite cannot say.")


def _context(path: Path, task: Any, doc: Any) -> str:
    try:
        context = task.fewshot_context(
            doc, num_fewshot=task.config.num_fewshot or 0, gen_prefix=task.doc_to_prefix(doc)
        )
    except Exception as error:  # templates raise many kinds
        raise SuiteError(f"the task {path} cannot lay out a prompt: {type(error).__name__}: {error}.") from error
    if not isinstance(context, str):
        raise SuiteError(f"the task {path} has several contexts per item, which a suite cannot say.")
    return context


def _preamble(contexts: list[str]) -> str:
    """Return what all contexts begin with, up to the last blank line of it: the examples and the description."""
    if len(contexts) < 2:
        return ""
    first, last = min(contexts), max(contexts)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    end = first[:length].rfind("\n\n")
    return first[: end + 2] if end >= 0 and all(len(context) > end + 2 for context in contexts) else ""


def _header(path: Path, task: Any, preamble: str) -> dict[str, Any]:
    output = str(task.OUTPUT_TYPE)
    first = next(iter(task.aggregation()))
    header: dict[str, Any] = {
        "suite": str(task.config.task),
        "version": 1,
        "kind": _KIND[output],
        "about": f"From the lm-evaluation-harness task {path.name}.",
        "metric": KNOWN_METRICS[output][str(first)],
    }
    if preamble:
        header["preamble"] = preamble
    if output == "multiple_choice":
        header["delimiter"] = task.config.target_delimiter
    if output == "loglikelihood_rolling":
        header["rolling"] = True
    if output == "generate_until":
        options = task.config.generation_kwargs or {}
        if options.get("do_sample") or options.get("temperature", 0):
            header["decoding"] = {"temperature": options.get("temperature", 1.0), "top_p": options.get("top_p", 1.0)}
    return header


def _row(path: Path, task: Any, n: int, doc: Any, prompt: str) -> dict[str, Any]:
    name = str(task.config.task)
    row: dict[str, Any] = {"id": f"{name}-{n:05d}", "cluster": f"{name}-{n:05d}", "topic": name, "doc": _plain(doc)}
    target = task.doc_to_target(doc)
    match task.OUTPUT_TYPE:
        case "loglikelihood_rolling":
            return {**row, "text": target}
        case "loglikelihood":
            return {**row, "prompt": prompt, "target": target}
        case "multiple_choice":
            return {**row, "prompt": prompt, **_choices(path, n, task, doc, target)}
    answers = target if isinstance(target, list) else [target]
    if task.config.doc_to_choice is not None:
        answers = [task.doc_to_choice(doc)[target]]
    judge = {"type": "match", "answers": list(map(str, answers)), **_filters(task)}
    options = dict(task.config.generation_kwargs or {})
    until = options.pop("until", None) or []
    limit = next((options[name] for name in _LIMITS if name in options), 256)
    if odd := set(options) - set(_LIMITS) - {"do_sample", "temperature", "top_p"}:
        raise SuiteError(f"the task {path} generates with the option {min(odd)!r}, which a suite cannot say.")
    until = until if isinstance(until, list) else [until]
    return {**row, "prompt": prompt, "judge": judge, "max_new_tokens": int(limit), "until": until}


def _choices(path: Path, n: int, task: Any, doc: Any, target: Any) -> dict[str, Any]:
    bare = task.doc_to_choice(doc)
    choices = [f"{task.config.target_delimiter}{choice}" for choice in bare]
    targets = target if isinstance(target, list) else [target]
    right = [bare.index(one) if isinstance(one, str) and one in bare else one for one in targets]
    if not right or not all(isinstance(k, int) and 0 <= k < len(bare) for k in right):
        raise SuiteError(
            f"row {n} of the data of {path} has no answer among its choices ({target!r}).",
            hint="Mend or drop the row.",
        )
    return {"choices": choices, **({"answers": right} if isinstance(target, list) else {"answer": right[0]})}


def _filters(task: Any) -> dict[str, Any]:
    """Return filters and comparison options of the judge, only where there are any."""
    found: dict[str, Any] = {}
    if task.config.filter_list:
        found["filters"] = [dict(step) for step in task.config.filter_list[0]["filter"]]
    for metric in task.config.metric_list or ():
        found |= {name: value for name, value in metric.items() if name in _MATCH_OPTIONS}
    return found


def _plain(doc: Any) -> dict[str, Any]:
    """Return a document as JSON would give it back."""
    found: dict[str, Any] = json.loads(json.dumps(dict(doc), default=str, allow_nan=False))
    return found
