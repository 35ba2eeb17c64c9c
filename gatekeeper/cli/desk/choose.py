"""Chooses where a command is carried out: at the service that ``GATEKEEPER_URL`` names, else in this project."""

from collections.abc import Iterator
from contextlib import contextmanager

from gatekeeper.cli.desk.here import Here
from gatekeeper.cli.desk.port import Desk
from gatekeeper.cli.settings import RemoteSettings, load_remote, load_settings
from gatekeeper.client import Client
from gatekeeper.core.errors import UsageError


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


def own_name(client: Client, person: str | None) -> str:
    """Return who acts at a service: the one the token belongs to.

    Raises:
        UsageError: somebody else was named.
    """
    own = client.me().name
    if person not in (None, own):
        raise UsageError(f"The token belongs to {own}, not to {person}.", hint="Leave --as out, or use their token.")
    return own
