"""Every error a person can meet, in one tree.

::

    GatekeeperError                      exit 30: could not be evaluated, fail closed
    ├── UsageError                       exit 64: the command line or a file it names is wrong
    │   └── PolicyError                  exit 64: a policy does not load
    ├── InputError                       exit 30: rows or files that exist but cannot be read as claimed
    ├── RegistryError                    exit 30: the model registry cannot be reached or refuses
    │   └── PromotionConflict            exit 30: the alias moved since the evidence was gathered
    ├── StoreError                       exit 30: the application database is missing, old or locked
    ├── StateError                       exit 30: this step is not allowed in the update's present state
    │   └── NotEntitled                  exit 30: this person may not decide about it, whatever its state is
    └── VerificationError                exit 20: bytes, digests or signatures do not match

Bad input is a ``GatekeeperError``; our own misuse is ``RuntimeError``. Each message is one sentence of what is
wrong and ``hint`` one of what to do next.
"""

from typing import ClassVar


class GatekeeperError(Exception):
    """Something the operator can act on."""

    exit_code: ClassVar[int] = 30
    """Process exit code of a command that ends with this error."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(GatekeeperError):
    """The command line, or a file named on it, is wrong."""

    exit_code = 64


class PolicyError(UsageError):
    """A policy does not load: syntax, an unknown gate, an unknown parameter, a rule that cannot compile."""


class InputError(GatekeeperError):
    """A file exists but does not hold what it claims to hold."""


class RegistryError(GatekeeperError):
    """The model registry cannot be reached, or refuses a call."""


class PromotionConflict(RegistryError):
    """The alias no longer points to the version the evidence compared with."""


class StoreError(GatekeeperError):
    """The application database is missing, of another version, or locked."""


class StateError(GatekeeperError):
    """The step is not allowed in the update's present state."""


class NotEntitled(StateError):
    """This person may not decide about it: the wrong role, a part in the update, or a decision they took already."""


class VerificationError(GatekeeperError):
    """Bytes, digests or signatures do not match."""

    exit_code = 20
