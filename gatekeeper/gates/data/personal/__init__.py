"""Recognisers of personal data: forms with checksums, street addresses, names."""
