"""Rules about SQL: where it stands, what it is called, which tables it touches, how it is made."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tests.house.source import ROOT, Fault, Source

#: Who writes each table. A new table is entered here; everybody above its owner may read it.
OWNERS: Final = {
    "account_addresses": "identity",
    "account_letters": "identity",
    "account_orders": "identity",
    "account_roles": "identity",
    "accounts": "identity",
    "allocations": "inventory",
    "api_keys": "identity",
    "attempt_counts": "identity",
    "audit_entries": "db",
    "cart_contacts": "cart",
    "cancellation_lines": "orders",
    "cancellations": "orders",
    "cart_lines": "cart",
    "cart_saved_lines": "cart",
    "cart_tokens": "cart",
    "backorder_promises": "inventory",
    "backorder_terms": "inventory",
    "carts": "cart",
    "commission_lines": "orders",
    "commission_progress": "orders",
    "commission_rules": "orders",
    "commissions": "orders",
    "categories": "catalog",
    "coupon_redemptions": "pricing",
    "coupons": "pricing",
    "dispute_events": "payments",
    "disputes": "payments",
    "document_progress": "orders",
    "document_series": "orders",
    "documents": "orders",
    "draft_order_events": "orders",
    "draft_orders": "orders",
    "erasure_orders": "privacy",
    "erasures": "privacy",
    "fulfillment_events": "orders",
    "fulfillment_lines": "orders",
    "fulfillments": "orders",
    "failed_sign_ins": "identity",
    "gift_card_entries": "payments",
    "cash_collections": "payments",
    "cash_deposits": "payments",
    "fraud_assessments": "orders",
    "transfer_proofs": "orders",
    "gift_cards": "payments",
    "idempotency_keys": "db",
    "known_devices": "identity",
    "ledger_entries": "payments",
    "ledger_journals": "payments",
    "location_changes": "inventory",
    "locations": "inventory",
    "low_stock_alerts": "inventory",
    "order_change_events": "orders",
    "order_change_state_moves": "orders",
    "order_changes": "orders",
    "mails": "notifications",
    "order_events": "orders",
    "order_lines": "orders",
    "order_notes": "orders",
    "order_status_moves": "orders",
    "orders": "orders",
    "outbox": "jobs",
    "payment_authorizations": "payments",
    "payment_events": "payments",
    "payment_operations": "payments",
    "payment_reviews": "payments",
    "payments": "payments",
    "personal_exports": "privacy",
    "pgqueuer": "jobs",
    "pgqueuer_log": "jobs",
    "pgqueuer_schedules": "jobs",
    "pgqueuer_statistics": "jobs",
    "price_book": "pricing",
    "price_book_changes": "pricing",
    "product_categories": "catalog",
    "product_images": "catalog",
    "products": "catalog",
    "promotions": "pricing",
    "quotes": "pricing",
    "recovery_codes": "identity",
    "refresh_tokens": "identity",
    "refund_lines": "payments",
    "refunds": "payments",
    "reminder_refusals": "cart",
    "request_windows": "db",
    "reservations": "inventory",
    "return_events": "orders",
    "return_lines": "orders",
    "return_photos": "orders",
    "return_state_moves": "orders",
    "returns": "orders",
    "review_counts": "reviews",
    "review_events": "reviews",
    "reviews": "reviews",
    "roles": "identity",
    "schema_migrations": "db",
    "sessions": "identity",
    "setting_changes": "db",
    "settlement_differences": "payments",
    "settlement_reports": "payments",
    "settlement_rows": "payments",
    "settings": "db",
    "shipping_methods": "pricing",
    "shipping_rates": "pricing",
    "shipping_zones": "pricing",
    "special_prices": "pricing",
    "stock_alerts": "cart",
    "stock_count_lines": "inventory",
    "stock_counts": "inventory",
    "stock_levels": "inventory",
    "stock_movements": "inventory",
    "stock_transfer_lines": "inventory",
    "stock_transfers": "inventory",
    "tax_rates": "pricing",
    "totp_factors": "identity",
    "variant_prices": "catalog",
    "variants": "catalog",
    "vendor_payout_batches": "orders",
    "vendor_payout_events": "orders",
    "vendor_payouts": "orders",
    "vendors": "catalog",
    "webhook_events": "payments",
    "wishlist_lines": "cart",
    "wishlist_tokens": "cart",
    "wishlists": "cart",
}

SQL_ELSEWHERE: Final = (
    "SQL stands in the room's sql.py, where one test prepares all of it against the schema"
)
UNNAMED: Final = "a statement begins with its name, /* room.verb */, and the room is its own"
FORMATTED: Final = (
    "only constants of the module are formatted into SQL; a value is a parameter ($1). "
    "What is formatted in today is typed in by a buyer tomorrow."
)

_COMMENT: Final = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_SQL: Final = re.compile(
    r"(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE INTO|TRUNCATE|LOCK TABLE) "
)
_NAMED: Final = re.compile(r"\s*/\* (?P<room>[a-z_]+)\.[a-z_0-9]+ \*/")
_WRITTEN: Final = re.compile(
    r"\b(?:INSERT INTO|(?<!FOR )(?<!KEY )(?<!DO )UPDATE(?: ONLY)?|DELETE FROM|MERGE INTO"
    r"|TRUNCATE(?: TABLE)?) (?P<table>[a-z_]+)"
)
_READ: Final = re.compile(r"(?<!DELETE )\b(?:FROM|JOIN) (?P<table>[a-z_]+)")
_SERVER_CLOCK: Final = re.compile(
    r"(?<!\w)(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)"
    r"|\b(?:CURRENT_TIMESTAMP|CURRENT_DATE|LOCALTIMESTAMP)\b",
    re.IGNORECASE,
)

#: Start of a path: why SQL may stand there.
SQL_PLACES: Final[dict[str, str]] = {
    "db/": "the room that speaks to PostgreSQL about itself: migrations, time-outs, databases",
    "sandbox/book.py": "the pretend provider keeps a file of its own, in SQLite",
    "sandbox/rows.py": "the rows of that file, and of what is held",
}
#: Rooms whose SQL never reaches the store's database.
ELSEWHERE: Final = {"sandbox"}
#: (file, function): how its statements are put together from more than constants.
BUILDERS: Final[dict[tuple[str, str], str]] = {
    ("db/sql/auditing.py", "_listing"): "a fragment from _STARTS, put in on importing",
    (
        "db/invariants.py",
        "check_invariants",
    ): "the queries are files of this package, read at the start",
    ("inventory/sql/shelf.py", "_by_category"): "a fragment from _MATCHES, put in on importing",
    ("inventory/sql/shelf.py", "_facets"): "a fragment from _MATCHES, put in on importing",
    ("inventory/sql/shelf.py", "_listing"): "fragments from tables, put in on importing",
    ("inventory/sql/shelf.py", "_total"): "a fragment from _MATCHES, put in on importing",
    ("orders/sql/listing.py", "_listing"): "a fragment from _STARTS, put in on importing",
    ("payments/gift_cards/sql.py", "_listing"): "a fragment from _STARTS, put in on importing",
}
#: Start of a path: why its statements write tables of other rooms.
WRITES_ELSEWHERE: Final[dict[str, str]] = {
    "privacy/sql/erasing": "an erasure is no rule of any room, and is read in one place; its "
    "triggers let it change the columns of the register alone",
}
#: (room, table): why a room reads a table that is not below it.
EXTRA_READS: Final[dict[tuple[str, str], str]] = {}


def texts(source: Source) -> Iterator[tuple[ast.expr, str]]:
    """Every string that is SQL, with what is formatted into it left out."""
    inside = {
        id(part)
        for node in source.nodes
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in source.nodes:
        if isinstance(node, ast.expr) and id(node) not in inside | source.docstrings:
            text = text_of(node)
            if _NAMED.match(text) or _SQL.match(plain(text)):
                yield node, text


def text_of(node: ast.expr) -> str:
    """The text of a string, with an underscore for what is formatted into it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "_" for part in node.values
        )
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def plain(text: str) -> str:
    """The text without comments, on one line."""
    return " ".join(_COMMENT.sub(" ", text).split()) + " "


def sql_in_its_place(source: Source) -> Iterator[Fault]:
    """One place to read, one test to prepare."""
    if source.name == "sql" or source.path.startswith(tuple(SQL_PLACES)):
        return
    for node, _ in texts(source):
        yield Fault(node.lineno, SQL_ELSEWHERE)


def named_statements(source: Source) -> Iterator[Fault]:
    """A statement is found again in ``pg_stat_statements``."""
    for node in source.nodes:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"query", "command"}
            and node.args
            and (source.name == "sql" or source.room == "db")
        ):
            found = _NAMED.match(text_of(node.args[0]))
            if found is None or found["room"] != source.room:
                yield Fault(node.lineno, UNNAMED)


def writes_its_own(source: Source) -> Iterator[Fault]:
    """Who changes a table is one room, so that its rules are in one place."""
    if source.room in ELSEWHERE or source.path.startswith(tuple(WRITES_ELSEWHERE)):
        return
    for node, text in texts(source):
        for match in _WRITTEN.finditer(plain(text)):
            owner = OWNERS.get(match["table"])
            if owner is not None and owner != source.room:
                yield Fault(
                    node.lineno,
                    f"{match['table']} is written by {owner} alone: call a command of that room",
                )


def reads_below(source: Source) -> Iterator[Fault]:
    """Knowledge points down, in SQL as in imports."""
    if source.room in ELSEWHERE or source.room not in levels():
        return
    for node, text in texts(source):
        for match in _READ.finditer(plain(text)):
            owner = OWNERS.get(match["table"])
            if (
                owner is not None
                and owner != source.room
                and levels()[owner] <= levels()[source.room]
                and (source.room, match["table"]) not in EXTRA_READS
            ):
                yield Fault(
                    node.lineno,
                    f"{match['table']} belongs to {owner}, which is not below {source.room}: "
                    "a room reads its own tables and those of rooms below it",
                )


@lru_cache(maxsize=1)
def levels() -> dict[str, int]:
    """How deep each room lies, the top being 0, as the import contract says."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {
        room: depth for depth, layer in enumerate(layers) for room in re.findall(r"\w+", layer)
    }


def constants_only(source: Source) -> Iterator[Fault]:
    """No value ever becomes part of a statement's text."""
    constants = {
        target.id
        for statement in source.tree.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        for target in ast.walk(statement)
        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
        if target.id.isupper()
    }
    found = {id(node) for node, _ in texts(source)}
    for name, node in source.named_nodes:
        if (source.path, name) in BUILDERS:
            continue
        if isinstance(node, ast.JoinedStr) and id(node) in found:
            if any(
                isinstance(part, ast.FormattedValue)
                and not (isinstance(part.value, ast.Name) and part.value.id in constants)
                for part in node.values
            ):
                yield Fault(node.lineno, FORMATTED)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
            other = {id(node.left): node.right, id(node.right): node.left}
            for side, added in other.items():
                if side in found and not (isinstance(added, ast.Name) and added.id in constants):
                    yield Fault(node.lineno, FORMATTED)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"format", "replace"}
            and id(node.func.value) in found
        ):
            yield Fault(node.lineno, FORMATTED)


SERVER_CLOCK: Final = (
    "SQL asks store_now(): the clock that decides, which a test can move. now() is the start of "
    "the transaction, long past once a lock was waited for."
)


def asks_the_store_clock(source: Source) -> Iterator[Fault]:
    """One clock in SQL as well."""
    for node, text in texts(source):
        if source.name == "sql" and _SERVER_CLOCK.search(plain(text)):
            yield Fault(node.lineno, SERVER_CLOCK)


SQL_RULES: Final = (
    sql_in_its_place,
    named_statements,
    writes_its_own,
    reads_below,
    constants_only,
    asks_the_store_clock,
)
