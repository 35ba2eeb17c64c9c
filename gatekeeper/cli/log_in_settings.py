"""What ``gatekeeper.toml`` says of log-ins at a provider, and of programs that come with a token of their platform."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Address = Annotated[str, Field(min_length=1, max_length=500)]
_Word = Annotated[str, Field(min_length=1, max_length=500)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogInSettings(_In):
    """Table ``[log_in]``: the provider that people log in with, and what that is good for."""

    issuer: _Address
    """The provider's own name, letter for letter as its metadata has it."""
    client_id: _Word
    """Under which the service is registered there."""
    client_secret_file: str = ""
    """File of the secret; empty for ``GATEKEEPER_LOG_IN_SECRET``, or for a client without one."""
    address: _Address
    """Where browsers reach the service; ``/sign-in/return`` below it is the redirect URI."""
    name: Annotated[str, Field(max_length=60)] = ""
    """What the sign-in page calls the provider; empty for its host."""
    claim: Literal["sub", "email"] = "sub"
    """Which claim names a person: what ``principals.toml`` has for them."""
    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ()
    """Asked for beside ``openid``, and ``email`` where the claim takes it."""
    approves: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Roles whose decisions the service may sign over a log-in; empty: every decision takes its person's own key."""
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 15
    """How old a log-in may be when its person decides."""
    always: bool = False
    """Whether a decision that comes with its person's own signature takes a recent log-in too."""
    session_hours: Annotated[float, Field(gt=0, le=24 * 7)] = 8
    """How long a session lasts at most."""
    idle_minutes: Annotated[float, Field(gt=0, le=24 * 60 * 7)] = 60
    """How long it lasts without being used."""


class WorkloadSettings(_In):
    """Table ``[[workloads]]``: a program, known by what its platform says of the job it runs in."""

    issuer: _Address
    """The platform."""
    audience: _Word
    """What its tokens for this service are made out to."""
    person: _Word
    """Name in ``principals.toml``, with the role ``service`` or ``submitter`` and no other."""
    claims: Annotated[dict[str, _Word | tuple[_Word, ...]], Field(min_length=1)]
    """What the token must say, word for word: one text, or one of several."""
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 60
    """Longest time between a token's issue and its end."""
