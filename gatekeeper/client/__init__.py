"""A client of the service, typed as the service itself is."""

from gatekeeper.client.calls import Refused
from gatekeeper.client.client import Client
from gatekeeper.client.reading import Seen

__all__ = ["Client", "Refused", "Seen"]
