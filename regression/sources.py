"""Where a suite comes from: our own file, a builtin, a task of lm-evaluation-harness, or a mapped data set."""

from pathlib import Path

from regression.errors import SuiteError
from regression.suites import Suite, load_suite


def open_suite(source: str | Path) -> Suite:
    """Read a suite from whatever ``source`` names: ``builtin:NAME``, a JSONL file, or a YAML file.

    A YAML file with ``dataset`` and ``item`` maps a data set; any other is a task of lm-evaluation-harness.

    Raises:
        SuiteError: it cannot be read, or asks for something our format cannot say.
    """
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        return load_suite(source)
    from regression.dataset_suites import is_mapping, load_mapped
    from regression.harness_tasks import is_task, load_harness_task, read_yaml

    content = read_yaml(path)
    if is_mapping(content):
        return load_mapped(path)
    if is_task(content):
        return load_harness_task(path)
    raise SuiteError(
        f"{path} is neither a task of lm-evaluation-harness nor a mapped data set.",
        hint="A task has 'task' and 'output_type', a mapping has 'suite', 'dataset' and 'item'.",
    )
