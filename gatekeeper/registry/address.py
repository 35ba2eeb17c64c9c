"""Which registry addresses are accepted, what a registry is called without its address, and whether one answers.

MLflow meets an address that does not answer with minutes of retries; so whether anything is there is looked up first,
within seconds.
"""

import socket
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import RegistryError

DATABASES: Final = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
"""Schemes of addresses that name a database rather than a server."""

PROBE_SECONDS: Final = 5.0
"""How long a server may take to accept a connection."""

_PORTS: Final = {"http": 80, "https": 443}


def backend(uri: str) -> str:
    """Return an address's scheme without its driver: ``sqlite``, ``http``, ...; empty for a plain path."""
    return uri.partition(":")[0].partition("+")[0].lower() if ":" in uri else ""


def require_accepted(uri: str) -> None:
    """Return when the address is not MLflow's file store.

    Raises:
        RegistryError: it is: files have no transactions, so an alias in them can be lost or torn.
    """
    drive = len(uri.partition(":")[0]) == 1
    if not uri.strip() or backend(uri) in {"", "file"} or drive:
        raise RegistryError(
            f"MLflow's file store ({uri or 'no address'}) cannot hold aliases safely and is refused.",
            hint="Use a database or a server, for example sqlite:///mlflow.db or http://localhost:5000.",
        )


def registry_id(uri: str) -> str:
    """Return a short name for the registry at ``uri``: the same for the same address, whatever the credentials.

    The address itself stays out of the ledger, because it can hold credentials and people's folders.
    """
    if (file := sqlite_file(uri)) is not None:
        known_by = f"sqlite:{file.resolve().as_posix()}"
    else:
        parts = urlsplit(uri)
        host = f"{(parts.hostname or '').lower()}:{_port(parts) or ''}"
        known_by = f"{backend(uri)}:{host}{parts.path.rstrip('/')}"
    return "mlflow:" + sha256_bytes(known_by.encode()).removeprefix("sha256:")[:16]


def shown(uri: str) -> str:
    """Return the address as it may be shown: without user and password."""
    parts = urlsplit(uri)
    return uri if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def sqlite_file(uri: str) -> Path | None:
    """Return the file a SQLite address names, or ``None`` for any other address."""
    if backend(uri) != "sqlite":
        return None
    return Path(uri.partition("://")[2].removeprefix("/").partition("?")[0])


def probe(uri: str) -> None:
    """Return when a database can be opened or a server accepts a connection; other addresses are not looked up.

    Raises:
        RegistryError: nothing is there.
    """
    if backend(uri) in DATABASES:
        _open_database(uri)
    elif backend(uri) in _PORTS:
        _knock(uri)


def _open_database(uri: str) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    file = sqlite_file(uri)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(uri)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1" if file is None else "PRAGMA schema_version"))
        engine.dispose()
    except (SQLAlchemyError, OSError, ModuleNotFoundError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise RegistryError(
            f"The model registry's database {shown(uri)} cannot be opened: {reason}.",
            hint="Check the address, that the database runs, and that its driver is installed.",
        ) from error


def _knock(uri: str) -> None:
    parts = urlsplit(uri)
    host, port = parts.hostname, _port(parts)
    if not host or port is None:
        raise RegistryError(
            f"The model registry's address {shown(uri)} names no server.", hint="Write it as http://host:port."
        )
    if parts.scheme in getproxies() and not proxy_bypass(host):
        # Only the proxy can tell whether the server is there.
        return
    try:
        socket.create_connection((host, port), timeout=PROBE_SECONDS).close()
    except OSError as error:
        raise RegistryError(
            f"The model registry at {shown(uri)} does not answer: {error.strerror or error}.",
            hint="Start it with `mlflow server`, or check the address in MLFLOW_TRACKING_URI.",
        ) from error


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
