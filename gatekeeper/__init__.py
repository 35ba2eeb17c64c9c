"""The gate around every weight or adapter update of a language model."""

from typing import Any

__all__ = ["load_verified"]


def __getattr__(name: str) -> Any:
    """Give ``load_verified``, which is imported when it is first asked for."""
    if name == "load_verified":
        from gatekeeper.pipeline.loading import load_verified

        return load_verified
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
