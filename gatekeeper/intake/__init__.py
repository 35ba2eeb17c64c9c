"""Reads an update: manifest, kinds, streaming training rows."""
