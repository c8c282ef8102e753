"""Staff put right what the shelves say: by a difference, by a count, by a file."""

from __future__ import annotations

import asyncio
import csv
import io
import tracemalloc
from typing import Any
from uuid import uuid4

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands as inventory
from surehold.inventory import errors as inventory_errors
from surehold.inventory import queries
from surehold.kernel.ids import VariantId
from tests.builders.catalog import a_location, a_product
from tests.support.api import STAFF, Answer, Api, a_key
from tests.support.placing import counters


async def _no_invariant_is_broken(db: Database) -> bool:
    async with db.connection() as connection:
        return await check_invariants(connection) == {}


async def _moved(api: Api, variant_id: VariantId) -> list[tuple[int, str, str, str]]:
    found = await api.get(f"/inventory/movements?variant_id={variant_id}", headers=STAFF)
    return [
        (row["delta"], row["reason"], row["note"], row["actor"]) for row in found.body["items"]
    ][:-1]


# --- by a difference -----------------------------------------------------------------------------


async def test_staff_take_off_what_was_damaged_and_say_why(api: Api) -> None:
    lamp = await a_product(api.db, on_hand=10)
    path = f"/inventory/{lamp.variant_id}"
    body = {"location": "main", "delta": -3, "reason": "damaged", "note": "water"}
    headers = {**STAFF, **a_key()}

    first = await api.patch(path, body, headers=headers)
    again = await api.patch(path, body, headers=headers)
    other = await api.patch(path, {**body, "delta": -1}, headers=headers)
    quiet = await api.patch(
        path, {"location": "main", "low_stock_threshold": 8}, headers={**STAFF, **a_key()}
    )

    assert (first.status, first.body["levels"][0]["on_hand"]) == (200, 7)
    assert again.raw == first.raw
    assert other.refusal == (422, "idempotency_key_reused")
    assert quiet.body["levels"][0]["is_low"] is True
    assert await _moved(api, lamp.variant_id) == [(-3, "damaged", "water", "operator")]
    assert await counters(api.db, lamp.variant_id) == (7, 0, 0)


async def test_promised_units_cannot_be_taken_off(api: Api) -> None:
    lamp = await a_product(api.db, on_hand=5)
    await api.buy((lamp.variant_id, 4))
    path = f"/inventory/{lamp.variant_id}"

    refused = await api.patch(
        path, {"location": "main", "delta": -2}, headers={**STAFF, **a_key()}
    )
    unknown = await api.patch(path, {"location": "moon"}, headers={**STAFF, **a_key()})
    no_key = await api.patch(path, {"location": "main"}, headers=STAFF)

    assert refused.refusal == (409, "units_promised")
    assert refused.body["promised"] == [
        {"variant_id": str(lamp.variant_id), "on_hand": 5, "promised": 4, "delta": -2}
    ]
    assert unknown.refusal == (404, "location_not_found")
    assert no_key.refusal == (422, "idempotency_key_missing")
    assert await _moved(api, lamp.variant_id) == []
    assert await counters(api.db, lamp.variant_id) == (5, 0, 4)


async def test_eight_adjustments_at_once_are_all_counted(db: Database) -> None:
    lamp = await a_product(db, on_hand=5)

    async def adjust(delta: int) -> str:
        try:
            await inventory.adjust_stock(
                db,
                adjustment=inventory.Adjustment(lamp.variant_id, "main", delta),
                reference=uuid4().hex,
                actor="test",
            )
        except inventory_errors.UnitsPromised:
            return "refused"
        return "done"

    told = await asyncio.gather(*(adjust(-1) for _ in range(8)))

    assert sorted(told) == ["done"] * 5 + ["refused"] * 3
    assert await counters(db, lamp.variant_id) == (0, 0, 0)
    assert await _no_invariant_is_broken(db)


# --- by a count ----------------------------------------------------------------------------------


async def test_a_count_respects_what_moved_meanwhile_and_is_applied_once(api: Api) -> None:
    lamp = await a_product(api.db, sku="LAMP", on_hand=10)
    mug = await a_product(api.db, sku="MUG", on_hand=4)
    begun = await api.post("/inventory/counts", {"location": "main"}, headers={**STAFF, **a_key()})
    path = f"/inventory/counts/{begun.body['count']['id']}"
    lines = [{"variant_id": str(lamp.variant_id), "counted": 8}]

    await api.put(f"{path}/lines", {"lines": lines}, headers=STAFF)
    await inventory.receive_stock(
        api.db,
        arrivals=[inventory.Arrival(lamp.variant_id, lamp.location_id, 5)],
        reference="delivery",
        actor="test",
    )
    preview = await api.get(path, headers=STAFF)
    applied = await asyncio.gather(*(api.post(f"{path}/apply", headers=STAFF) for _ in range(3)))
    late = await api.put(f"{path}/lines", {"lines": lines}, headers=STAFF)
    canceled = await api.post(f"{path}/cancel", headers=STAFF)

    assert preview.body["lines"] == [
        {
            "variant_id": str(lamp.variant_id),
            "sku": "LAMP",
            "expected": 10,
            "counted": 8,
            "difference": -2,
            "on_hand": 15,
        },
        {
            "variant_id": str(mug.variant_id),
            "sku": "MUG",
            "expected": None,
            "counted": None,
            "difference": None,
            "on_hand": 4,
        },
    ]
    assert [answer.body["count"]["state"] for answer in applied] == ["applied"] * 3
    assert late.refusal == canceled.refusal == (409, "count_ended")
    assert await counters(api.db, lamp.variant_id) == (13, 0, 0)
    assert await counters(api.db, mug.variant_id) == (4, 0, 0)
    assert [row[:2] for row in await _moved(api, lamp.variant_id)] == [
        (-2, "count"),
        (5, "received"),
    ]
    assert await _no_invariant_is_broken(api.db)


async def test_a_count_that_misses_promised_units_changes_nothing(api: Api) -> None:
    lamp, mug = await a_product(api.db, on_hand=5), await a_product(api.db, on_hand=5)
    await api.buy((lamp.variant_id, 4))
    begun = await api.post("/inventory/counts", {"location": "main"}, headers={**STAFF, **a_key()})
    path = f"/inventory/counts/{begun.body['count']['id']}"
    counted = [
        {"variant_id": str(lamp.variant_id), "counted": 3},
        {"variant_id": str(mug.variant_id), "counted": 1},
    ]
    stranger = [*counted, {"variant_id": str(uuid4()), "counted": 1}, counted[0]]

    faulty = await api.put(f"{path}/lines", {"lines": stranger}, headers=STAFF)
    await api.put(f"{path}/lines", {"lines": counted}, headers=STAFF)
    refused = await api.post(f"{path}/apply", headers=STAFF)

    assert faulty.faults == {
        ("/lines/2/variant_id", "not_in_count"),
        ("/lines/3/variant_id", "repeated"),
    }
    assert refused.refusal == (409, "units_promised")
    assert [row["promised"] for row in refused.body["promised"]] == [4]
    assert await counters(api.db, mug.variant_id) == (5, 0, 0)
    listed = await api.get("/inventory/counts", headers=STAFF)
    assert [row["state"] for row in listed.body["items"]] == ["open"]


# --- by a file -----------------------------------------------------------------------------------


async def _send(api: Api, text: str, *, dry_run: bool = False, key: Any = None) -> Answer:
    headers = {**STAFF, "Content-Type": "text/csv", **(key or a_key())}
    path = f"/inventory/import{'?dry_run=true' if dry_run else ''}"
    return await api("POST", path, content=text.encode(), headers=headers)


async def test_a_file_goes_out_is_edited_and_comes_back(api: Api) -> None:
    lamp = await a_product(api.db, sku="LAMP", name="=Lamp()", on_hand=10)
    await a_product(api.db, sku="MUG", on_hand={"main": 4, "north": 2})
    sent = await api.get("/inventory/export", headers=STAFF)
    rows = list(csv.reader(io.StringIO(sent.raw.decode())))
    rows[1][2], rows[1][4] = "7", "5"
    text = "\n".join(",".join(row) for row in rows)

    preview = await _send(api, text, dry_run=True)
    assert await counters(api.db, lamp.variant_id) == (10, 0, 0)
    key = a_key()
    done = await _send(api, text, key=key)
    again = await _send(api, text, key=key)
    stale = await _send(api, text)

    assert sent.type == "text/csv; charset=utf-8"
    assert rows[0] == [
        *("sku", "location", "on_hand", "expected_on_hand", "low_stock_threshold"),
        *("name", "allocated", "reserved", "available"),
    ]
    assert [row[:2] for row in rows[1:]] == [
        ["LAMP", "main"],
        ["MUG", "main"],
        ["MUG", "north"],
    ]
    assert rows[1][5] == "'=Lamp()"
    assert preview.body["problems"] == []
    assert preview.body["changes"] == [
        {
            "row": 2,
            "sku": "LAMP",
            "location": "main",
            "on_hand_before": 10,
            "on_hand": 7,
            "low_stock_threshold_before": 2,
            "low_stock_threshold": 5,
            "is_new": False,
        }
    ]
    assert (done.status, done.body["is_dry_run"]) == (200, False)
    assert again.raw == done.raw
    assert stale.faults == {("/rows/2/expected_on_hand", "changed_meanwhile")}
    assert await counters(api.db, lamp.variant_id) == (7, 0, 0)
    assert await _no_invariant_is_broken(api.db)


async def test_every_problem_of_a_file_is_told_and_nothing_is_changed(api: Api) -> None:
    lamp = await a_product(api.db, sku="LAMP", on_hand=10)
    await api.buy((lamp.variant_id, 6))
    text = (
        "\ufeffsku;location;on_hand;low_stock_threshold;expected_on_hand\n"
        "LAMP;main;5;1;\n"
        "NONE;moon;1;;\n"
        ";main;x;-1;\n"
        "LAMP;main;9;1;\n"
        "LAMP;main\n"
        "\n"
        "LAMP;main;;;\n"
        "NONE;main;1;;x\n"
    )

    preview = await _send(api, text, dry_run=True)
    refused = await _send(api, text)

    found = {(row["row"], row["column"], row["code"]) for row in preview.body["problems"]}
    assert found == {
        (2, "on_hand", "units_promised"),
        (3, "sku", "unknown_sku"),
        (3, "location", "unknown_location"),
        (4, "sku", "missing"),
        (4, "on_hand", "not_a_number"),
        (4, "low_stock_threshold", "not_a_number"),
        (5, "sku", "repeated"),
        (6, "", "wrong_cell_count"),
        (8, "on_hand", "missing"),
        (8, "sku", "repeated"),
        (9, "sku", "unknown_sku"),
        (9, "expected_on_hand", "not_a_number"),
    }
    assert refused.faults == {(f"/rows/{row}/{column}", code) for row, column, code in found}
    assert await counters(api.db, lamp.variant_id) == (10, 0, 6)
    assert await _moved(api, lamp.variant_id) == []


async def test_a_file_that_is_none_is_refused(api: Api) -> None:
    empty = await _send(api, "")
    columns = await _send(api, "sku,price,sku\n")
    quotes = await _send(api, 'sku,location,on_hand\n"A,main,1\n')
    latin = await api(
        "POST",
        "/inventory/import?dry_run=1",
        content=b"sku\xe9",
        headers={**STAFF, "Content-Type": "text/csv"},
    )
    json = await api.post("/inventory/import", {}, headers={**STAFF, **a_key()})
    no_key = await api(
        "POST", "/inventory/import", content=b"", headers={**STAFF, "Content-Type": "text/csv"}
    )

    assert empty.faults == {
        (f"/rows/1/{column}", "missing_column") for column in ("sku", "location", "on_hand")
    }
    assert columns.faults == {
        ("/rows/1/location", "missing_column"),
        ("/rows/1/on_hand", "missing_column"),
        ("/rows/1/price", "unknown_column"),
        ("/rows/1/sku", "repeated_column"),
    }
    assert [code for _, code in quotes.faults] == ["malformed_csv"]
    assert [row["code"] for row in latin.body["problems"]] == ["invalid_encoding"]
    assert json.refusal == (415, "unsupported_media_type")
    assert no_key.refusal == (422, "idempotency_key_missing")


async def test_ten_thousand_rows_are_taken_in_and_written_out_in_bounded_memory(api: Api) -> None:
    await a_product(api.db, sku="S", on_hand=None)
    async with api.db.connection() as connection:
        await connection.raw.execute(
            "INSERT INTO variants SELECT (jsonb_populate_record(variants, jsonb_build_object("
            "'id', gen_random_uuid(), 'sku', 'S-' || n, 'options', ARRAY[n::text]))).*"
            " FROM variants, generate_series(0, 9999) AS n"
        )
    lines = [f"S-{index},main,{index % 50}" for index in range(10_000)]

    done = await _send(api, "\n".join(["sku,location,on_hand", *lines]))
    tracemalloc.start()
    size = 0
    async for piece in queries.write_file(api.db):
        size += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (done.status, len(done.body["changes"])) == (200, 10_000)
    async with api.db.connection() as connection:
        total = await connection.raw.fetchval("SELECT sum(on_hand) FROM stock_levels")
    assert total == sum(index % 50 for index in range(10_000))
    assert size > 300_000
    assert peak < 3_000_000
    assert await _no_invariant_is_broken(api.db)


# --- low stock -----------------------------------------------------------------------------------


async def _told(db: Database) -> list[tuple[str, int]]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT payload FROM outbox WHERE topic = 'stock.low' ORDER BY id"
        )
    return [(row["payload"]["sku"], row["payload"]["available"]) for row in rows]


async def test_low_stock_is_announced_once_per_crossing(api: Api) -> None:
    lamp = await a_product(api.db, sku="LAMP", on_hand=4, low_stock_threshold=2)
    assert await inventory.raise_low_stock_alerts(api.db) == 0

    await api.buy((lamp.variant_id, 2))
    raised = await asyncio.gather(*(inventory.raise_low_stock_alerts(api.db) for _ in range(4)))
    await api.buy((lamp.variant_id, 1))
    assert await inventory.raise_low_stock_alerts(api.db) == 0
    low = await api.get("/inventory/low-stock", headers=STAFF)
    await inventory.receive_stock(
        api.db,
        arrivals=[inventory.Arrival(lamp.variant_id, lamp.location_id, 5)],
        reference="delivery",
        actor="test",
    )
    assert await inventory.raise_low_stock_alerts(api.db) == 0
    await api.buy((lamp.variant_id, 4))

    assert await inventory.raise_low_stock_alerts(api.db) == 1
    assert sorted(raised) == [0, 0, 0, 1]
    assert [row["sku"] for row in low.body["items"]] == ["LAMP"]
    assert await _told(api.db) == [("LAMP", 2), ("LAMP", 2)]


async def test_a_level_that_was_not_kept_begins_with_the_file(api: Api) -> None:
    await a_product(api.db, sku="LAMP", on_hand=1)
    async with api.db.transaction() as tx:
        await a_location(tx, code="north")

    done = await _send(api, "sku,location,on_hand\nLAMP,north,3\n")

    assert [(row["is_new"], row["on_hand"]) for row in done.body["changes"]] == [(True, 3)]
    levels = await api.get("/inventory", headers=STAFF)
    assert [(row["location"], row["on_hand"]) for row in levels.body["items"]] == [
        ("main", 1),
        ("north", 3),
    ]
