"""Memory that does not suffice for one request: that one fails, the process keeps serving."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.shop import SECRETS, Shop, a_body, a_key, a_shop

#: What the process may take besides what it has: enough for a checkout, not for a large file.
SPARE_BYTES: Final = 20 * 1024 * 1024
ROWS: Final = 8_000
STAFF: Final = {
    "authorization": f"Bearer {SECRETS['SUREHOLD_STAFF_SECRET']}",
    "content-type": "text/csv",
}


async def _place(shop: Shop, variant_id: object) -> int:
    answer = await shop.client.post(
        f"{shop.base_url}/api/v1/checkout",
        json=a_body((str(variant_id), 1), provider="bank_transfer"),
        headers=a_key(),
    )
    return answer.status_code


async def _import(shop: Shop, content: str) -> tuple[int, str]:
    answer = await shop.client.post(
        f"{shop.base_url}/api/v1/catalog/import",
        content=content.encode(),
        headers={**STAFF, **a_key()},
    )
    return answer.status_code, answer.headers["content-type"]


def _allow(pid: int, spare_bytes: int | None) -> None:
    """Let a process have so much more memory than it has, or as much as it likes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[0])
    most = resource.RLIM_INFINITY
    now = most if spare_bytes is None else pages * resource.getpagesize() + spare_bytes
    resource.prlimit(pid, resource.RLIMIT_AS, (now, most))


async def test_C10_out_of_memory_in_one_request_is_that_request_s_alone(fresh_url: str) -> None:
    async with Database(Settings(url=fresh_url)) as db, a_shop(fresh_url) as shop:
        product = await a_product(db, on_hand=5)
        web = await shop.start_web()
        lines = [f"lamp-{n},LMP-{n},Lamp {n} {'x' * 900},northline,129.00" for n in range(ROWS)]
        large = "\r\n".join(["product,sku,name,vendor,price_EUR", *lines])
        assert await _place(shop, product.variant_id) == 201

        _allow(web.pid, SPARE_BYTES)
        refused = await _import(shop, large)
        during = await _place(shop, product.variant_id)
        _allow(web.pid, None)

        assert refused == (500, "application/problem+json")
        assert (during, web.exit_code) == (201, None)
        # What could not be had first: memory, or the stack of a thread.
        assert "MemoryError" in web.log() or "can't start new thread" in web.log()
        assert await _place(shop, product.variant_id) == 201
        async with db.connection() as connection:
            count = await connection.raw.fetchval("SELECT count(*) FROM products")
            assert (count, await check_invariants(connection)) == (1, {})
