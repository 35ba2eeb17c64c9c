"""The append-only record of everything that happened, as RFC 6962 Merkle leaves.

An entry is appended in the transaction of the state change it records (:mod:`~audits.ledger.log`), so that neither
exists without the other. A leaf holds no name and no free text (:mod:`~audits.ledger.leaf`).
"""
