"""A registry in memory and one folder, behind the real port: the same answers, and a hook before every step."""

import dataclasses
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatekeeper.core.errors import PromotionConflict, RegistryError, VerificationError
from gatekeeper.core.update import Update
from gatekeeper.intake.stored_files import StoredFile
from gatekeeper.registry.card import card_text, own_files, read_card
from gatekeeper.registry.port import (
    CARD_FILE,
    KIND_TAG,
    MANIFEST_TAG,
    MODEL_FOLDER,
    PASSPORT_TAG,
    UPDATE_TAG,
    LoggedVersion,
    RegisteredVersion,
    VersionDescription,
)


@dataclass
class FakeRegistry:
    """Keeps versions under ``root``. ``before(step)`` is called ahead of every step, and may raise or interfere.

    Steps: ``reach``, ``ensure``, ``log``, ``read``, ``set``, ``fetch``, ``describe``,
    ``attach``, ``publish``, ``look``.

    Its storage tells sizes and times of the last write, as an object store does; ``tells`` says which of both.
    """

    root: Path
    before: Callable[[str], None] = lambda step: None
    id: str = "fake:memory"
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, list[VersionDescription]] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    tells: str = "sizes and times"
    """``sizes and times``, ``sizes``, or ``nothing``."""
    made_ms: int = 1_760_000_000_000
    """When the first version of everything was made; the others follow by the second."""
    users: dict[str, str] = field(default_factory=dict)
    """Who made runs."""
    elsewhere: set[tuple[str, str]] = field(default_factory=set)
    """Versions whose files lie where the registry keeps none."""

    def reach(self) -> None:
        self.before("reach")

    def ensure_model(self, name: str) -> None:
        self.before("ensure")
        self.versions.setdefault(name, [])
        self.aliases.setdefault(name, {})

    def log_candidate(
        self, update: Update, evidence_dir: Path | None, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> LoggedVersion:
        self.before("log")
        known = self._versions(update.model)
        run_id = f"fake-run-{update.model}-{len(known) + 1}"
        folder = self.root / run_id / MODEL_FOLDER
        folder.mkdir(parents=True)
        for path, file in own_files(update):
            if path == CARD_FILE:
                raise RegistryError(f"The candidate brings a file named {CARD_FILE}.")
            if not file.is_file():
                raise RegistryError(f"The file {path} of update {update.id} is missing.")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / path)
        (folder / CARD_FILE).write_text(card_text(update), encoding="utf-8")
        if evidence_dir is not None:
            shutil.copytree(evidence_dir, folder.parent / "evidence")
        self.metrics[run_id] = {name: value for name, value in metrics.items() if math.isfinite(value)}
        made = VersionDescription(
            model=update.model,
            version=str(len(known) + 1),
            run_id=run_id,
            source=str(folder),
            aliases=(),
            tags={
                **tags,
                UPDATE_TAG: update.id,
                MANIFEST_TAG: update.digest,
                KIND_TAG: update.candidate.kind.value,
            },
            card=None,
        )
        known.append(made)
        return LoggedVersion(version=made.version, run_id=run_id, source=made.source)

    def log_evidence(
        self, update: Update, evidence_dir: Path | None, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> str:
        self.before("log")
        run_id = f"fake-evidence-{len(self.metrics) + 1}"
        if evidence_dir is not None and evidence_dir.is_dir():
            shutil.copytree(evidence_dir, self.root / run_id / "evidence")
        self.metrics[run_id] = {name: value for name, value in metrics.items() if math.isfinite(value)}
        return run_id

    def alias_versions(self, model: str) -> Mapping[str, str]:
        self.before("read")
        return dict(self.aliases.get(model, {}))

    def alias_version(self, model: str, alias: str) -> str | None:
        self.before("read")
        return self.aliases.get(model, {}).get(alias)

    def move_alias(self, model: str, alias: str, version: str, expected_previous: str | None) -> None:
        if (now := self.alias_version(model, alias)) != expected_previous:
            raise PromotionConflict(f"{model}@{alias} points to {now}, not to {expected_previous}.")
        self.before("set")
        self._version(model, version)
        self.aliases[model][alias] = version
        if (now := self.alias_version(model, alias)) != version:
            raise PromotionConflict(f"{model}@{alias} was set to {version} and points to {now}.")

    def attach_passport(self, model: str, version: str, alias: str, passport: str) -> None:
        self.before("attach")
        found = self._version(model, version)
        changed = dataclasses.replace(found, tags={**found.tags, PASSPORT_TAG + alias: passport})
        self.versions[model] = [changed if each is found else each for each in self.versions[model]]

    def publish_revocations(self, model: str, revocations: str) -> None:
        self.before("publish")
        self.published[model] = revocations

    def revocations(self, model: str) -> str | None:
        self.before("read")
        return self.published.get(model)

    def fetch(self, model: str, version: str, into: Path) -> Path:
        self.before("fetch")
        source, target = Path(self._version(model, version).source), into / MODEL_FOLDER
        if target.exists():
            raise RegistryError(f"There are files at {target} already.")
        shutil.copytree(source, target)
        if (target / CARD_FILE).exists():
            shutil.move(target / CARD_FILE, into / CARD_FILE)
        return target

    def describe(self, model: str, version: str) -> VersionDescription:
        self.before("describe")
        found = self._version(model, version)
        return VersionDescription(
            model=model,
            version=found.version,
            run_id=found.run_id,
            source=found.source,
            aliases=tuple(sorted(alias for alias, at in self.aliases[model].items() if at == version)),
            tags=found.tags,
            card=read_card((Path(found.source) / CARD_FILE).read_text(encoding="utf-8")),
        )

    def has_version(self, model: str, version: str) -> bool:
        self.before("look")
        return any(each.version == version for each in self.versions.get(model, []))

    def put(self, model: str, folder: Path, tags: Mapping[str, str] | None = None, *, user: str = "") -> str:
        """Register a folder as somebody outside would, and return the version."""
        known = self._versions(model)
        run_id = f"stranger-run-{model}-{len(known) + 1}"
        source = self.root / run_id / MODEL_FOLDER
        shutil.copytree(folder, source)
        self.users[run_id] = user
        version = str(len(known) + 1)
        known.append(
            VersionDescription(
                model=model,
                version=version,
                run_id=run_id,
                source=str(source),
                aliases=(),
                tags=dict(tags or {}),
                card=None,
            )
        )
        return version

    def log_file(self, model: str, version: str, path: str, content: bytes) -> None:
        """Keep a file with the run behind a version."""
        file = Path(self._version(model, version).source).parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def list_versions(self, model: str) -> Iterator[RegisteredVersion]:
        self.before("list")
        for found in reversed(self.versions.get(model, [])):
            yield RegisteredVersion(
                model=model,
                version=found.version,
                created_ms=self.made_ms + 1000 * int(found.version),
                ready=True,
                run_id=found.run_id,
                tags=found.tags,
            )

    def is_within_reach(self, model: str, version: str) -> bool:
        self.before("look")
        return (model, version) not in self.elsewhere

    def run_user(self, run_id: str) -> str:
        self.before("look")
        return self.users.get(run_id, "")

    def fetch_run_file(self, run_id: str, path: str, into: Path) -> Path:
        self.before("fetch")
        source = self.root / run_id / path
        if {"..", "/"} & set(Path(path).parts) or not source.is_file():
            raise VerificationError(f"The run behind the version holds no file {path!r}.")
        return Path(shutil.copyfile(source, into / source.name))

    def stored_files(self, model: str, version: str) -> tuple[StoredFile, ...] | None:
        self.before("look")
        source = Path(self._version(model, version).source)
        if self.tells == "nothing":
            return None
        return tuple(
            StoredFile(
                path=path.relative_to(source).as_posix(),
                size=path.stat().st_size,
                mark=str(path.stat().st_mtime_ns) if self.tells == "sizes and times" else "",
            )
            for path in sorted(source.rglob("*"))
            if path.is_file()
        )

    def _versions(self, model: str) -> list[VersionDescription]:
        if model not in self.versions:
            raise RegistryError(f"There is no model {model}.")
        return self.versions[model]

    def _version(self, model: str, version: str) -> VersionDescription:
        for found in self._versions(model):
            if found.version == version:
                return found
        raise RegistryError(f"There is no version {version} of {model}.")
