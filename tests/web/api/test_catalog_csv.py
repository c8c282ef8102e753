"""Products as CSV over HTTP, for staff."""

from __future__ import annotations

from tests.builders.catalog import a_product
from tests.support.api import STAFF, Api, a_key

CSV = {**STAFF, "Content-Type": "text/csv; charset=utf-8"}
FILE = b"product,sku,name,price_EUR\r\nlmp,LMP,=1+1,9.50\r\n"


async def test_staff_look_then_import_then_export(api: Api) -> None:
    await a_product(api.db, sku="LMP", name="Lamp", price={"EUR": 100})

    looked = await api.post("/catalog/import?dry_run=true", content=FILE, headers=CSV)
    before = await api.get("/catalog/export", headers=STAFF)
    done = await api.post("/catalog/import", content=FILE, headers={**CSV, **a_key("once")})
    again = await api.post("/catalog/import", content=FILE, headers={**CSV, **a_key("once")})
    after = await api.get("/catalog/export", headers=STAFF)

    assert (looked.status, looked.body["is_dry_run"]) == (200, True)
    assert looked.body["changes"] == [
        {
            "row": 2,
            "product": "lmp",
            "sku": None,
            "kind": "changed",
            "column": "name",
            "before": "Lamp",
            "after": "=1+1",
        },
        {
            "row": 2,
            "product": "lmp",
            "sku": "LMP",
            "kind": "changed",
            "column": "price_EUR",
            "before": "1.00",
            "after": "9.50",
        },
    ]
    assert done.body == {**looked.body, "is_dry_run": False}
    assert again.raw == done.raw
    assert before.type == "text/csv; charset=utf-8"
    assert b"lmp,LMP,Lamp,northline," in before.raw
    assert b"lmp,LMP,'=1+1,northline," in after.raw
    assert after.raw.endswith(b"9.50\r\n")


async def test_a_file_with_a_problem_changes_nothing(api: Api) -> None:
    await a_product(api.db, sku="LMP", name="Lamp", price={"EUR": 100})
    wrong = FILE + b"new,NEW,,x\r\n"
    before = await api.get("/catalog/export", headers=STAFF)

    looked = await api.post("/catalog/import?dry_run=true", content=wrong, headers=CSV)
    refused = await api.post("/catalog/import", content=wrong, headers={**CSV, **a_key()})

    found = {(one["row"], one["column"], one["code"]) for one in looked.body["problems"]}
    assert found == {
        (3, "name", "required"),
        (3, "vendor", "required"),
        (3, "price_EUR", "invalid_amount"),
    }
    assert refused.faults == {(f"/rows/{row}/{column}", code) for row, column, code in found}
    assert (await api.get("/catalog/export", headers=STAFF)).raw == before.raw


async def test_what_is_no_import_is_refused(api: Api) -> None:
    path = "/catalog/import"

    assert (await api.post(path, content=FILE)).refusal == (401, "unauthenticated")
    assert (await api.get("/catalog/export")).refusal == (401, "unauthenticated")
    keyless = await api.post(path, content=FILE, headers=CSV)
    assert keyless.refusal == (422, "idempotency_key_missing")
    typed = await api.post(path, {"a": 1}, headers={**STAFF, **a_key()})
    assert typed.refusal == (415, "unsupported_media_type")
    reused = {**CSV, **a_key("twice")}
    await a_product(api.db, sku="LMP")
    assert (await api.post(path, content=FILE, headers=reused)).status == 200
    other = await api.post(path, content=FILE + b"x", headers=reused)
    assert other.refusal == (422, "idempotency_key_reused")
    large = await api.post(
        path, content=FILE, headers={**CSV, **a_key(), "Content-Length": str(9 * 1024 * 1024)}
    )
    assert large.refusal == (413, "body_too_large")
