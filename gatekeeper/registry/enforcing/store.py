"""MLflow's database store, except that only a valid passport moves a protected alias.

Order of :meth:`EnforcingStore.set_registered_model_alias`, in one database transaction: hold the model's row, read
the passport from the version's tag, judge it, compare what it is bound to, compare the alias's present version and
the last accepted intent, note the new one, move. Of many callers with the same previous version one therefore wins.

Each method that could move, orphan or forge what an alias means is guarded here; a test names every other one.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from mlflow.entities.model_registry.model_version_stages import STAGE_PRODUCTION, get_canonical_stage
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED, RESOURCE_CONFLICT
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersionTag,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
    SqlRegisteredModelTag,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.validation import _validate_model_version
from sqlalchemy import update

from audits.passport.binding import Binding
from audits.passport.trust import Trust, load_trust
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.registry.enforcing import judge
from gatekeeper.registry.enforcing.names import ACCEPTED_TAG, OURS, Protected, folded
from gatekeeper.registry.port import PASSPORT_TAG, REVOCATIONS_TAG

TRUST_VARIABLE: Final = "GATEKEEPER_TRUST"
"""Environment variable that names the trust file."""

SCHEME: Final = "gatekeeper+"
"""What precedes the database's own scheme in the store's address."""

_HINT: Final = (
    "Propose an update with `gatekeeper check`; once people approved it, `gatekeeper promote` moves the alias."
)

_log: Final = logging.getLogger(__name__)


class EnforcingStore(SqlAlchemyStore):  # type: ignore[misc]  # MLflow ships no types
    """A model registry in a database that keeps its protected aliases."""

    def __init__(self, store_uri: str) -> None:
        """Open the database behind ``store_uri``.

        Args:
            store_uri: ``gatekeeper+`` and a SQLAlchemy address of SQLite or PostgreSQL.

        Raises:
            MlflowException: no trust file is named or it is wrong, or MLflow runs with workspaces.
        """
        if MLFLOW_ENABLE_WORKSPACES.get():
            raise MlflowException(
                "The enforcing registry does not work with MLflow's workspaces: unset MLFLOW_ENABLE_WORKSPACES.",
                INVALID_PARAMETER_VALUE,
            )
        trust = _trust()
        self._protected = Protected(trust.protected)
        self._judge: judge.Judge = judge.judge_for(trust)
        self._joined: ContextVar[Any] = ContextVar("joined", default=None)
        super().__init__(store_uri.removeprefix(SCHEME))
        self._own_session: Any = vars(self)["ManagedSessionMaker"]
        self.ManagedSessionMaker = self._session

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        """Move the alias; a protected one only when the version's passport covers exactly this move."""
        if not self._protected.looks_like(alias):
            super().set_registered_model_alias(name, alias, version)
            return
        if not self._protected.exactly(alias):
            raise _refused(f"The alias {alias!r} is another spelling of a protected one.")
        number = int(_validate_model_version(version))
        with self._held(name) as session:
            self._get_sql_model_version(session, name, number)
            binding = self._covering(session, name, number, alias, self._passport(session, name, number, alias))
            self._accept(session, name, number, alias, binding)
            super().set_registered_model_alias(name, alias, number)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove the alias unless it is protected."""
        if self._protected.looks_like(alias):
            raise _refused(f"The alias {alias!r} is protected and cannot be removed.")
        super().delete_registered_model_alias(name, alias)

    def create_registered_model(
        self, name: str, tags: Any = None, description: str | None = None, deployment_job_id: str | None = None
    ) -> Any:
        """Register the model unless its tags claim an acceptance."""
        for tag in tags or ():
            self._require_no_acceptance(tag.key)
        return super().create_registered_model(name, tags, description, deployment_job_id)

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename the model unless a protected alias stands, or ever stood, on it."""
        with self._held(name) as session:
            self._require_unprotected(session, name, "renamed")
            return super().rename_registered_model(name, new_name)

    def delete_registered_model(self, name: str) -> None:
        """Delete the model unless a protected alias stands, or ever stood, on it."""
        with self._held(name) as session:
            self._require_unprotected(session, name, "deleted")
            super().delete_registered_model(name)

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set the tag unless it claims an acceptance."""
        self._require_no_acceptance(tag.key)
        super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove the tag unless it is one of ours: without the revocation list a revoked passport would count."""
        if _is_ours(key):
            raise _refused(f"The tag {key} of a model cannot be removed.")
        super().delete_registered_model_tag(name, key)

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move the version to a stage other than Production, which would be a second way to go live."""
        if get_canonical_stage(stage) == STAGE_PRODUCTION:
            raise _refused("The stage Production is closed: models go live by alias.")
        return super().transition_model_version_stage(name, version, stage, archive_existing_versions)

    def delete_model_version(self, name: str, version: Any) -> None:
        """Delete the version unless it holds a protected alias."""
        number = int(_validate_model_version(version))
        with self._held(name) as session:
            if held := self._held_aliases(session, name, number):
                raise _refused(
                    f"Version {number} of {name} holds the protected alias {held[0]} and cannot be deleted."
                )
            super().delete_model_version(name, number)

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> None:
        """Set the tag; one of ours, on a version that holds a protected alias, only to a passport for that version."""
        if not _is_ours(tag.key):
            super().set_model_version_tag(name, version, tag)
            return
        number = int(_validate_model_version(version))
        with self._held(name) as session:
            if self._held_aliases(session, name, number):
                alias = tag.key.removeprefix(PASSPORT_TAG)
                if alias == tag.key or not self._protected.exactly(alias):
                    raise _refused(f"The tag {tag.key} of a version that holds a protected alias cannot be changed.")
                self._covering(session, name, number, alias, tag.value)
            super().set_model_version_tag(name, number, tag)

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        """Remove the tag unless it is one of ours on a version that holds a protected alias."""
        if not _is_ours(key):
            super().delete_model_version_tag(name, version, key)
            return
        number = int(_validate_model_version(version))
        with self._held(name) as session:
            if self._held_aliases(session, name, number):
                raise _refused(f"The tag {key} of a version that holds a protected alias cannot be removed.")
            super().delete_model_version_tag(name, number, key)

    @contextmanager
    def _session(self, read_only: bool = True) -> Iterator[Any]:
        """Give the session of the transaction that is open in this context, or one of its own."""
        joined = self._joined.get()
        if joined is not None:
            yield joined
            joined.flush()
            return
        with self._own_session(read_only=read_only) as session:
            yield session

    @contextmanager
    def _held(self, name: str) -> Iterator[Any]:
        """Give a session that holds the model's row until its end; MLflow's own methods join it.

        An UPDATE is the lock that every database knows: on SQLite it makes this the one writer.
        """
        with self._own_session(read_only=False) as session:
            row = SqlRegisteredModel
            session.execute(update(row).where(row.name == name).values(last_updated_time=row.last_updated_time))
            token = self._joined.set(session)
            try:
                yield session
            finally:
                self._joined.reset(token)

    def _covering(self, session: Any, name: str, number: int, alias: str, passport: str | None) -> Binding:
        """Return the binding of a passport that covers this version under this alias."""
        if not passport:
            raise _refused(f"Version {number} of {name} carries no passport for the alias {alias}.")
        try:
            binding = self._judge.binding(passport, self._model_tag(session, name, REVOCATIONS_TAG))
        except GatekeeperError as error:
            raise _refused(f"The passport of version {number} of {name} is not valid: {error.message}") from error
        except Exception as error:
            _log.warning("A passport could not be judged: %s", type(error).__name__)
            raise _refused(f"The passport of version {number} of {name} could not be judged.") from error
        if (binding.model, binding.version, binding.alias) != (name, str(number), alias):
            raise _refused(
                f"The passport covers version {binding.version} of {binding.model} as {binding.alias}, "
                f"not version {number} of {name} as {alias}."
            )
        return binding

    def _accept(self, session: Any, name: str, number: int, alias: str, binding: Binding) -> None:
        """Note the passport as the last accepted one when it follows what stands.

        The last accepted one may be repeated: after a lost answer, or to undo what was done to the database by hand.
        """
        key = ACCEPTED_TAG + alias
        accepted = self._model_tag(session, name, key)
        this = f"{number}:{binding.intent}"
        if accepted == this:
            return
        if accepted is not None and binding.intent <= _intent(accepted):
            raise _refused(f"A passport as new as this one was accepted for the alias {alias} of {name} before.")
        standing = self._get_registered_model_alias(session, name, alias)
        present = None if standing is None else str(standing.version)
        if present != binding.expected_previous:
            raise MlflowException(
                f"The alias {alias} of {name} points to {_words(present)}, the passport follows "
                f"{_words(binding.expected_previous)}: another promotion came first. Run the gates again.",
                RESOURCE_CONFLICT,
            )
        workspace = self._get_registered_model(session, name).workspace
        session.merge(SqlRegisteredModelTag(workspace=workspace, name=name, key=key, value=this))

    def _passport(self, session: Any, name: str, number: int, alias: str) -> str | None:
        tag: SqlModelVersionTag | None = self._get_model_version_tag(session, name, number, PASSPORT_TAG + alias)
        return None if tag is None else tag.value

    def _model_tag(self, session: Any, name: str, key: str) -> str | None:
        tag = self._get_registered_model_tag(session, name, key)
        return None if tag is None else str(tag.value)

    def _held_aliases(self, session: Any, name: str, number: int | None = None) -> list[str]:
        """Return the protected aliases, in any spelling, of a version; of any version when none is named."""
        rows = self._get_query(session, SqlRegisteredModelAlias).filter(SqlRegisteredModelAlias.name == name)
        return sorted(
            row.alias for row in rows if self._protected.looks_like(row.alias) and number in {None, int(row.version)}
        )

    def _require_unprotected(self, session: Any, name: str, what: str) -> None:
        if held := self._held_aliases(session, name):
            raise _refused(f"The model {name} holds the protected alias {held[0]} and cannot be {what}.")
        tags = self._get_query(session, SqlRegisteredModelTag).filter(SqlRegisteredModelTag.name == name)
        if any(_is_acceptance(tag.key) for tag in tags):
            raise _refused(f"A protected alias stood on the model {name}: it cannot be {what}.")

    def _require_no_acceptance(self, key: str) -> None:
        if _is_acceptance(key):
            raise _refused(f"The tag {key} is written by the registry alone.")


def _trust() -> Trust:
    named = os.environ.get(TRUST_VARIABLE, "")
    if not named:
        raise MlflowException(
            f"The enforcing registry needs a trust file: name the one of `gatekeeper trust pin` in {TRUST_VARIABLE}.",
            INVALID_PARAMETER_VALUE,
        )
    try:
        return load_trust(Path(named))
    except GatekeeperError as error:
        raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from error


def _refused(message: str) -> MlflowException:
    return MlflowException(f"{message} {_HINT}", PERMISSION_DENIED)


def _is_ours(key: str) -> bool:
    return folded(key).startswith(OURS)


def _is_acceptance(key: str) -> bool:
    return folded(key).startswith(ACCEPTED_TAG)


def _intent(accepted: str) -> int:
    """Return the intent of ``version:intent``; only the store writes it, so anything else was done by hand."""
    version, _, intent = accepted.partition(":")
    if not (version.isdecimal() and intent.isdecimal()):
        raise _refused("The registry's note of the last accepted passport was changed by hand.")
    return int(intent)


def _words(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
