"""Forms of credentials."""
