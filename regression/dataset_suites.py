"""Data sets of the Hugging Face format as suites, by a mapping in a small YAML file.

::

    suite: {suite: capitals, version: 1, kind: choice, metric: acc}
    dataset: data/capitals            # a folder or file beside this one, or a name that is already in the cache
    split: test
    item:
      prompt: "The capital of {country} is"
      choices: [" {right}", " {wrong}"]
      answer: 0

A text is a template: ``{field}`` is the row's field, ``{{`` a brace. A value ``{from: field}`` takes the field as it
is, for lists and numbers. ``id``, ``cluster`` and ``topic`` may be mapped too; by default an item is a cluster of its
own. Nothing is downloaded and no code of a data set runs.
"""

import json
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from regression.errors import SuiteError
from regression.harness_tasks import read_yaml
from regression.suites import Suite, make_suite

_FIELDS: Final = frozenset({"suite", "dataset", "config", "split", "data_files", "item", "keep_doc"})
_FORMATS: Final = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}


def is_mapping(content: object) -> bool:
    """Return whether a YAML document looks like a mapping of a data set."""
    return isinstance(content, Mapping) and {"dataset", "item"} <= set(content)


def load_mapped(path: Path) -> Suite:
    """Read a mapping and its data as a suite.

    Raises:
        SuiteError: the library is missing, the mapping is wrong, or the data is not on this machine or lacks a field.
    """
    mapping = read_yaml(path)
    if unknown := set(mapping) - _FIELDS:
        raise SuiteError(f"the mapping {path} has no field {min(unknown)!r}.", hint=f"Known: {sorted(_FIELDS)}.")
    header, item = mapping.get("suite"), mapping.get("item")
    if not isinstance(header, dict) or not isinstance(item, dict):
        raise SuiteError(f"the mapping {path} needs 'suite' and 'item', each a mapping.")
    rows = []
    for n, doc in enumerate(_documents(path, mapping)):
        try:
            row = {name: _fill(template, doc) for name, template in item.items()}
        except KeyError as error:
            raise SuiteError(
                f"row {n} of the data of {path} has no field {error.args[0]!r}.", hint=f"It has {', '.join(doc)}."
            ) from error
        except (ValueError, IndexError) as error:
            raise SuiteError(f"the mapping {path} has a template that cannot be filled: {error}.") from error
        name = f"{header.get('suite')}-{n:05d}"
        row = {"id": name, "cluster": str(row.get("id", name)), "topic": str(header.get("suite")), **row}
        rows.append({**row, "doc": doc} if mapping.get("keep_doc", True) else row)
    return make_suite(header, rows, source=path)


def _documents(path: Path, mapping: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        import datasets
    except ImportError as error:
        raise SuiteError("data sets need the library datasets.", hint="Install gatekeeper[datasets].") from error

    name, split = str(mapping["dataset"]), str(mapping.get("split", "test"))
    local = path.parent / name
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        if local.is_file():
            if local.suffix not in _FORMATS:
                raise SuiteError(f"the data {local} is none of {', '.join(_FORMATS)}.")
            found = datasets.load_dataset(_FORMATS[local.suffix], data_files={split: str(local)}, split=split)
        elif local.is_dir() and (local / "dataset_dict.json").is_file():
            found = datasets.load_from_disk(str(local))[split]
        elif local.is_dir() and (local / "state.json").is_file():
            found = datasets.load_from_disk(str(local))
        else:
            where = str(local) if local.is_dir() else name
            options = {"data_files": mapping["data_files"]} if "data_files" in mapping else {}
            found = datasets.load_dataset(where, mapping.get("config"), split=split, **options)
    except SuiteError:
        raise
    except Exception as error:  # the library raises many kinds
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SuiteError(
            f"the data set {name} of {path} cannot be read: {first[:200]}.", hint="It must lie on this machine."
        ) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before
    for doc in found:
        yield json.loads(json.dumps(doc, default=str))


def _fill(template: Any, doc: Mapping[str, Any]) -> Any:
    """Return a template with the document's fields in it.

    Raises:
        KeyError: the document has no such field.
        ValueError: the template is not well formed.
    """
    if isinstance(template, str):
        return "".join(_parts(template, doc))
    if isinstance(template, list):
        return [_fill(part, doc) for part in template]
    if isinstance(template, dict):
        return (
            doc[str(template["from"])]
            if set(template) == {"from"}
            else {k: _fill(v, doc) for k, v in template.items()}
        )
    return template


def _parts(template: str, doc: Mapping[str, Any]) -> Iterator[str]:
    """Plain fields only: no attributes, no indices, no formats, so that a template is data."""
    for text, field, form, conversion in string.Formatter().parse(template):
        yield text
        if field is None:
            continue
        if form or conversion or not field.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"{{{field}}} is more than the name of a field")
        yield str(doc[field])
