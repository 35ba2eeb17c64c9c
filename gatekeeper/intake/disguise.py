"""What a file is, told from its bytes: programs, archives and pickles, whatever they are called.

Nothing is run, unpacked or unpickled. A pickle is recognised by walking its opcodes, which executes none of them. A
name is never trusted to say that a file is harmless; it may only say that it is harmful.
"""

import io
import pickletools
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO


class Nature(StrEnum):
    """What a file can do when something opens it."""

    PICKLE = "pickle"
    """Runs code when it is loaded: pickle, ``torch.save``, joblib, NumPy object arrays, Keras models."""
    PROGRAM = "program"
    """Runs code when it is started or imported: machine code, bytecode, scripts."""
    ARCHIVE = "archive"
    """Hides other files."""
    PLAIN = "plain"
    """None of these."""


def words(text: str) -> frozenset[str]:
    """Return the words of a list that is easier to read in one line."""
    return frozenset(text.split())


_PICKLE_ENDINGS = words(
    "pkl pickle pk p bin pt pth ckpt joblib jbl dill cloudpickle npy npz h5 hdf5 keras pb mar nemo t7 model_state "
    "dat sav"
)
_PROGRAM_ENDINGS = words(
    "py pyc pyd pyw pyx pyz ipynb so dll dylib exe sh bash zsh bat cmd ps1 js mjs ts jar class lua rb pl php "
    "wasm com msi vbs node whl egg cu ptx cubin hsaco"
)
_ARCHIVE_ENDINGS = words("zip tar tgz gz bz2 xz txz zst 7z rar cab iso lz4 lzma")

_MAGIC: Mapping[bytes, Nature] = MappingProxyType(
    {
        b"\x80\x02": Nature.PICKLE,
        b"\x80\x03": Nature.PICKLE,
        b"\x80\x04": Nature.PICKLE,
        b"\x80\x05": Nature.PICKLE,
        b"\x93NUMPY": Nature.PICKLE,
        b"\x89HDF\r\n\x1a\n": Nature.PICKLE,
        b"\x7fELF": Nature.PROGRAM,
        b"MZ": Nature.PROGRAM,
        b"\xcf\xfa\xed\xfe": Nature.PROGRAM,
        b"\xce\xfa\xed\xfe": Nature.PROGRAM,
        b"\xca\xfe\xba\xbe": Nature.PROGRAM,
        b"\x00asm": Nature.PROGRAM,
        b"#!": Nature.PROGRAM,
        b"\xef\xbb\xbf#!": Nature.PROGRAM,
        b"\x1f\x8b": Nature.ARCHIVE,
        b"BZh": Nature.ARCHIVE,
        b"\xfd7zXZ\x00": Nature.ARCHIVE,
        b"7z\xbc\xaf\x27\x1c": Nature.ARCHIVE,
        b"\x28\xb5\x2f\xfd": Nature.ARCHIVE,
        b"Rar!\x1a\x07": Nature.ARCHIVE,
        b"\x04\x22\x4d\x18": Nature.ARCHIVE,
    }
)
_CALLS = frozenset({"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "BUILD"})
_IMPORT = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
_WINDOW = 1 << 20
_END_OF_ZIP = b"PK\x05\x06"
_LOCATOR_OF_ZIP64 = b"PK\x06\x07"
_LONGEST_ZIP_TAIL = 22 + 0xFFFF


def nature_by_name(name: str) -> Nature:
    """Return what a file's name admits to, in any case, with trailing dots and spaces removed."""
    ending = name.lower().rstrip(". \t").rpartition(".")[2]
    if ending in _PICKLE_ENDINGS:
        return Nature.PICKLE
    if ending in _PROGRAM_ENDINGS:
        return Nature.PROGRAM
    return Nature.ARCHIVE if ending in _ARCHIVE_ENDINGS else Nature.PLAIN


def nature_by_bytes(path: Path, *, structured: bool = False) -> Nature:
    """Return what a file's bytes are.

    Args:
        path: an existing regular file.
        structured: the file was already read as a whole in its own format (a sound safetensors file, say), whose
            first bytes are a number and may look like anything; only an archive at its end is looked for.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        if _zip_at_end(stream):
            stream.seek(0)
            return Nature.PICKLE if b"data.pkl" in _tail(stream) else Nature.ARCHIVE
        if structured:
            return Nature.PLAIN
        stream.seek(0)
        head = stream.read(_WINDOW)
    if head.startswith(b"PK\x03\x04"):
        return Nature.ARCHIVE
    if head[257:262] == b"ustar":
        return Nature.ARCHIVE
    found = next((nature for magic, nature in _MAGIC.items() if head.startswith(magic)), Nature.PLAIN)
    if found is Nature.PLAIN and _pickles(head):
        return Nature.PICKLE
    return found


def _pickles(head: bytes) -> bool:
    """Return whether walking ``head`` as a pickle meets a named import and then a call."""
    imports = marked = False
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(head)):
            marked = marked or opcode.name == "MARK"
            if opcode.name in {"GLOBAL", "INST"}:
                imports = imports or bool(_IMPORT.fullmatch(str(argument)))
            imports = imports or opcode.name == "STACK_GLOBAL"
            if imports and opcode.name in _CALLS and (marked or opcode.name != "INST"):
                return True
    except Exception:  # noqa: BLE001  # a walk over arbitrary bytes may fail in any way, and failing is an answer
        return False
    return False


def _zip_at_end(stream: BinaryIO) -> bool:
    """Return whether a zip reader would open the file, whatever stands before the archive."""
    size = stream.seek(0, io.SEEK_END)
    tail = _tail(stream)
    at = tail.rfind(_END_OF_ZIP)
    while at >= 0:
        record = tail[at : at + 22]
        if len(record) == 22:
            if tail[max(0, at - 20) : at].startswith(_LOCATOR_OF_ZIP64):
                return True
            length = int.from_bytes(record[12:16], "little")
            directory = size - len(tail) + at - length
            if length == 0:
                return int.from_bytes(record[10:12], "little") == 0 and at + 22 == len(tail)
            if directory >= 0:
                stream.seek(directory)
                if stream.read(4) == b"PK\x01\x02":
                    return True
        at = tail.rfind(_END_OF_ZIP, 0, at)
    return False


def _tail(stream: BinaryIO) -> bytes:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _LONGEST_ZIP_TAIL))
    return stream.read(_LONGEST_ZIP_TAIL)
