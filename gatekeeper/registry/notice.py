"""A webhook of MLflow, verified: who signed it, when, and which model it is about.

MLflow signs ``id.time.body`` with HMAC-SHA256 under a shared secret, as ``mlflow.webhooks.delivery`` of 3.17 does.
Nothing of the body is believed but the name of the model: it says where to look, and what is there is read from the
registry.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gatekeeper.core.errors import InputError, VerificationError

SIGNATURE: Final = "x-mlflow-signature"
TIMESTAMP: Final = "x-mlflow-timestamp"
DELIVERY: Final = "x-mlflow-delivery-id"

EVENTS: Final = (
    "model_version.created",
    "model_version_tag.set",
    "model_version_alias.created",
    "model_version_alias.deleted",
)
"""What the registry is asked to say."""

_DELIVERY: Final = re.compile(r"[A-Za-z0-9_-]{8,128}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_WORD: Final = re.compile(r"[a-z_]{1,40}")
_LONGEST_NAME: Final = 256
_MOST_SIGNATURES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the registry says happened."""

    delivery: str
    """The registry's id of this delivery: the same when it is repeated."""
    event: str
    """Such as ``model_version.created``."""
    model: str

    @property
    def about_alias(self) -> bool:
        """Whether an alias may have moved."""
        return self.event.startswith("model_version_alias.")


def verified(
    secret: str, headers: Mapping[str, str], body: bytes, *, window: timedelta, now: datetime | None = None
) -> Notice:
    """Return what a signed request says.

    Args:
        secret: shared with MLflow, as it was given to it.
        headers: of the request, names in lower case.
        body: exactly as it came.
        window: how far the sender's time may be from ours.
        now: the present moment, for tests.

    Raises:
        VerificationError: it is not signed with this secret, or at another time.
        InputError: it is signed and says nothing that can be understood.
    """
    delivery, sent = headers.get(DELIVERY, ""), headers.get(TIMESTAMP, "")
    if not secret or _DELIVERY.fullmatch(delivery) is None or _TIMESTAMP.fullmatch(sent) is None:
        raise _unsigned()
    expected = hmac.new(secret.encode(), f"{delivery}.{sent}.".encode() + body, hashlib.sha256).digest()
    given = [_decoded(each) for each in headers.get(SIGNATURE, "").split(" ")[:_MOST_SIGNATURES]]
    # Every signature is compared, so that the time taken says nothing about which one fits.
    if sum(hmac.compare_digest(expected, each) for each in given) == 0:
        raise _unsigned()
    moment = now or datetime.now(UTC)
    if abs(moment.timestamp() - int(sent)) > window.total_seconds():
        raise VerificationError(
            "The webhook was sent at another time.", hint="See that the clocks of both machines are right."
        )
    return _read(delivery, body)


def _read(delivery: str, body: bytes) -> Notice:
    try:
        said = json.loads(body)
        event, model = f"{said['entity']}.{said['action']}", said["data"]["name"]
        words = (said["entity"], said["action"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError("The webhook says nothing that can be understood.") from error
    known = all(isinstance(word, str) and _WORD.fullmatch(word) for word in words)
    if not known or not isinstance(model, str) or not 0 < len(model) <= _LONGEST_NAME or "\x00" in model:
        raise InputError("The webhook names no event, or no model.")
    return Notice(delivery=delivery, event=event, model=model)


def _decoded(signature: str) -> bytes:
    version, _, text = signature.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unsigned() -> VerificationError:
    return VerificationError(
        "The webhook carries no signature that counts.", hint="gatekeeper intake connect sets it up."
    )
