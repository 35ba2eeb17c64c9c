"""A port: who was asked about an evaluation set before. Gates ask it; what answers lies below the pipeline."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from gatekeeper.core.digests import Digest


class SuiteHistory(ABC):
    """Remembers which updates were evaluated on which version of an evaluation set."""

    @abstractmethod
    def ask(self, suite_digest: str, update_digest: Digest) -> Sequence[Digest]:
        """Write down that an update is about to be evaluated on a set; return the updates that were before.

        What is written down stays when the evaluation is interrupted: whoever submits may have seen a part of it.

        Args:
            suite_digest: of the set's version.
            update_digest: of the update; asked again, it is written down once.

        Returns:
            Distinct digests, oldest first; an update that was asked about before is among them.
        """
