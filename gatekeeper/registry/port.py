"""What the pipeline needs of a model registry, and the shapes it gets back.

A registry stores bytes and moves aliases. Its tags are an index, never evidence: what a version holds is known only
after its bytes were fetched and hashed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from gatekeeper.core.digests import Digest
from gatekeeper.core.update import Manifest, Update, UpdateKind
from gatekeeper.intake.stored_files import StoredFile

UPDATE_TAG: Final = "gatekeeper.update"
"""Tag of a version: id of the update it was logged from."""

MANIFEST_TAG: Final = "gatekeeper.manifest"
"""Tag of a version: digest of its manifest, as it was when it was logged."""

KIND_TAG: Final = "gatekeeper.kind"
"""Tag of a version: kind of the update."""

PASSPORT_TAG: Final = "gatekeeper.passport."
"""Beginning of a version's tag, before the alias: the passport that covers this version under that alias."""

REVOCATIONS_TAG: Final = "gatekeeper.revocations"
"""Tag of a model: the newest signed revocation list."""

CARD_FILE: Final = "gatekeeper.json"
"""Name of the file stored beside a version's own files: what they are and which base they stand on."""

MODEL_FOLDER: Final = "model"
"""Folder of a version's files, in the registry and in what :meth:`Registry.fetch` leaves behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedVersion:
    """A candidate as the registry took it."""

    version: str
    run_id: str
    """The registry's own run that holds files, evidence and metrics."""
    source: str
    """Address of the files, as the registry writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a version says of itself; a claim until its bytes are hashed."""

    update_id: str
    kind: UpdateKind
    manifest: Manifest
    base_path: Path | None
    """Where the base lay when the version was logged; ``None`` for full weights."""
    base_digest: Digest | None
    """Digest of the base's own manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDescription:
    """What the registry knows about one version."""

    model: str
    version: str
    run_id: str | None
    source: str
    aliases: tuple[str, ...]
    """Sorted."""
    tags: Mapping[str, str]
    card: Card | None
    """``None`` for a version that did not come through the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version as the registry lists it, whoever put it there."""

    model: str
    version: str
    created_ms: int
    """When the registry made it, in milliseconds since 1970: with the name and number, its identity."""
    ready: bool
    """Whether the registry has finished making it."""
    run_id: str | None
    tags: Mapping[str, str]


class Registry(Protocol):
    """Stores versions and moves aliases. Every method may raise ``RegistryError``."""

    @property
    def id(self) -> str:
        """Short name of this registry, the same for the same address, without the address."""
        ...

    def reach(self) -> None:
        """Return when the registry answers.

        Raises:
            RegistryError: it does not, within seconds.
        """
        ...

    def ensure_model(self, name: str) -> None:
        """Make sure that the model is registered; harmless when repeated or raced."""
        ...

    def log_candidate(
        self,
        update: Update,
        evidence_dir: Path | None,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> LoggedVersion:
        """Store the manifest's files, a card beside them, the evidence, finite metrics and tags as a new version.

        No alias moves.
        """
        ...

    def log_evidence(
        self, update: Update, evidence_dir: Path | None, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> str:
        """Store the evidence about an update that may not be promoted, none of its files; return the run's id.

        No version appears: there is nothing that an alias could point to.
        """
        ...

    def alias_versions(self, model: str) -> Mapping[str, str]:
        """Return the version that each alias of a model points to, read at once; empty without the model."""
        ...

    def alias_version(self, model: str, alias: str) -> str | None:
        """Return the version the alias points to; ``None`` when the model or the alias does not exist."""
        ...

    def move_alias(self, model: str, alias: str, version: str, expected_previous: str | None) -> None:
        """Point the alias to ``version``, when it points to ``expected_previous`` before; read it back after.

        Args:
            model: a registered model.
            alias: which alias.
            version: an existing version.
            expected_previous: what the alias must point to now; ``None`` when it must not exist.

        Raises:
            PromotionConflict: it pointed elsewhere before, or points elsewhere after.
        """
        ...

    def attach_passport(self, model: str, version: str, alias: str, passport: str) -> None:
        """Keep a passport with the version, as a tag and beside its files; harmless when repeated."""
        ...

    def publish_revocations(self, model: str, revocations: str) -> None:
        """Keep the signed revocation list with the model, in place of an older one."""
        ...

    def revocations(self, model: str) -> str | None:
        """Return the revocation list kept with the model; ``None`` when there is none. Nothing has checked it."""
        ...

    def fetch(self, model: str, version: str, into: Path) -> Path:
        """Copy the version's files to a new folder inside ``into`` and return it.

        The folder holds nothing but what was stored as the version's own files; the card lies beside it. The caller
        hashes the files: nothing here has checked them.
        """
        ...

    def describe(self, model: str, version: str) -> VersionDescription:
        """Return what the registry knows about the version."""
        ...

    def has_version(self, model: str, version: str) -> bool:
        """Return whether the version exists; ``False`` when its model does not, or it was deleted."""
        ...

    def list_versions(self, model: str) -> Iterator[RegisteredVersion]:
        """Yield the versions of a model, newest first, asked for as far as they are wanted; none without a model."""
        ...

    def is_within_reach(self, model: str, version: str) -> bool:
        """Return whether a version's files lie where the registry keeps files.

        ``False`` for an address of somebody's choosing, such as a folder of this machine or a web server: nothing
        is fetched from there unless a person names it.
        """
        ...

    def run_user(self, run_id: str) -> str:
        """Return who made a run, as the registry was told; empty when it was not, or there is no such run."""
        ...

    def fetch_run_file(self, run_id: str, path: str, into: Path) -> Path:
        """Copy one file of a run into the folder ``into`` and return it.

        Raises:
            VerificationError: there is no plain file of that name.
        """
        ...

    def stored_files(self, model: str, version: str) -> tuple[StoredFile, ...] | None:
        """Return names, sizes and times of the version's stored files and its card, as far as the storage tells them.

        Nothing is read. Empty when the files are gone; ``None`` where the storage tells nothing about its files.
        """
        ...
