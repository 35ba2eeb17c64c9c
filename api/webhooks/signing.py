"""Signatures of the Standard Webhooks specification, with secrets that are kept nowhere.

A secret is an HMAC of the endpoint's id and the secret's number under one key file, so that the database, its copies
and the answers that the service keeps hold no secret. Deliveries carry one signature for every secret that counts.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"


def secret_of(key: bytes, endpoint_id: str, generation: int) -> str:
    """Return an endpoint's secret of that number: ``whsec_`` and 32 bytes in base64."""
    made = hmac.new(key, f"gatekeeper-webhook/v1/{endpoint_id}/{generation}".encode(), hashlib.sha256)
    return PREFIX + base64.b64encode(made.digest()).decode()


def signed(secrets: Sequence[str], message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery.

    Args:
        secrets: the newest first; at least one.
        message: the event's id, the same for every attempt.
        at: the moment of this attempt, aware and in UTC.
        body: what is sent, UTF-8.

    Raises:
        RuntimeError: there is no secret.
    """
    if not secrets:
        raise RuntimeError("a delivery is never sent without a signature")
    text = body.decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "gatekeeper",
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message, at, text) for secret in secrets),
    }
