"""The installation's own keys, one file each, readable by their owner alone.

``pseudonym.key``: 32 random bytes; deleting it makes every pseudonym meaningless for good.
``log.pem``: the Ed25519 key that signs the ledger, PKCS 8.
``passport.pem``: the Ed25519 key that signs passports and revocation lists, PKCS 8.
``log-in.pem``: the Ed25519 key that signs people's decisions over their log-ins, PKCS 8; only where they decide so.
``webhooks.key``: 32 random bytes that the secrets of outgoing webhooks are derived from; made with the first of them.
``mlflow-webhook.key``: 32 random bytes that the registry signs its webhooks with, in hexadecimal.
A person's own key, which signs their decisions, lies elsewhere: :func:`create_key` and :func:`load_key`.
A key is created once and never overwritten; a key that others can read is refused, since it may be known already.

A new key for the log or for passports waits as ``NAME.next`` until :func:`take_over` puts it in the former one's
place, which stays as ``NAME.ID.old`` or is deleted.
"""

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from audits.ledger.pseudonyms import KEY_BYTES
from audits.ledger.rotation import public_id
from gatekeeper.core.errors import UsageError

PSEUDONYM_FILE: Final = "pseudonym.key"
LOG_FILE: Final = "log.pem"
PASSPORT_FILE: Final = "passport.pem"
LOG_IN_FILE: Final = "log-in.pem"

_ENOUGH: Final = 1 << 16
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """This installation's keys; showing the object shows neither."""

    pseudonym: bytes = field(repr=False)
    """For :func:`audits.ledger.pseudonyms.pseudonym`."""
    log: Ed25519PrivateKey = field(repr=False)
    """Signs the ledger."""
    passport: Ed25519PrivateKey = field(repr=False)
    """Signs passports and revocation lists."""


def create_keys(folder: Path) -> Keys:
    """Return the keys of ``folder``, creating the folder and whichever key is not there yet.

    Raises:
        UsageError: the folder cannot be written, or a key that is there is refused.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / PSEUDONYM_FILE).exists():
            _write_once(folder / PSEUDONYM_FILE, secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        raise _unwritable(folder, error) from error
    for name in (LOG_FILE, PASSPORT_FILE):
        create_key(folder / name)
    return load_keys(folder)


def create_key(file: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key of ``file``, creating it and its folder where it is not there yet.

    Raises:
        UsageError: the folder cannot be written, or the key that is there is refused.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            key = Ed25519PrivateKey.generate()
            _write_once(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except OSError as error:
        raise _unwritable(file.parent, error) from error
    return load_key(file)


def create_secret(file: Path) -> bytes:
    """Return the 32 secret bytes of ``file``, creating it and its folder where it is not there yet.

    Raises:
        UsageError: the folder cannot be written, or the secret that is there is refused.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _write_once(file, secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        raise _unwritable(file.parent, error) from error
    return load_secret(file)


def load_secret(file: Path) -> bytes:
    """Return the 32 secret bytes of ``file``.

    Raises:
        UsageError: it is missing, readable by others, or of another length.
    """
    secret = _read(file)
    if len(secret) != KEY_BYTES:
        raise _no_key(file)
    return secret


def next_key(folder: Path, name: str) -> Ed25519PrivateKey:
    """Return the key that waits to take over, creating it where none waits.

    Raises:
        UsageError: the folder cannot be written, or the key that waits is refused.
    """
    return create_key(waiting(folder, name))


def waiting(folder: Path, name: str) -> Path:
    """Return where the key that will take over lies."""
    return folder / f"{name}.next"


def take_over(folder: Path, name: str, *, destroy: bool = False) -> Path | None:
    """Put the key that waits in the former one's place, whole or not at all; harmless when repeated.

    Args:
        folder: of the installation's keys.
        name: :data:`LOG_FILE` or :data:`PASSPORT_FILE`.
        destroy: whether to delete the former key, and not to keep it as ``NAME.ID.old``.

    Returns:
        where the former key is kept; ``None`` where it is not.

    Raises:
        UsageError: the folder cannot be written, or no key waits.
    """
    file, after = folder / name, waiting(folder, name)
    load_key(after)
    former = public_id(load_key(file).public_key().public_bytes_raw())[:16]
    kept = folder / f"{name}.{former}.old"
    try:
        if destroy:
            kept.unlink(missing_ok=True)
        elif not kept.exists():
            os.link(file, kept)
        after.replace(file)
        _sync(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return None if destroy else kept


def load_keys(folder: Path) -> Keys:
    """Return the keys of ``folder``.

    Raises:
        UsageError: a key is missing, readable by others, or no key.
    """
    secret = load_secret(folder / PSEUDONYM_FILE)
    return Keys(pseudonym=secret, log=load_key(folder / LOG_FILE), passport=load_key(folder / PASSPORT_FILE))


def load_key(file: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key of ``file``.

    Raises:
        UsageError: it is missing, readable by others, or no such key.
    """
    try:
        key = load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(file) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(file)
    return key


def _write_once(file: Path, content: bytes) -> None:
    """Write a file that does not exist yet, whole or not at all, for its owner alone.

    Whoever comes second keeps the first one's key: a link to a name that is taken fails.
    """
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: Path) -> bytes:
    """Return a key file's bytes, from the very file whose mode was looked at."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise UsageError(
            f"The key {file} cannot be read: {error.strerror}.",
            hint="Create the installation's keys with `gatekeeper init`.",
        ) from error
    with os.fdopen(handle, "rb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise _no_key(file)
        if mode & _OTHERS:
            raise UsageError(
                f"The key {file} can be read or written by others (mode {stat.S_IMODE(mode):04o}).",
                hint=f"If nobody has copied it, run `chmod 600 {file}`; otherwise replace it.",
            )
        return stream.read(_ENOUGH)


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"The keys folder {folder} cannot be written: {error.strerror}.",
        hint="Choose a folder that you may write to.",
    )


def _no_key(file: Path) -> UsageError:
    return UsageError(f"The file {file} holds no key of the kind it is named for.", hint="Restore it from a copy.")
