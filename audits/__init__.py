"""Ledger, attestations and reports: what can be checked after the fact."""
