"""Rows that wait: what a scan held back, who may release it, and where a release counts."""
