"""PostgreSQL: the pool, transactions, statements. The safety of Surehold is in the schema."""

from surehold.db.database import (
    Connection,
    Database,
    NestedTransaction,
    Transaction,
    is_transaction_open,
    urgent,
)
from surehold.db.statement import Statement, command, query

__all__ = [
    "Connection",
    "Database",
    "NestedTransaction",
    "Statement",
    "Transaction",
    "command",
    "is_transaction_open",
    "query",
    "urgent",
]
