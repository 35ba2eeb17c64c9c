"""Chooses where a command is carried out: at the service that ``GATEKEEPER_URL`` names, else in this project."""

from collections.abc import Iterator
from contextlib import contextmanager

from gatekeeper.cli.desk.here import Here
from gatekeeper.cli.desk.port import Desk
from gatekeeper.cli.settings import RemoteSettings, load_remote, load_settings
from gatekeeper.client import Client


@contextmanager
def desk() -> Iterator[Desk]:
    """Give the desk that settings and environment name.

    Raises:
        UsageError: there is neither a project nor a service, or the service's address or token is missing or wrong.
    """
    remote = load_remote()
    if remote is None:
        yield Here(load_settings())
        return
    from gatekeeper.cli.desk.there import There

    with client_of(remote) as client:
        yield There(remote, client)


def client_of(remote: RemoteSettings) -> Client:
    """Return a client of the service that settings name."""
    return Client(remote.url, remote.token)
