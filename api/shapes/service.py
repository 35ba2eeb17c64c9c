"""The caller, and the state of the service itself."""

from typing import Literal

from api.shapes.base import Out


class MeOut(Out):
    """Who calls."""

    name: str
    token: str
    roles: list[str]


class HealthOut(Out):
    """Whether something answers."""

    status: Literal["ok"]


class ReadyOut(Out):
    """What answers and what does not."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
    """``ok``, or the code of what is wrong."""
