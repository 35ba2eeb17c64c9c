"""The root of what the service sends: closed shapes, times in UTC, digests as ``sha256:`` and hex."""

from pydantic import BaseModel, ConfigDict

Number = float | str
"""A number; ``nan``, ``inf`` and ``-inf`` as text, because JSON cannot write them."""

DIGEST = "sha256:" + "0a" * 32
"""An example of a digest."""


class Out(BaseModel):
    """Root of everything that is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
