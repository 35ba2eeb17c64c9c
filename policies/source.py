"""Reading a policy's YAML into plain values, with the line of every one of them.

Only plain YAML is read: one document, no tags, no anchors or aliases, no merge keys, no repeated keys, no
``${variables}``. What a reviewer sees in the file is what is digested.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import yaml

from gatekeeper.core.digests import Plain
from gatekeeper.core.errors import PolicyError

_LARGEST = 1 << 20
_DEEPEST = 12
_WHOLE = 2**53
_BUILTIN = "builtin:"

Place = tuple["str | int", ...]
"""Keys and positions from the top of the file to a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySource:
    """A policy as it was written."""

    name: str
    """File name or ``builtin:<name>``, as shown in errors."""
    value: dict[str, Plain]
    lines: Mapping[Place, int] = field(repr=False)
    """Line of every value, from 1."""

    def error(self, message: str, *, at: Place = (), hint: str = "") -> PolicyError:
        """Return an error that names this file and the line of the nearest value at ``at``."""
        while at and at not in self.lines:
            at = at[:-1]
        line = f", line {self.lines[at]}" if at in self.lines else ""
        return PolicyError(f"{self.name}{line}: {message}", hint=hint)


def builtin_names() -> tuple[str, ...]:
    """Return the names of the policies that come with the package, sorted."""
    folder = files("policies").joinpath("builtin")
    return tuple(sorted(entry.name[: -len(".yaml")] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def read_text(source: str | Path) -> tuple[str, str]:
    """Return the name to show and the text of ``builtin:<name>`` or of a file.

    Raises:
        PolicyError: there is no such policy, or it is not a text file.
    """
    if isinstance(source, str) and source.startswith(_BUILTIN):
        name = source[len(_BUILTIN) :]
        if name not in builtin_names():
            raise PolicyError(
                f"There is no built-in policy {name!r}.", hint=f"There are: {', '.join(builtin_names())}."
            )
        return source, files("policies").joinpath("builtin", f"{name}.yaml").read_text(encoding="utf-8")
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(
            f"The policy {path} cannot be read: {(error.strerror or 'unknown reason').lower()}.",
            hint="Name a YAML file, or builtin:baseline.",
        ) from error
    if len(data) > _LARGEST:
        raise PolicyError(f"{path} is larger than 1 MiB.", hint="A policy is a short YAML file; check the path.")
    try:
        return str(path), data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path} is no UTF-8 text.", hint="Save the policy as UTF-8.") from error


def parse(name: str, text: str) -> PolicySource:
    """Return the plain values of ``text`` with their lines.

    Raises:
        PolicyError: it is not YAML, or not the plain part of it that a policy may use.
    """
    try:
        _refuse_indirection(name, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise PolicyError(
            f"{name}{line}: this is not valid YAML ({error.problem}).", hint="Check indentation, colons and quotes."
        ) from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{name}: this is not valid YAML.", hint="Check for control characters.") from error
    lines: dict[Place, int] = {}
    value = None if node is None else _plain(name, node, (), lines)
    if not isinstance(value, dict):
        raise PolicyError(
            f"{name}: a policy is a mapping with the keys policy, version and gates.",
            hint="Start from a copy of builtin:baseline.",
        )
    return PolicySource(name=name, value=value, lines=lines)


def _refuse_indirection(name: str, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PolicyError(
                f"{name}, line {line}: policies have no anchors or aliases.",
                hint="Write the value out where it applies.",
            )
        if getattr(event, "tag", None) is not None:
            raise PolicyError(f"{name}, line {line}: policies have no YAML tags.", hint="Write the plain value.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise PolicyError(f"{name}, line {line}: this is nested too deeply.", hint="Check the indentation.")


def _plain(name: str, node: yaml.Node, at: Place, lines: dict[Place, int]) -> Plain:
    lines[at] = node.start_mark.line + 1
    match node:
        case yaml.MappingNode():
            return _mapping(name, node, at, lines)
        case yaml.SequenceNode():
            return [_plain(name, item, (*at, place), lines) for place, item in enumerate(node.value)]
        case yaml.ScalarNode():
            return _scalar(name, node)
    raise PolicyError(f"{name}, line {lines[at]}: this kind of YAML value has no place in a policy.")


def _mapping(name: str, node: yaml.MappingNode, at: Place, lines: dict[Place, int]) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = _scalar(name, key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str) or key == "<<":
            raise PolicyError(f"{name}, line {line}: every key is a word.", hint="Quote the key if it is meant.")
        if key in result:
            raise PolicyError(f"{name}, line {line}: the key {key!r} stands here twice.", hint="Remove one of them.")
        result[key] = _plain(name, value_node, (*at, key), lines)
        lines[(*at, key)] = line
    return result


def _scalar(name: str, node: yaml.ScalarNode) -> Plain:
    line = node.start_mark.line + 1
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        raise PolicyError(f"{name}, line {line}: {node.value!r} cannot be read.", hint="Put it in quotes.") from error
    match value:
        case str() if re.search(r"\$\{", value):
            raise PolicyError(
                f"{name}, line {line}: policies have no ${{variables}}.",
                hint="Write the value, so that it is digested.",
            )
        case float() if not math.isfinite(value):
            raise PolicyError(f"{name}, line {line}: a number in a policy is finite.", hint="Write a finite limit.")
        case int() if abs(value) > _WHOLE:
            raise PolicyError(f"{name}, line {line}: this number is beyond 2**53.", hint="Write a smaller number.")
        case None | bool() | int() | float() | str():
            return value
    raise PolicyError(f"{name}, line {line}: {node.value!r} reads as a date or bytes.", hint="Put it in quotes.")
