"""The sections ``[webhooks]`` and ``[intake]`` of ``gatekeeper.toml``, and what the service makes of them."""

import ipaddress
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from audits.ledger.keys import create_secret, load_secret
from gatekeeper.core.errors import UsageError

if TYPE_CHECKING:
    from api.webhooks.post import Poster
    from api.webhooks.settings import Outgoing
    from gatekeeper.pipeline.taking.intake import Intake

WEBHOOKS_KEY = "webhooks.key"
MLFLOW_KEY = "mlflow-webhook.key"

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:[1-9][0-9]{0,4})?|\[[0-9a-f:]+\](:[1-9][0-9]{0,4})?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class WebhookSettings(BaseModel):
    """Where administrators may have events sent. Nothing is sent anywhere until a host is named here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[str, ...] = ()
    """``hooks.example.com``, ``hooks.example.com:8443``, or ``*.example.com`` for every host below it."""
    networks: tuple[Network, ...] = ()
    """Addresses that are not public and may be reached all the same, such as ``10.1.0.0/16``."""
    ca_file: Path | None = None
    """Authorities that certificates are checked against, instead of the system's."""

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if _HOST.fullmatch(host) is None:
                raise ValueError(f"{host!r} is no host: lower case, without scheme or path")
        return hosts


class IntakeSettings(BaseModel):
    """Whether versions that others register become updates, and in whose name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str = ""
    """A name of principals.toml whose only role is ``service``; empty: registered versions are left alone."""
    models: tuple[str, ...] = ()
    """Models whose versions are taken; empty for every model under the gate."""
    every: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Seconds between looks that no webhook asked for."""
    tags_within: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """Seconds that a version without the tag ``gatekeeper.data`` is waited for."""


def poster_of(settings: WebhookSettings, root: Path) -> "Poster":
    """Return what sends requests to the hosts that the settings allow.

    Raises:
        UsageError: the file of authorities cannot be read.
    """
    from api.webhooks.address import Rules
    from api.webhooks.post import Poster

    try:
        context = ssl.create_default_context(cafile=None if settings.ca_file is None else str(root / settings.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"The authorities in {settings.ca_file} cannot be read.", hint="Name a PEM file under [webhooks] ca_file."
        ) from error
    hosts = frozenset(host.removesuffix(":443") for host in settings.hosts)
    return Poster(Rules(hosts=hosts, networks=settings.networks), context=context)


def outgoing_of(settings: WebhookSettings, root: Path, keys_dir: Path) -> "Outgoing | None":
    """Return how events are sent; ``None`` where no host may be sent to."""
    from api.webhooks.settings import Outgoing

    if not settings.hosts:
        return None
    poster = poster_of(settings, root)
    return Outgoing(rules=poster.rules, poster=poster, key=create_secret(keys_dir / WEBHOOKS_KEY))


def intake_of(settings: IntakeSettings, incoming: Path | None) -> "Intake | None":
    """Return which versions are taken; ``None`` where none are."""
    from datetime import timedelta

    from gatekeeper.pipeline.taking.intake import Intake

    if not settings.service:
        return None
    return Intake(
        service=settings.service,
        only=settings.models,
        incoming=None if incoming is None else incoming.resolve(),
        tags_come_within=timedelta(seconds=settings.tags_within),
    )


def registry_secret(keys_dir: Path) -> Callable[[], bytes | None]:
    """Return what gives the secret shared with the registry: as it is now, ``None`` while there is none."""
    file = keys_dir / MLFLOW_KEY

    def present() -> bytes | None:
        return load_secret(file) if file.exists() else None

    return present
