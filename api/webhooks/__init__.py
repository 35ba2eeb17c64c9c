"""Webhooks: what happens here is sent to addresses that administrators named, and the registry's own are taken."""
