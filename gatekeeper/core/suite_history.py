"""A port: what was asked of an evaluation set before. Gates ask it; what answers lies below the pipeline."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from gatekeeper.core.digests import Digest


class SuiteHistory(ABC):
    """Remembers which comparisons were asked of which version of an evaluation set."""

    @abstractmethod
    def ask(self, suite_digest: str, asked: Digest) -> Sequence[Digest]:
        """Write down that a comparison is about to be made on a set; return those that were before.

        What is written down stays when the evaluation is interrupted: whoever submits may have seen a part of it.

        Args:
            suite_digest: of the set's version.
            asked: digest over the update and what it is compared with; asked again, it is written down once.

        Returns:
            Distinct digests, oldest first; a comparison that was asked before is among them.
        """
