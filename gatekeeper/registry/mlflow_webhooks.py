"""Sets up, in MLflow, the webhook that rings here."""

from gatekeeper.core.errors import RegistryError, UsageError
from gatekeeper.registry import address
from gatekeeper.registry.mlflow_client import connect, translated
from gatekeeper.registry.notice import EVENTS


def connect_webhook(tracking_uri: str, *, name: str, url: str, secret: str) -> str:
    """Make the webhook, or give the one of that name this address, these events and this secret; return its id.

    Raises:
        UsageError: the registry is a database that no server sends webhooks for.
        RegistryError: MLflow does not answer, or refuses the address.
    """
    address.require_accepted(tracking_uri)
    if address.backend(tracking_uri) in address.DATABASES:
        raise UsageError(
            "A registry that is a database sends no webhooks.",
            hint="Put `mlflow server` in front of it, or leave it to polling.",
        )
    address.probe(tracking_uri)
    client = connect(tracking_uri, tracking_uri)
    with translated("set up its webhook"):
        token: str | None = None
        while True:
            page = client.list_webhooks(max_results=100, page_token=token)
            for webhook in page:
                if webhook.name == name:
                    client.update_webhook(
                        webhook.webhook_id, url=url, events=list(EVENTS), secret=secret, status="ACTIVE"
                    )
                    return str(webhook.webhook_id)
            token = page.token or None
            if token is None:
                break
        made = client.create_webhook(name=name, url=url, events=list(EVENTS), secret=secret)
    if not made.webhook_id:
        raise RegistryError("MLflow made no webhook.", hint="See its log.")
    return str(made.webhook_id)
