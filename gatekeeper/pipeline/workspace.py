"""Everything the stages share: opened once at the edge, passed down, closed by whoever opened it."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from audits.ledger.pseudonyms import pseudonym
from gatekeeper.core.digests import Plain
from gatekeeper.core.gate import Gate
from gatekeeper.pipeline.notary import Notary
from gatekeeper.pipeline.principal import Principal
from gatekeeper.registry.port import Registry
from gatekeeper.store import people
from gatekeeper.store.database import Store

_RECORDED = ("torch", "transformers", "peft", "mlflow", "great-expectations", "presidio-analyzer", "credsweeper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where an installation keeps things, and who its people are."""

    store: Store
    registry: Registry
    catalogue: Mapping[str, Gate[Any]]
    principals: Mapping[str, Principal]
    """People by name; only they can approve."""
    notary: Notary
    """Signs checkpoints and passports, and knows what verifiers trust."""
    pseudonym_key: bytes
    """Key of the HMAC that stands for people in the ledger."""
    intake_dir: Path
    """Our own copies of what was proposed: judged, registered, and out of the proposer's reach."""
    evidence_dir: Path
    """Reports' attachments, one folder per run."""
    versions_dir: Path
    """Registered versions fetched for comparison, one folder per model and version."""
    cache_dir: Path
    """Item scores by content digest."""
    dtype: str
    """Arithmetic of behaviour gates."""
    lock_file: Path
    """Held by whoever promotes on this machine, so that nobody settles a promotion that is still going on."""

    def lookup(self, person: str) -> str:
        """Return what finds a person's row: the same for every spelling of one name, and in no leaf."""
        return pseudonym(self.pseudonym_key, person)

    def pseudonym(self, session: Session, person: str) -> str | None:
        """Return the pseudonym a person is known by; ``None`` for somebody unknown here, or erased."""
        return people.pseudonym(session, self.lookup(person))

    def remember(self, session: Session, person: str) -> str:
        """Return the pseudonym, after writing down whose it is in the erasable table."""
        return people.remember(
            session,
            lookup=self.lookup(person),
            display_name=person,
            pseudonym_of=lambda key: pseudonym(key, person),
        )


def environment() -> dict[str, Plain]:
    """Return what a later reader needs to repeat a run: interpreter, machine and library versions."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count() or 0,
        "libraries": {name: importlib.metadata.version(name) for name in _RECORDED},
    }
