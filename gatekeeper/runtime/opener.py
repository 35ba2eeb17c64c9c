"""How another process opens the same installation: by the name of a function, and one text that it is given.

The function lies above this layer (settings are the command line's), so it is named and not imported.
"""

import importlib
from contextlib import AbstractContextManager
from dataclasses import dataclass

from gatekeeper.pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Names what opens an installation."""

    function: str
    """``package.module:function``, which takes :attr:`argument` and gives a context manager of a workspace."""
    argument: str

    def open(self) -> AbstractContextManager[Workspace]:
        """Open the installation; it is closed when the block ends."""
        module, _, name = self.function.partition(":")
        opened: AbstractContextManager[Workspace] = getattr(importlib.import_module(module), name)(self.argument)
        return opened
