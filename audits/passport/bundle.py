"""The passport's file: the signed statement and everything it takes to check it offline."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from audits.passport.strict import read_strict
from gatekeeper.core.digests import Digest, canonical
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.update import Manifest, ManifestEntry

VERSION: Final = 1

_STRICT = ConfigDict(extra="forbid", strict=True)
_Hex = Annotated[str, Field(pattern=r"\Asha256:[0-9a-f]{64}\z")]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a manifest."""

    __pydantic_config__ = _STRICT

    path: str
    size: Annotated[int, Field(ge=0)]
    """In bytes."""
    sha256: _Hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """Which files the passport covers."""

    __pydantic_config__ = _STRICT

    own: tuple[File, ...]
    """The update's own files and, on a base, the entry ``base``."""
    base: tuple[File, ...] | None
    """The base's files; ``None`` for full weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's signed decision and where the ledger names it."""

    __pydantic_config__ = _STRICT

    envelope: dict[str, Any]
    leaf: Annotated[int, Field(ge=0)]
    """Number of its leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """An entry of the ledger, with the proof that the checkpoint's tree holds it."""

    __pydantic_config__ = _STRICT

    seq: Annotated[int, Field(ge=0)]
    leaf: str
    """The leaf's bytes, base64."""
    proof: tuple[str, ...]
    """Hashes, base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A passport's file."""

    __pydantic_config__ = _STRICT

    v: Literal[1]
    envelope: dict[str, Any]
    """DSSE over the statement."""
    manifests: Manifests
    attestations: tuple[dict[str, Any], ...]
    """DSSE over one test result per gate."""
    approvals: tuple[Approval, ...]
    leaves: tuple[Leaf, ...]
    """In order of number, none twice."""
    checkpoint: str
    """Signed note."""


_SHAPE: TypeAdapter[Bundle] = TypeAdapter(Bundle)


def read_bundle(text: str) -> Bundle:
    """Return the parts of a passport; nothing in them is checked yet.

    Raises:
        VerificationError: the text is no passport in its one spelling.
    """
    bundle = read_strict(text, _SHAPE, what="a passport")
    numbers = [leaf.seq for leaf in bundle.leaves]
    if numbers != sorted(set(numbers)):
        raise VerificationError("This is not a passport: its leaves are not in order.")
    return bundle


def envelope_text(envelope: dict[str, Any]) -> str:
    """Return an envelope of the bundle as the text that was signed and logged."""
    return canonical(envelope).decode()


def files_of(manifest: Manifest) -> tuple[File, ...]:
    """Return a manifest as the bundle writes it."""
    return tuple(File(path=each.path, size=each.size, sha256=each.sha256) for each in sorted(manifest.entries))


def manifest_of(files: tuple[File, ...]) -> Manifest:
    """Return the manifest that the bundle writes.

    Raises:
        VerificationError: it names a file twice or is not sorted.
    """
    paths = [file.path for file in files]
    if paths != sorted(set(paths)):
        raise VerificationError("A manifest of the passport names a file twice, or is not sorted.")
    return Manifest(
        entries=tuple(ManifestEntry(path=each.path, size=each.size, sha256=Digest(each.sha256)) for each in files)
    )
