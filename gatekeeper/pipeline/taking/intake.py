"""Which registered versions are taken and in whose name, what becomes of one, and what stops it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gatekeeper.core.errors import (
    GatekeeperError,
    RegistryError,
    StateError,
    StoreError,
    UsageError,
    VerificationError,
)
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.tables import IntakeState

SERVICE: Final = "service"
"""Role of a program."""

PASSING: Final = (RegistryError, StoreError, StateError)
"""Failures that are over by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Which versions are taken, and in whose name."""

    service: str
    """A name of the project's people whose only role is ``service``: the proposer of everything taken."""
    only: tuple[str, ...] = ()
    """Models whose versions are taken; empty for every model under the gate."""
    incoming: Path | None = None
    """Folder that ``incoming:`` in tags is below."""
    tags_come_within: timedelta = timedelta(seconds=60)
    """How long a version without ``gatekeeper.data`` is waited for, since it was first seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one version."""

    model: str
    version: str
    state: IntakeState
    update_id: str | None = None
    code: str | None = None
    reason: str | None = None


class Refused(Exception):
    """This version cannot be an update as it is."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


class Later(Exception):
    """It is to be looked at again."""

    def __init__(self, code: str, reason: str, due: datetime | None = None) -> None:
        super().__init__(code)
        self.code, self.reason, self.due = code, reason, due


def require_service(workspace: Workspace, name: str) -> None:
    """Return when updates can be proposed in this name.

    Raises:
        UsageError: nobody of this name is among the project's people, or they are more than a service.
    """
    principal = workspace.principals.get(name)
    if principal is None or principal.roles != (SERVICE,):
        raise UsageError(
            f"{name} is no service of this project, so nothing is proposed in its name.",
            hint=f'Write [people.{name}] with roles = ["{SERVICE}"] into principals.toml.',
        )


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Tell what passes from what does not: the first is asked again, the second is refused."""
    try:
        yield
    except PASSING as error:
        raise Later(f"{what}-not-asked", error.message) from error
    except VerificationError as error:
        if what == "champion":  # somebody moved the alias: nothing can be compared until it is back
            raise Later("champion-moved", error.message) from error
        raise Refused(what, error.message) from error
    except GatekeeperError as error:
        raise Refused(what, error.message) from error
    except OSError as error:
        raise Later(f"{what}-not-asked", error.strerror or type(error).__name__) from error
