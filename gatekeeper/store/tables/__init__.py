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
from gatekeeper.store.tables.intakes import IntakeModelRow, IntakeRow, IntakeState, ReceivedRow
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
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table, table_of
from gatekeeper.store.tables.rows import ReleaseRow, RowCountsRow
from gatekeeper.store.tables.service import AnswerRow, SessionRow, SpentRow, TokenRow
from gatekeeper.store.tables.shards import ShardRow
from gatekeeper.store.tables.webhooks import DeliveryRow, DeliveryState, EndpointRow, EndpointState
from gatekeeper.store.tables.words import (
    Decision,
    DriftKind,
    PromotionKind,
    PromotionState,
    QueueState,
    ReminderKind,
    RequestState,
    UploadFormat,
    UploadKind,
)
from gatekeeper.store.tables.workflow import ReminderRow, UploadRow, WaiverRow

__all__ = [
    "DIGEST",
    "ID",
    "NAME",
    "PSEUDONYM",
    "AnswerRow",
    "ApprovalRow",
    "CheckpointRow",
    "Decision",
    "DeliveryRow",
    "DeliveryState",
    "DriftKind",
    "DriftRow",
    "EndpointRow",
    "EndpointState",
    "EntryRow",
    "IntakeModelRow",
    "IntakeRow",
    "IntakeState",
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
    "ReceivedRow",
    "ReleaseRow",
    "ReminderKind",
    "ReminderRow",
    "ReportRow",
    "RequestDecisionRow",
    "RequestRow",
    "RequestState",
    "RevocationRow",
    "RowCountsRow",
    "RunRow",
    "SessionRow",
    "ShardRow",
    "SpentRow",
    "SuiteUseRow",
    "Table",
    "TextRow",
    "TokenRow",
    "UpdateRow",
    "UploadFormat",
    "UploadKind",
    "UploadRow",
    "VerdictRow",
    "WaiverRow",
    "WatchRow",
    "table_of",
]
