"""What ``gatekeeper serve`` does beside answering, as far as the settings ask for it."""

from contextlib import AbstractContextManager
from pathlib import Path

from api.service import Service
from api.webhooks.background import Background, Bell
from api.webhooks.sender import Sender
from api.webhooks.settings import Incoming, Outgoing
from gatekeeper.cli.settings import Settings
from gatekeeper.cli.webhook_settings import intake_of, outgoing_of, registry_secret
from gatekeeper.pipeline.taking.intake import require_service
from gatekeeper.pipeline.workspace import Workspace


class Beside:
    """Sends events and takes registered versions, where the settings say so."""

    def __init__(self, settings: Settings, incoming: Path | None) -> None:
        """Read the settings.

        Raises:
            UsageError: a file that they name cannot be used.
        """
        keys_dir = settings.home_dir / "keys"
        self._every = settings.intake.every
        self._versions, self._aliases = Bell(), Bell()
        self._intake = intake_of(settings.intake, incoming)
        self._rung = Incoming(secret=registry_secret(keys_dir), wake=self._versions.ring, look=self._aliases.ring)
        self.outgoing: Outgoing | None = outgoing_of(settings.webhooks, settings.root, keys_dir)
        """How events are sent; ``None`` where they are not."""

    @property
    def registry(self) -> Incoming | None:
        """How the registry's webhooks are taken; ``None`` where they are not."""
        return None if self._intake is None else self._rung

    def require_people(self, opened: Workspace) -> None:
        """Return when whoever proposes registered versions may do so.

        Raises:
            UsageError: they may not.
        """
        if self._intake is not None:
            require_service(opened, self._intake.service)

    def running(self, service: Service, opened: Workspace) -> AbstractContextManager[None]:
        """Do it for as long as the block lasts."""
        outgoing = self.outgoing
        sender = None if outgoing is None else Sender(opened.store, outgoing.poster, outgoing.key)
        return Background(
            service,
            versions=self._versions,
            aliases=self._aliases,
            sender=sender,
            intake=self._intake,
            every=self._every,
        ).running()
