"""MLflow as the registry: versions are runs with files, aliases point to versions.

Order of :meth:`MlflowRegistry.log_candidate`: run, files, card, evidence, metrics, end of the run, version. A version
therefore exists only when everything behind it does; a run that was cut off stays behind marked FAILED, and no
version names it.

MLflow offers no compare-and-set: :meth:`MlflowRegistry.move_alias` reads, sets and reads back, and whoever promotes
holds the application database's one open promotion for that alias meanwhile.
"""

import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gatekeeper.core.errors import PromotionConflict, RegistryError, VerificationError
from gatekeeper.core.spans import during
from gatekeeper.core.update import Update
from gatekeeper.core.waiting import waiting
from gatekeeper.intake.stored_files import StoredFile
from gatekeeper.registry import address, listing, mlflow_rows
from gatekeeper.registry.card import card_text, own_files, read_card
from gatekeeper.registry.mlflow_artifacts import files_at
from gatekeeper.registry.mlflow_client import connect, is_missing, is_taken, translated
from gatekeeper.registry.port import (
    CARD_FILE,
    KIND_TAG,
    MANIFEST_TAG,
    MODEL_FOLDER,
    PASSPORT_TAG,
    REVOCATIONS_TAG,
    UPDATE_TAG,
    Card,
    LoggedVersion,
    RegisteredVersion,
    VersionDescription,
)

EXPERIMENT: Final = "gatekeeper"
"""MLflow experiment that holds every candidate's run."""


class MlflowRegistry:
    """A :class:`~gatekeeper.registry.port.Registry` kept by MLflow; loads it, and connects, at the first call."""

    def __init__(self, tracking_uri: str, registry_uri: str | None = None, artifact_root: Path | None = None) -> None:
        """Remember where MLflow is.

        Args:
            tracking_uri: a database or a server.
            registry_uri: where the model registry is, when it lies elsewhere.
            artifact_root: folder for the files of a registry that is a database; by default ``mlartifacts`` beside
                a SQLite file. A server decides itself where files go.

        Raises:
            RegistryError: an address is MLflow's file store, or a database other than SQLite has no folder for files.
        """
        self._tracking_uri = tracking_uri
        self._registry_uri = registry_uri or tracking_uri
        for uri in (self._tracking_uri, self._registry_uri):
            address.require_accepted(uri)
        self._artifact_root = artifact_root
        file = address.sqlite_file(tracking_uri)
        if artifact_root is None and file is not None:
            self._artifact_root = file.resolve().parent / "mlartifacts"
        if self._artifact_root is None and address.backend(tracking_uri) in address.DATABASES:
            raise RegistryError(
                f"The model registry {address.shown(tracking_uri)} is a database without a folder for files.",
                hint="Put `mlflow server` in front of it and use its http address.",
            )

    @property
    def id(self) -> str:
        """Short name of this registry, without its address."""
        return address.registry_id(self._registry_uri)

    @cached_property
    def _client(self) -> Any:
        for uri in dict.fromkeys((self._tracking_uri, self._registry_uri)):
            address.probe(uri)
        return connect(self._tracking_uri, self._registry_uri)

    @cached_property
    def _database(self) -> Any | None:
        return mlflow_rows.database_of(self._client)

    @during("registry", call="reach")
    def reach(self) -> None:
        """Return when the registry answers, its tables made if it is an empty database."""
        client = self._client
        with translated("be reached"):
            client.search_registered_models(max_results=1)

    @during("registry", call="ensure_model")
    def ensure_model(self, name: str) -> None:
        """Make sure that the model is registered."""
        client = self._client
        try:
            with translated(f"look up the model {name}"):
                client.get_registered_model(name)
        except RegistryError as error:
            if not is_missing(error.__cause__):
                raise
        else:
            return
        try:
            with translated(f"register the model {name}"):
                client.create_registered_model(name)
        except RegistryError as error:
            # Someone else was quicker, which is as good.
            if not is_taken(error.__cause__):
                raise

    @during("registry", call="log_candidate")
    def log_candidate(
        self,
        update: Update,
        evidence_dir: Path | None,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> LoggedVersion:
        """Store the candidate as a new version that no alias points to."""
        client = self._client
        all_tags = {
            **tags,
            UPDATE_TAG: update.id,
            MANIFEST_TAG: update.digest,
            KIND_TAG: update.candidate.kind.value,
        }
        with self._run(update, all_tags) as (run_id, folder):
            self._log_files(run_id, update)
            self._log_evidence(run_id, evidence_dir, metrics)
        source = f"{folder}/{MODEL_FOLDER}"
        with translated(f"register update {update.id} as a version of {update.model}"):
            version = client.create_model_version(
                update.model, source=source, run_id=run_id, tags=all_tags, await_creation_for=0
            )
        return LoggedVersion(version=str(version.version), run_id=run_id, source=source)

    @during("registry", call="log_evidence")
    def log_evidence(
        self, update: Update, evidence_dir: Path | None, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> str:
        """Store the evidence about an update and none of its files; return the run's id."""
        with self._run(update, {**tags, UPDATE_TAG: update.id}) as (run_id, _folder):
            self._log_evidence(run_id, evidence_dir, metrics)
        return run_id

    @during("registry", call="alias_version")
    def alias_version(self, model: str, alias: str) -> str | None:
        """Return the version the alias points to; ``None`` when the model or the alias does not exist."""
        return self.alias_versions(model).get(alias)

    def alias_versions(self, model: str) -> Mapping[str, str]:
        """Return the version that each alias points to; empty when the model does not exist."""
        client, database = self._client, self._database
        try:
            with translated(f"read the aliases of {model}"):
                if database is not None:
                    return mlflow_rows.alias_versions(database, model)
                found: Mapping[str, object] = client.get_registered_model(model).aliases
        except RegistryError as error:
            if is_missing(error.__cause__):
                return {}
            raise
        return {alias: str(version) for alias, version in found.items()}

    @during("registry", call="move_alias")
    def move_alias(self, model: str, alias: str, version: str, expected_previous: str | None) -> None:
        """Point the alias to ``version`` when it points to ``expected_previous``, and read it back."""
        client = self._client
        before = self.alias_version(model, alias)
        if before != expected_previous:
            raise PromotionConflict(
                f"{model}@{alias} points to {_words(before)}, the evidence was gathered against "
                f"{_words(expected_previous)}.",
                hint="Run the update again: it is then compared with what the alias points to now.",
            )
        with translated(f"point {model}@{alias} to version {version}"):
            client.set_registered_model_alias(model, alias, version)
        after = self.alias_version(model, alias)
        if after != version:
            raise PromotionConflict(
                f"{model}@{alias} was set to {_words(version)} and points to {_words(after)}.",
                hint="Someone else moves this alias: find out who before promoting again.",
            )

    @during("registry", call="attach_passport")
    def attach_passport(self, model: str, version: str, alias: str, passport: str) -> None:
        """Keep a passport as the version's tag, and as a file of the run behind it."""
        client = self._client
        with translated(f"keep the passport of version {version} of {model}"):
            run_id = client.get_model_version(model, version).run_id
            if run_id:
                client.log_text(run_id, passport, f"passport/{alias}.json")
            client.set_model_version_tag(model, version, PASSPORT_TAG + alias, passport)

    @during("registry", call="publish_revocations")
    def publish_revocations(self, model: str, revocations: str) -> None:
        """Keep the revocation list as the model's tag."""
        client = self._client
        with translated(f"publish the revocation list of {model}"):
            client.set_registered_model_tag(model, REVOCATIONS_TAG, revocations)

    @during("registry", call="revocations")
    def revocations(self, model: str) -> str | None:
        """Return the revocation list kept with the model; ``None`` when there is none."""
        client = self._client
        with translated(f"read the revocation list of {model}"):
            found = client.get_registered_model(model).tags.get(REVOCATIONS_TAG)
        return None if found is None else str(found)

    @during("registry", call="fetch")
    def fetch(self, model: str, version: str, into: Path) -> Path:
        """Copy the version's files to ``into/model``, and its card to ``into``; return ``into/model``."""
        client = self._client
        target = into / MODEL_FOLDER
        if target.exists():
            raise RegistryError(f"There are files at {target} already.", hint="Fetch a version into an empty folder.")
        into.mkdir(parents=True, exist_ok=True)
        with translated(f"fetch version {version} of {model}"), tempfile.TemporaryDirectory(dir=into) as draft:
            source = str(client.get_model_version_download_uri(model, version))
            found = Path(self._download(source, Path(draft)))
            if not found.is_dir() or any(path.is_symlink() for path in (found, *found.rglob("*"))):
                raise VerificationError(
                    f"Version {version} of {model} is no folder of plain files.",
                    hint="It did not come through the gate: propose it as an update.",
                )
            card = found / CARD_FILE
            if card.is_file():
                shutil.move(card, into / CARD_FILE)
            shutil.move(found, target)
        return target

    @during("registry", call="describe")
    def describe(self, model: str, version: str) -> VersionDescription:
        """Return what MLflow knows about the version."""
        client = self._client
        with translated(f"describe version {version} of {model}"):
            found = client.get_model_version(model, version)
            source = str(client.get_model_version_download_uri(model, version))
        aliases = self.alias_versions(model)
        return VersionDescription(
            model=model,
            version=str(found.version),
            run_id=str(found.run_id) if found.run_id else None,
            source=source,
            aliases=tuple(sorted(alias for alias, at in aliases.items() if at == str(found.version))),
            tags={str(key): str(value) for key, value in found.tags.items()},
            card=self._card(source, str(found.tags.get(UPDATE_TAG) or "")),
        )

    @during("registry", call="has_version")
    def has_version(self, model: str, version: str) -> bool:
        """Return whether the version exists."""
        client = self._client
        try:
            with translated(f"look up version {version} of {model}"):
                client.get_model_version(model, version)
        except RegistryError as error:
            if is_missing(error.__cause__):
                return False
            raise
        return True

    def list_versions(self, model: str) -> Iterator[RegisteredVersion]:
        """Yield the versions of a model, newest first."""
        yield from listing.versions(self._client, model)

    def is_within_reach(self, model: str, version: str) -> bool:
        """Return whether a version's files lie where the registry keeps files."""
        client = self._client
        with translated(f"look up version {version} of {model}"):
            source = str(client.get_model_version_download_uri(model, version))
        return listing.is_within_reach(source, self._artifact_root)

    def run_user(self, run_id: str) -> str:
        """Return who made a run, as MLflow was told."""
        return listing.run_user(self._client, run_id)

    def fetch_run_file(self, run_id: str, path: str, into: Path) -> Path:
        """Copy one file of a run into ``into``."""
        with tempfile.TemporaryDirectory(dir=into) as draft:
            found = listing.run_file(self._client, run_id, path, Path(draft))
            target = into / found.name
            shutil.move(found, target)
        return target

    @during("registry", call="stored_files")
    def stored_files(self, model: str, version: str) -> tuple[StoredFile, ...] | None:
        """Return what the storage tells of the version's files: a local folder also times, a listing only sizes."""
        client = self._client
        with translated(f"look at the files of version {version} of {model}"):
            return files_at(str(client.get_model_version_download_uri(model, version)), self._tracking_uri)

    @contextmanager
    def _run(self, update: Update, tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Give the id and the folder of a new run; it ends FINISHED, or FAILED when the block raises."""
        client = self._client
        experiment = self._experiment()
        with translated(f"begin a run for update {update.id}"):
            run = client.create_run(experiment, run_name=update.name, tags=dict(tags))
        run_id = str(run.info.run_id)
        ended = "FAILED"
        try:
            with translated(f"store what belongs to update {update.id}"):
                yield run_id, str(run.info.artifact_uri)
            ended = "FINISHED"
        finally:
            with translated(f"end the run of update {update.id}"):
                client.set_terminated(run_id, ended)

    def _log_evidence(self, run_id: str, evidence_dir: Path | None, metrics: Mapping[str, float]) -> None:
        """Store the evidence and the metrics; a metric that is no number stays in the evidence alone."""
        from mlflow.entities import Metric

        if evidence_dir is not None and evidence_dir.is_dir():
            self._client.log_artifacts(run_id, str(evidence_dir), "evidence")
        now = int(time.time() * 1000)
        finite = [Metric(name, value, now, 0) for name, value in metrics.items() if math.isfinite(value)]
        if finite:
            self._client.log_batch(run_id, metrics=finite)

    def _experiment(self) -> str:
        client = self._client
        try:
            with translated(f"make the experiment {EXPERIMENT}"):
                found = client.get_experiment_by_name(EXPERIMENT)
                if found is None:
                    return str(client.create_experiment(EXPERIMENT, artifact_location=self._artifact_location()))
        except RegistryError as error:
            if not is_taken(error.__cause__):
                raise
            with translated(f"find the experiment {EXPERIMENT}"):
                found = client.get_experiment_by_name(EXPERIMENT)
        if found is None or found.lifecycle_stage != "active":
            raise RegistryError(
                f"MLflow's experiment {EXPERIMENT} was deleted.",
                hint="Restore it with `mlflow experiments restore`, or point to another MLflow.",
            )
        return str(found.experiment_id)

    def _artifact_location(self) -> str | None:
        if self._artifact_root is None:
            return None
        self._artifact_root.mkdir(parents=True, exist_ok=True)
        return self._artifact_root.resolve().as_uri()

    def _log_files(self, run_id: str, update: Update) -> None:
        """Store exactly the manifest's files, so that nothing unnamed travels with them; then the card."""
        for path, file in own_files(update):
            if path == CARD_FILE:
                raise RegistryError(
                    f"The candidate brings a file named {CARD_FILE}, which is the registry's own.",
                    hint="Remove it and propose the update again.",
                )
            folder = (PurePosixPath(MODEL_FOLDER) / path).parent.as_posix()
            self._client.log_artifact(run_id, str(file), folder)
        self._client.log_text(run_id, card_text(update), f"{MODEL_FOLDER}/{CARD_FILE}")

    def _card(self, source: str, update_id: str) -> Card | None:
        """Return the version's card; ``None`` for a version that carries no tag of ours."""
        if not update_id:
            return None
        with translated("read a version's card"), tempfile.TemporaryDirectory() as draft:
            card = Path(self._download(f"{source.rstrip('/')}/{CARD_FILE}", Path(draft)))
            return read_card(card.read_text(encoding="utf-8"))

    def _download(self, source: str, into: Path) -> str:
        from mlflow.artifacts import download_artifacts

        with waiting():
            return str(
                download_artifacts(
                    artifact_uri=source,
                    dst_path=str(into),
                    tracking_uri=self._tracking_uri,
                    registry_uri=self._registry_uri,
                )
            )


def _words(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
