"""A port: where a long gate keeps parts of its work. What answers is the runtime's; without one nothing is kept."""

from abc import ABC, abstractmethod


class Shards(ABC):
    """Keeps what a gate has done so far, so that a repetition of it finds that and does the rest."""

    @abstractmethod
    def find(self, name: str) -> bytes | None:
        """Return what this gate of this run kept under a name, byte for byte; ``None`` when there is nothing."""

    @abstractmethod
    def keep(self, name: str, body: bytes, *, says: str = "") -> None:
        """Keep a part.

        Args:
            name: says everything that the part depends on, such as a digest of its inputs.
            body: what it came to.
            says: for those who watch, at most 100 characters; no part of what is kept.
        """


class NothingKept(Shards):
    """For evaluations whose process is the only one that will ever need them."""

    def find(self, name: str) -> None:
        """Find nothing."""

    def keep(self, name: str, body: bytes, *, says: str = "") -> None:
        """Do nothing."""
