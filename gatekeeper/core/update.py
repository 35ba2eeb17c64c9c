"""An update as it was proposed: which bytes, of what kind, against which base, learned from which rows."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gatekeeper.core.digests import Digest, digest_of


class UpdateKind(StrEnum):
    """What the artifact is, recognised from its own files."""

    FULL_WEIGHTS = "full"
    LORA = "lora"
    DORA = "dora"
    LOW_RANK = "low_rank"
    """Another low-rank PEFT type: LoHa, LoKr, VeRA, AdaLoRA, ..."""
    PREFIX = "prefix"
    """Prefix tuning and KV-cache modules."""
    SPARSE = "sparse"
    """SHiRA, trainable tokens, touched rows."""
    UNKNOWN = "unknown"
    """Nothing we can name; never loaded."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ManifestEntry:
    """One file that will be loaded."""

    path: str
    """POSIX path inside the artifact; ``base`` stands for the base model's own manifest."""
    size: int
    """In bytes; for ``base`` the sum over its files."""
    sha256: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Every file that will be loaded, sorted by path. Its digest is the identity of an update."""

    entries: tuple[ManifestEntry, ...]

    @property
    def digest(self) -> Digest:
        """SHA-256 over RFC 8785 JSON of the sorted entries."""
        return digest_of(sorted(self.entries))

    @property
    def size(self) -> int:
        """Sum over the files, in bytes."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A folder of weights or of an adapter, and the base it stands on."""

    path: Path
    """Folder of the candidate's own files."""
    base: Path | None
    """Folder of the base model; ``None`` for full weights."""
    kind: UpdateKind
    manifest: Manifest
    """Own files and, for an adapter, the base's manifest digest as the entry ``base``."""

    @property
    def model_path(self) -> Path:
        """Folder of the full weights that are loaded first: the base, or the artifact itself."""
        return self.base if self.base is not None else self.path

    @property
    def adapter_path(self) -> Path | None:
        """Folder of the adapter, or ``None`` for full weights."""
        return self.path if self.base is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """The rows the update was learned from, by content."""

    path: Path
    sha256: Digest
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How the update came to be, as its proposer says; claims, not evidence."""

    method: str = ""
    """Training method, e.g. ``lora sft``."""
    trainer: str = ""
    """Who or what trained it."""
    sources: tuple[str, ...] = ()
    """Where the rows came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One proposed change of one registered model."""

    id: str
    """``upd-`` and 16 hexadecimal digits."""
    name: str
    """What people call it; shown, never compared."""
    model: str
    """Registered model name."""
    candidate: Artifact
    data: TrainingData | None
    """``None`` when the proposer gave no rows; gates that need them report unmeasured."""
    provenance: Provenance = Provenance()

    @property
    def digest(self) -> Digest:
        """Identity of the update: its manifest's digest."""
        return self.candidate.manifest.digest
