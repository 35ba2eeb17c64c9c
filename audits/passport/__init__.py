"""Passports: files that prove, offline, which bytes were admitted, approved and logged, and for where."""
