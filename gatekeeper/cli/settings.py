"""Settings, built once per command; no other module reads the environment.

The environment wins over ``gatekeeper.toml``, and the file over the defaults.

A project is the folder that holds ``gatekeeper.toml``; it is looked for here and in every parent. Relative paths in
the file are relative to that folder.
"""

import getpass
import hashlib
import os
import tomllib
import unicodedata
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gatekeeper.core.errors import UsageError

FILE_NAME = "gatekeeper.toml"


def default_cache_dir() -> Path:
    """Return the folder for item scores and rebuilt models, shared by all projects of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatekeeper"


def default_keys_dir() -> Path:
    """Return the folder of this user's own signing keys, shared by all projects."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "gatekeeper" / "keys"


def _whoami() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no login name: a container with a bare numeric user
        return f"uid-{os.getuid()}"


class Settings(BaseSettings):
    """Where things lie and who is acting."""

    model_config = SettingsConfigDict(env_prefix="GATEKEEPER_", extra="forbid", populate_by_name=True)

    root: Path = Path()
    """Project folder; set from where ``gatekeeper.toml`` was found."""
    home: Path = Path(".gatekeeper")
    """State of this project: database, evidence, keys."""
    database_url: str = ""
    """SQLAlchemy URL; empty for SQLite under ``home``."""
    tracking_uri: str = Field(
        default="", validation_alias=AliasChoices("GATEKEEPER_TRACKING_URI", "MLFLOW_TRACKING_URI", "tracking_uri")
    )
    """MLflow tracking and registry URI; empty for SQLite under ``home``."""
    policy: str = "builtin:baseline"
    """A policy file, or ``builtin:NAME``."""
    cache_dir: Path = Field(default_factory=default_cache_dir)
    """Item scores by content digest, and rebuilt models; safe to delete."""
    keys_dir: Path = Field(default_factory=default_keys_dir)
    """People's own signing keys, as far as they work on this machine; never shared."""
    trust: str = "trust.toml"
    """What verifiers trust, relative to the project: public, and written by ``gatekeeper trust pin``."""
    witnesses: tuple[str, ...] = ()
    """Addresses of the witnesses that are asked to cosign."""
    actor: str = Field(default_factory=_whoami)
    """Who acts when a command names nobody; stored as a pseudonym."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Arithmetic of behaviour gates: ``auto``, ``bfloat16`` or ``float32``."""

    runtime: Literal["here", "queue"] = "here"
    """Where the service evaluates: ``here``, in its own process, or ``queue``, by workers."""
    runtime_url: str = ""
    """SQLAlchemy URL of what workers remember of their steps; empty for SQLite beside the project's own database."""
    gate_seconds: float = Field(default=6 * 3600.0, gt=0)
    """Longest time one gate may compute in a worker."""
    gate_memory_mib: int | None = Field(default=None, gt=0)
    """Most resident memory of a gate's processes in a worker, in MiB; unset: what the machine has."""
    device: str = ""
    """What a worker computes on; workers that name the same device take turns. Empty for this machine's name."""
    ray: str = ""
    """Where workers evaluate suites: ``auto`` or ``HOST:PORT`` of a Ray cluster's head; empty for here."""
    ray_cpus: int = Field(default=1, gt=0)
    """CPUs, and threads, of one evaluator on a cluster without GPUs."""
    ray_wait_seconds: float = Field(default=600.0, gt=0)
    """How long a gate waits for an evaluator of the cluster when there is none."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which arrives as init values."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def home_dir(self) -> Path:
        """Absolute folder of the project's state."""
        return (self.root / self.home).resolve()

    @property
    def resolved_database_url(self) -> str:
        """Database URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.home_dir / 'gatekeeper.db'}"

    @property
    def resolved_runtime_url(self) -> str:
        """URL of the workers' own database: a file beside the project's, or a schema of the PostgreSQL server."""
        if self.runtime_url:
            return self.runtime_url
        if self.resolved_database_url.startswith("postgresql"):
            return self.resolved_database_url
        return f"sqlite:///{self.home_dir / 'runtime.db'}"

    @property
    def resolved_tracking_uri(self) -> str:
        """Registry URI with the default filled in."""
        return self.tracking_uri or f"sqlite:///{self.home_dir / 'mlflow.db'}"

    @property
    def trust_file(self) -> Path:
        """The project's trust file."""
        return self.root / self.trust

    def key_file(self, person: str) -> Path:
        """Return where this person's own signing key lies on this machine."""
        known_as = unicodedata.normalize("NFKC", " ".join(person.split())).casefold()
        letters = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in known_as)[:40]
        return self.keys_dir / f"{letters}-{hashlib.sha256(known_as.encode()).hexdigest()[:8]}.pem"

    def resolved_policy(self, override: str | None = None) -> str:
        """Return the policy source: ``override`` as given, else the setting relative to the project."""
        if override is not None:
            return override
        return self.policy if self.policy.startswith("builtin:") else str(self.root / self.policy)


def find_project(start: Path) -> Path | None:
    """Return the nearest folder at or above ``start`` that holds a settings file, or ``None``."""
    here = start.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / FILE_NAME).is_file()), None)


def load_settings(start: Path | None = None) -> Settings:
    """Return the settings of the project around ``start`` (default: the current folder).

    Raises:
        UsageError: there is no project here, or its settings file is wrong.
    """
    root = find_project(start or Path.cwd())
    if root is None:
        raise UsageError(
            f"There is no {FILE_NAME} here or in a folder above.", hint="Set a project up first: gatekeeper init."
        )
    path = root / FILE_NAME
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is no TOML: {error}.", hint="Mend it, or remove it and run gatekeeper init."
        ) from error
    try:
        return Settings(**{**values, "root": root})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path}: {name}: {first['msg']}.",
            hint="Known settings: " + ", ".join(sorted(Settings.model_fields)) + ".",
        ) from error
