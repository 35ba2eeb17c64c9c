"""An archive that somebody sent, unpacked only when nothing about it is strange.

In this order: every entry is looked at before anything is written (names, kinds, sizes, what two entries share); then
files are written, each no longer than it said; then their bytes are looked at. Nothing else than plain files and
folders is taken: no links, devices, sparse or encrypted entries, no archive in an archive. What fails half-way is the
caller's to remove, so it is made in a place that nobody reads.

Law: what is written is exactly the files that the archive lists, below one folder, under the names it lists.
"""

import gzip
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from gatekeeper.core.errors import InputError
from gatekeeper.intake.disguise import Nature, nature_by_bytes, nature_by_name
from gatekeeper.intake.safetensors_header import MalformedTensors, read_header

_CHUNK: Final = 1 << 20
_LONGEST_NAME: Final = 400
"""Of a whole path, in bytes."""
_DEEPEST: Final = 4
_LARGEST_HEADER: Final = 1 << 16
"""Bytes that one header of a tar may take: what is longer than any name is no header."""
_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|]")
_HINT: Final = "Pack the adapter's own files, and nothing else."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may hold."""

    most_files: int = 200
    most_bytes: int = 4 << 30
    """Over all files, unpacked."""
    most_ratio: float = 100.0
    """Unpacked over packed bytes; weights shrink by a tenth, text to a tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What was written."""

    files: int
    size: int
    """In bytes."""


class _Readable(Protocol):
    """What the bytes of an entry are read from."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    size: int
    open: Callable[[], "_Readable"]


def unpack(
    archive: Path, packed: str, into: Path, *, limits: ArchiveLimits, allowed: Callable[[str], bool]
) -> Unpacked:
    """Write an archive's files below a new folder; a single folder around all of them is left out.

    Args:
        archive: the file.
        packed: ``zip``, ``tar`` or ``tar.gz``.
        into: does not exist yet.
        limits: how much it may hold.
        allowed: whether a file of this POSIX path may be in it.

    Raises:
        InputError: something about it is not as it has to be; files may have been written below ``into``.
    """
    try:
        match packed:
            case "zip":
                with zipfile.ZipFile(archive) as opened:
                    return _write(_zip_entries(opened, archive, limits), into, limits, allowed)
            case "tar.gz":
                plain = into.with_name(f"{into.name}.tar")
                try:
                    _gunzip(archive, plain, limits)
                    return _untar(plain, into, limits, allowed)
                finally:
                    plain.unlink(missing_ok=True)
            case "tar":
                return _untar(archive, into, limits, allowed)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        gzip.BadGzipFile,
        struct.error,
        EOFError,
        UnicodeError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise InputError(f"The archive cannot be read as {packed}.", hint="Pack it again.") from error
    raise RuntimeError(f"{packed} is no kind of archive")


def _untar(archive: Path, into: Path, limits: ArchiveLimits, allowed: Callable[[str], bool]) -> Unpacked:
    with (
        archive.open("rb") as told,
        tarfile.open(fileobj=_Headers(told), mode="r:", encoding="utf-8", errors="strict") as opened,
    ):
        listed = [(member.name, member.size, member.offset_data) for member in _tar_members(opened, archive, limits)]
    with archive.open("rb") as stream:
        entries = [
            _Entry(name=name, size=size, open=partial(_Part, stream, offset, size)) for name, size, offset in listed
        ]
        return _write(entries, into, limits, allowed)


def _zip_entries(opened: zipfile.ZipFile, archive: Path, limits: ArchiveLimits) -> list[_Entry]:
    """Return a zip's files, when its entries neither overlap nor are anything but plain files."""
    infos = opened.infolist()
    if len(infos) > limits.most_files * 2:
        raise _too_many(limits)
    packed = archive.stat().st_size
    reached = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        # Entries that share bytes, or hide some before them, unpack to something else with other programs.
        if info.header_offset != reached and (reached == 0 or info.header_offset < reached):
            raise InputError("Entries of the archive overlap, or something lies before them.", hint="Pack it again.")
        reached = (
            info.header_offset + 30 + len(info.orig_filename.encode("utf-8", "surrogateescape")) + info.compress_size
        )
    if reached > packed:
        raise InputError("The archive is shorter than its entries.", hint="Send it whole.")
    entries = []
    for info in infos:
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if info.flag_bits & 0x1 or info.flag_bits & 0x40:
            raise InputError("An entry of the archive is encrypted.", hint=_HINT)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or (kind and (kind == stat.S_IFDIR) != info.is_dir()):
            raise InputError(f"{_shown(info.filename)} is no plain file.", hint="Replace links by files.")
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise InputError("An entry of the archive is packed in a way that is not read.", hint="Use plain zip.")
        if info.orig_filename != info.filename:
            raise InputError(f"{_shown(info.filename)} has another name than it says.", hint=_HINT)
        if info.is_dir():
            if info.file_size:
                raise InputError(f"The folder {_shown(info.filename)} has contents of its own.", hint=_HINT)
            _require_name(info.filename.rstrip("/"))
            continue
        if info.file_size > limits.most_ratio * max(1, info.compress_size) + _CHUNK:
            raise _bomb()
        entries.append(_Entry(name=info.filename, size=info.file_size, open=partial(opened.open, info)))
    return entries


def _tar_members(opened: tarfile.TarFile, archive: Path, limits: ArchiveLimits) -> Iterator[tarfile.TarInfo]:
    ends = archive.stat().st_size
    count = 0
    for member in opened:
        count += 1
        if count > limits.most_files * 2:
            raise _too_many(limits)
        if member.isdir():
            _require_name(member.name.removeprefix("./").rstrip("/") or "folder")
            continue
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise InputError(f"{_shown(member.name)} is no plain file.", hint="Replace links by files.")
        if member.size < 0 or member.offset_data + member.size > ends:
            raise InputError("The archive is shorter than its entries.", hint="Send it whole.")
        yield member


def _write(entries: list[_Entry], into: Path, limits: ArchiveLimits, allowed: Callable[[str], bool]) -> Unpacked:
    """Write the files, after all of them were looked at together."""
    if not entries:
        raise InputError("The archive holds no file.", hint=_HINT)
    if len(entries) > limits.most_files:
        raise _too_many(limits)
    if sum(entry.size for entry in entries) > limits.most_bytes:
        raise InputError(f"The archive holds more than {limits.most_bytes} bytes.", hint="Leave it to the registry.")
    names = _names([entry.name for entry in entries])
    for name in names:
        if nature_by_name(name) is Nature.ARCHIVE:
            raise InputError(f"{_shown(name)} is an archive in the archive.", hint=_HINT)
        if nature_by_name(name) is not Nature.PLAIN or not allowed(name):
            raise InputError(f"No loader needs a file called {_shown(name)}.", hint=_HINT)
    into.mkdir()
    for name, entry in zip(names, entries, strict=True):
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(entry.open()) as source, path.open("xb") as target:
            _copy(source, target, entry.size, name)
        require_plain(path, name)
    return Unpacked(files=len(entries), size=sum(entry.size for entry in entries))


def require_plain(path: Path, name: str) -> None:
    """Return when a file's bytes are no program, no pickle and no archive, and tensors read as tensors.

    Raises:
        InputError: they are.
    """
    structured = name.lower().endswith(".safetensors")
    if structured:
        try:
            read_header(path)
        except MalformedTensors as error:
            raise InputError(f"{_shown(name)}: {error.message}", hint="Save the weights again.") from error
    nature = nature_by_bytes(path, structured=structured)
    if nature is not Nature.PLAIN:
        said = {Nature.ARCHIVE: "an archive in the archive", Nature.PICKLE: "a pickle", Nature.PROGRAM: "a program"}
        raise InputError(f"By its bytes, {_shown(name)} is {said[nature]}.", hint=_HINT)


def _names(names: list[str]) -> list[str]:
    """Return the paths below the folder, when no two of them are one on any file system."""
    cleaned = [name.removeprefix("./") for name in names]
    for name in cleaned:
        _require_name(name)
    around = {name.partition("/")[0] for name in cleaned}
    if len(around) == 1 and all("/" in name for name in cleaned) and next(iter(around)) != "additional_chat_templates":
        cleaned = [name.partition("/")[2] for name in cleaned]
    seen: dict[str, str] = {}
    for name in cleaned:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path, whole = "/".join(parts[:depth]), depth == len(parts)
            folded = unicodedata.normalize("NFKC", path).casefold()
            known = seen.get(folded)
            if known is not None and (whole or known != f"{path}/"):
                raise InputError(f"Two entries of the archive are called {_shown(path)}.", hint=_HINT)
            seen[folded] = path if whole else f"{path}/"
    return cleaned


def _require_name(name: str) -> None:
    """Return when a path leads nowhere but below the folder, on any system.

    Raises:
        InputError: it may not.
    """
    parts = name.split("/")
    bad = (
        not name
        or len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME
        or len(parts) > _DEEPEST
        or _STRANGE.search(name) is not None
        or any(part in {"", ".", ".."} or part != part.strip() or part.endswith(".") for part in parts)
        or any("\ud800" <= letter <= "\udfff" for letter in name)
        or unicodedata.normalize("NFC", name) != name
    )
    if bad:
        raise InputError(f"{_shown(name)} is no name that a file may have here.", hint=_HINT)


def _copy(source: _Readable, target: BinaryIO, size: int, name: str) -> None:
    """Copy exactly as many bytes as the archive said."""
    left = size
    while chunk := source.read(min(_CHUNK, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise InputError(f"{_shown(name)} is longer than the archive says.", hint="Pack it again.")
        target.write(chunk)
    if left:
        raise InputError(f"{_shown(name)} is shorter than the archive says.", hint="Send it whole.")


def _gunzip(archive: Path, plain: Path, limits: ArchiveLimits) -> None:
    """Unpack a gzip stream, no further than an archive of allowed contents can be long."""
    packed = archive.stat().st_size
    most = min(limits.most_bytes + limits.most_files * 4 * tarfile.BLOCKSIZE, int(limits.most_ratio * packed) + _CHUNK)
    with gzip.open(archive, "rb") as source, plain.open("xb") as target:
        written = 0
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > most:
                raise _bomb()
            target.write(chunk)


class _Headers:
    """A tar while its entries are listed: a header longer than any name is refused before it is in memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read a header."""
        if not 0 <= size <= _LARGEST_HEADER:
            raise InputError("A header of the archive is too long.", hint="Pack it again.")
        return self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Part:
    """A stretch of an open file, read from its own place."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        self._stream, self._at, self._left = stream, offset, size

    def read(self, size: int = -1) -> bytes:
        """Read on within the stretch."""
        self._stream.seek(self._at)
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._at += len(data)
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Leave the file open for the next one."""


def _shown(name: str) -> str:
    text = "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in name[:80])
    return f"{text!r}"


def _too_many(limits: ArchiveLimits) -> InputError:
    return InputError(f"The archive holds more than {limits.most_files} files.", hint=_HINT)


def _bomb() -> InputError:
    return InputError("The archive unpacks to far more than it is long.", hint=_HINT)
