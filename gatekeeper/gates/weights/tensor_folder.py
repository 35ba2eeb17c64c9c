"""All safetensors of one folder as one set of tensors, with everything that could not be read beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekeeper.core.update import UpdateKind
from gatekeeper.intake.artifact import ADAPTER_WEIGHTS, MODEL_WEIGHTS
from gatekeeper.intake.safetensors_header import MalformedTensors, TensorEntry, TensorFile, read_header
from gatekeeper.intake.tensor_values import READABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A tensor and the file it lies in."""

    file: TensorFile
    entry: TensorEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFolder:
    """What a loader would find."""

    tensors: Mapping[str, Located]
    problems: tuple[tuple[str, str], ...]
    """Subject and sentence, for each file or tensor that cannot be read."""


def read_adapter_tensors(folder: Path) -> TensorFolder:
    """Return the tensors of an adapter's one file of weights."""
    return _read([folder / ADAPTER_WEIGHTS])


def read_model_tensors(folder: Path) -> TensorFolder:
    """Return the tensors of a model's file or shards."""
    return _read(sorted(path for path in folder.iterdir() if MODEL_WEIGHTS.fullmatch(path.name)))


def read_own_tensors(folder: Path, kind: UpdateKind) -> TensorFolder:
    """Return the tensors an update of that kind would load; none, and a problem, for an unknown one."""
    if kind is UpdateKind.FULL_WEIGHTS:
        return read_model_tensors(folder)
    if kind is UpdateKind.UNKNOWN:
        return TensorFolder(tensors={}, problems=((".", "The folder holds no single update that can be loaded."),))
    return read_adapter_tensors(folder)


def _read(paths: list[Path]) -> TensorFolder:
    tensors: dict[str, Located] = {}
    problems: list[tuple[str, str]] = []
    for path in paths:
        try:
            file = read_header(path)
            _require_library_agrees(path, file)
        except MalformedTensors as error:
            problems.append((path.name, error.message))
            continue
        for entry in file.tensors:
            if entry.name in tensors:
                problems.append((entry.name, f"The tensor stands in two files, one of them {path.name}."))
            elif entry.dtype not in READABLE:
                problems.append((entry.name, f"Its element type {entry.dtype} cannot be checked here."))
            else:
                tensors[entry.name] = Located(file=file, entry=entry)
    if not tensors and not problems:
        problems.append((".", "There are no tensors in safetensors files."))
    return TensorFolder(tensors=tensors, problems=tuple(problems))


def _require_library_agrees(path: Path, file: TensorFile) -> None:
    """Return when the library that will load the file sees the same names in it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as opened:
            names = set(opened.keys())
    except (SafetensorError, OSError, ValueError) as error:
        raise MalformedTensors(f"{path.name} is refused by the library that loads it: {error}.") from error
    if names != {entry.name for entry in file.tensors}:
        raise MalformedTensors(f"{path.name} shows the library that loads it other tensors than it shows here.")
