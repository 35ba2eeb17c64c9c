"""Every table, typed. Rows say what happened; the ledger proves it.

Relationships load only where a query asks for them (``lazy="raise"``). Names of people and what they wrote lie in
``people`` and ``texts`` alone, which can be emptied without touching anything else. Portable types only: what one
database needs and another does not is in :mod:`gatekeeper.store.sqlite` and :mod:`gatekeeper.store.postgresql`.
"""

from gatekeeper.store.tables.evaluations import (
    ApprovalRow,
    ModelRow,
    ReportRow,
    RunRow,
    SuiteUseRow,
    UpdateRow,
    VerdictRow,
)
from gatekeeper.store.tables.ledger import CheckpointRow, EntryRow, LedgerHeadRow, LedgerNodeRow
from gatekeeper.store.tables.moves import (
    DriftRow,
    PromotionRow,
    RequestDecisionRow,
    RequestRow,
    RevocationRow,
    WatchRow,
)
from gatekeeper.store.tables.people import PersonRow, TextRow
from gatekeeper.store.tables.queue import QueueEventRow, QueueRow
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table
from gatekeeper.store.tables.rows import ReleaseRow, RowCountsRow
from gatekeeper.store.tables.service import AnswerRow, TokenRow
from gatekeeper.store.tables.shards import ShardRow
from gatekeeper.store.tables.words import Decision, DriftKind, PromotionKind, PromotionState, QueueState, RequestState

__all__ = [
    "DIGEST",
    "ID",
    "NAME",
    "PSEUDONYM",
    "AnswerRow",
    "ApprovalRow",
    "CheckpointRow",
    "Decision",
    "DriftKind",
    "DriftRow",
    "EntryRow",
    "LedgerHeadRow",
    "LedgerNodeRow",
    "ModelRow",
    "PersonRow",
    "PromotionKind",
    "PromotionRow",
    "PromotionState",
    "QueueEventRow",
    "QueueRow",
    "QueueState",
    "ReleaseRow",
    "ReportRow",
    "RequestDecisionRow",
    "RequestRow",
    "RequestState",
    "RevocationRow",
    "RowCountsRow",
    "RunRow",
    "ShardRow",
    "SuiteUseRow",
    "Table",
    "TextRow",
    "TokenRow",
    "UpdateRow",
    "VerdictRow",
    "WatchRow",
]
