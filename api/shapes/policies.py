"""Policies, as the service sends them."""

from typing import Any

from api.shapes.base import Out


class PolicyLineOut(Out):
    """A policy in a list."""

    name: str
    digest: str
    present: bool
    """Whether it decides about what is evaluated now."""


class PoliciesOut(Out):
    """Every policy that anything was evaluated under, and the present one."""

    items: list[PolicyLineOut]


class PolicyOut(PolicyLineOut):
    """A policy in full."""

    policy: dict[str, Any]
    """Its normal form: the digest is SHA-256 over RFC 8785 JSON of exactly this."""
