"""Products in from CSV: every problem listed, all or nothing, and out again without a change."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surehold.catalog import commands, queries, table
from surehold.catalog.model import (
    ImportReport,
    ProductStatus,
    StoredProduct,
    StoredVariant,
)
from surehold.catalog.table import Known
from surehold.db import Database
from surehold.kernel.csv_table import read_table, write_rows
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import ProductId, VariantId, new_id
from tests.builders.catalog import a_category, a_product, a_vendor


def a_file(*rows: str, header: str = "product,sku,name,vendor,price_EUR") -> bytes:
    return "\r\n".join([header, *rows]).encode()


async def _import(db: Database, raw: bytes, **more: Any) -> ImportReport:
    return await commands.import_products(db, raw=raw, **more)


async def _export(db: Database) -> bytes:
    return "".join([part async for part in queries.export_products(db)]).encode()


async def _stored(db: Database, *slugs: str) -> dict[str, StoredProduct]:
    async with db.connection() as connection:
        return await queries.list_stored(connection, slugs=slugs)


@pytest.fixture
async def shelf(db: Database) -> Database:
    async with db.transaction() as tx:
        await a_vendor(tx, slug="northline")
        await a_category(tx, slug="lamps")
        await a_category(tx, slug="desk")
    return db


async def test_a_file_makes_products_with_their_variants(shelf: Database) -> None:
    raw = a_file(
        'lamp,LMP-S,"Lamp, brass",northline,lamps;desk,Size,Small,19.99,2500,400',
        "lamp,LMP-L,,northline,lamps;desk,Size,Large,29.99,,900",
        "mug,MUG,Mug,northline,,,,5,700,",
        header="product,sku,name,vendor,categories,option1_name,option1,price_EUR,price_JPY,weight_grams",
    )

    looked = await _import(shelf, raw, is_dry_run=True)
    assert await _stored(shelf, "lamp", "mug") == {}
    done = await _import(shelf, raw)

    assert (looked.is_dry_run, done.is_dry_run) == (True, False)
    assert looked.changes == done.changes
    assert (done.products_created, done.variants_created, done.row_count) == (2, 3, 3)
    stored = await _stored(shelf, "lamp", "mug")
    lamp = stored["lamp"]
    assert (lamp.name, lamp.category_slugs, lamp.option_names) == (
        "Lamp, brass",
        ("desk", "lamps"),
        ("Size",),
    )
    assert [(row.sku, row.options, row.prices, row.weight_grams) for row in lamp.variants] == [
        ("LMP-S", ("Small",), {"EUR": 1999, "JPY": 2500}, 400),
        ("LMP-L", ("Large",), {"EUR": 2999}, 900),
    ]
    again = await _import(shelf, raw)
    assert (again.products_unchanged, again.change_count) == (2, 0)


async def test_a_file_changes_what_it_names_and_leaves_the_rest(shelf: Database) -> None:
    await a_product(
        shelf, sku="LMP", name="Lamp", sizes=("S", "L"), price={"EUR": 100, "USD": 200}
    )
    raw = a_file(
        "lmp,LMP-1,Lamp two,L,9.50,no",
        "lmp,LMP-2,,S,1.00,",
        "lmp,LMP-3,,M,3.00,",
        header="product,sku,name,option1,price_EUR,is_active",
    )

    done = await _import(shelf, raw)

    assert (done.products_changed, done.variants_changed, done.variants_created) == (1, 2, 1)
    assert [(one.row, one.sku, one.column, one.before, one.after) for one in done.changes] == [
        (2, None, "name", "Lamp", "Lamp two"),
        (2, "LMP-1", "option1", "S", "L"),
        (2, "LMP-1", "is_active", "yes", "no"),
        (2, "LMP-1", "price_EUR", "1.00", "9.50"),
        (3, "LMP-2", "option1", "L", "S"),
        (4, "LMP-3", None, None, None),
    ]
    product = (await _stored(shelf, "lmp"))["lmp"]
    assert [(row.sku, row.options, row.prices, row.is_active) for row in product.variants] == [
        ("LMP-1", ("L",), {"EUR": 950, "USD": 200}, False),
        ("LMP-2", ("S",), {"EUR": 100, "USD": 200}, True),
        ("LMP-3", ("M",), {"EUR": 300}, True),
    ]
    assert product.fact == "Solid brass"


async def test_a_file_changes_how_variants_are_taxed(shelf: Database) -> None:
    await _import(shelf, a_file("lmp,LMP,Lamp,northline,1"))
    header = "product,sku,tax_class"

    done = await _import(shelf, a_file("lmp,LMP,books", header=header))
    kept = await _import(shelf, a_file("lmp,LMP,", header=header))
    wrong = await _import(shelf, a_file("lmp,LMP,Books!", header=header), is_dry_run=True)

    assert [(one.sku, one.column, one.before, one.after) for one in done.changes] == [
        ("LMP", "tax_class", "standard", "books")
    ]
    assert kept.change_count == 0
    assert [(one.row, one.column, one.code) for one in wrong.problems] == [
        (2, "tax_class", "invalid_tax_class")
    ]
    assert (await _stored(shelf, "lmp"))["lmp"].variants[0].tax_class == "books"


PROBLEMS = [
    ("Lamp!,A,Lamp,northline,1", [(2, "product", "invalid_slug")]),
    ("lamp,A,,northline,1", [(2, "name", "required")]),
    ("lamp,A,Lamp,nobody,1", [(2, "vendor", "not_found")]),
    ("lamp,A,Lamp,,1", [(2, "vendor", "required")]),
    ("lamp,A b,Lamp,northline,1", [(2, "sku", "invalid_sku")]),
    ("lamp,A,Lamp,northline,", [(2, "price", "required")]),
    ("lamp,A,Lamp,northline,0", [(2, "price_EUR", "out_of_range")]),
    ("lamp,A,Lamp,northline,1.999", [(2, "price_EUR", "invalid_amount")]),
    ("lamp,A,Lamp,northline,-1", [(2, "price_EUR", "invalid_amount")]),
    ("lamp,A,Lamp,northline,1e3", [(2, "price_EUR", "invalid_amount")]),
    ("lamp,A,Lamp,northline,١", [(2, "price_EUR", "invalid_amount")]),
    ("lamp,TAKEN,Lamp,northline,1", [(2, "sku", "sku_taken")]),
    (
        "lamp,A,Lamp,northline,1\r\nmug,A,Mug,northline,1",
        [(3, "sku", "repeated_sku")],
    ),
    (
        "lamp,A,Lamp,northline,1\r\nlamp,B,Mug,northline,1",
        [(2, "option1", "repeated_options"), (3, "name", "differs")],
    ),
    (",,,,", []),
    (
        "lamp,A,,nobody,x",
        [(2, "name", "required"), (2, "price_EUR", "invalid_amount"), (2, "vendor", "not_found")],
    ),
]


@pytest.mark.parametrize(("rows", "problems"), PROBLEMS)
async def test_every_problem_is_listed_by_row_and_column(
    shelf: Database, rows: str, problems: list[tuple[int, str, str]]
) -> None:
    await a_product(shelf, sku="TAKEN")
    before = await _export(shelf)

    looked = await _import(shelf, a_file(rows), is_dry_run=True)

    assert sorted((one.row, one.column, one.code) for one in looked.problems) == problems
    assert looked.problem_count == len(problems)
    if problems:
        with pytest.raises(InvalidInput) as refused:
            await _import(shelf, a_file("good,GOOD,Good,northline,1", rows))
        assert len(refused.value.faults) == len(problems)
        assert all(fault.pointer.startswith("/rows/") for fault in refused.value.faults)
    assert await _export(shelf) == before


async def test_other_cells_are_checked_as_well(shelf: Database) -> None:
    raw = a_file(
        "lamp,A,Lamp,northline,1,lamps;nothing,sold,heavy,maybe,Small,x",
        header="product,sku,name,vendor,price_EUR,categories,status,weight_grams,is_active,option1,color",
    )

    looked = await _import(shelf, raw, is_dry_run=True)

    assert sorted((one.column, one.code) for one in looked.problems) == [
        ("categories", "not_found"),
        ("color", "unknown_column"),
        ("is_active", "invalid_answer"),
        ("option1", "options_mismatch"),
        ("status", "invalid_status"),
        ("weight_grams", "invalid_number"),
    ]


async def test_an_export_is_imported_without_a_change(shelf: Database) -> None:
    await a_product(
        shelf, sku="A", name="=cmd()|' /C calc'!A0", description='a\r\nb,"c"\'', sizes=("S", "-L")
    )
    await a_product(shelf, sku="B", categories=["desk", "lamps"], price={"JPY": 5, "KWD": 1})
    await a_product(shelf, sku="C", status=ProductStatus.DRAFT, fact=" @me ")
    exported = await _export(shelf)

    done = await _import(shelf, exported)

    assert (done.products_unchanged, done.change_count, done.row_count) == (3, 0, 4)
    assert await _export(shelf) == exported
    assert b"'=cmd()" in exported


CELL = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(str.strip)


@given(
    name=CELL,
    fact=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    options=st.lists(CELL, min_size=1, max_size=4, unique=True),
    prices=st.dictionaries(
        st.sampled_from(["EUR", "JPY", "KWD"]), st.integers(1, 10**12), min_size=1
    ),
    status=st.sampled_from(ProductStatus),
    is_active=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_exported_means_no_change(
    name: str,
    fact: str,
    options: list[str],
    prices: dict[str, int],
    status: ProductStatus,
    is_active: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    product = StoredProduct(
        ProductId(new_id()),
        "lamp",
        name,
        "northline",
        status,
        fact,
        "",
        ("Size",),
        ("desk", "lamps"),
        tuple(
            StoredVariant(
                VariantId(new_id()), f"S-{index}", index, (option,), 7, is_active, prices
            )
            for index, option in enumerate(options)
        ),
    )
    currencies = ("EUR", "JPY", "KWD")
    known = Known(
        {"lamp": product},
        {variant.sku: "lamp" for variant in product.variants},
        {"northline": new_id()},
        {"desk": new_id(), "lamps": new_id()},
    )

    raw = write_rows([table.header(currencies), *table.rows_of(product, currencies)]).encode()
    read = read_table(raw, known=table.KnownColumns(), required=("product", "sku"), most_rows=99)
    plan = table.plan(read.rows, known)

    assert (read.problems, plan.problems, plan.changes) == ((), (), ())


async def test_two_imports_at_once_are_one_after_the_other(shelf: Database) -> None:
    product = await a_product(shelf, sku="LMP", price={"EUR": 100})
    files = [a_file(f"lmp,LMP,Lamp {number},northline,{number}.00") for number in range(1, 7)]

    done = await asyncio.gather(*(_import(shelf, raw) for raw in files))

    changes = [
        (one.before, one.after)
        for report in done
        for one in report.changes
        if one.column == "name"
    ]
    stored = (await _stored(shelf, product.slug))["lmp"]
    chain = dict(changes)
    assert len(chain) == 6
    name = "Product LMP"
    while name in chain:
        name = str(chain[name])
    assert name == stored.name
    assert stored.variants[0].prices == {"EUR": 100 * int(stored.name[-1])}


async def test_two_imports_of_a_new_product_make_it_once(shelf: Database) -> None:
    raw = a_file("lamp,LMP,Lamp,northline,1.00")

    done = await asyncio.gather(*(_import(shelf, raw) for _ in range(4)), return_exceptions=True)

    reports = [one for one in done if isinstance(one, ImportReport)]
    refused = [one for one in done if not isinstance(one, ImportReport)]
    assert sum(one.products_created for one in reports) == 1
    assert {type(one).__name__ for one in refused} <= {"SlugTaken"}
    assert len((await _stored(shelf, "lamp"))["lamp"].variants) == 1


async def test_ten_thousand_rows_go_in_at_once_in_bounded_memory(shelf: Database) -> None:
    rows = [
        f"p{number // 2},S{number},P{number // 2},northline,Size,{number % 2},1.00"
        for number in range(10_000)
    ]
    raw = a_file(*rows, header="product,sku,name,vendor,option1_name,option1,price_EUR")
    one_more = raw + b"\r\nq,Q,Q,northline,Size,0,1.00"

    tracemalloc.start()
    read = read_table(
        raw, known=table.KnownColumns(), required=("product", "sku"), most_rows=10_000
    )
    table.plan(read.rows, Known({}, {}, {"northline": new_id()}, {}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    done = await _import(shelf, raw)

    assert (done.products_created, done.variants_created) == (5_000, 10_000)
    assert len(done.changes) == 1_000
    assert done.change_count == 15_000
    assert peak < 150 * 1024 * 1024
    again = await _import(shelf, raw, is_dry_run=True)
    assert (again.products_unchanged, again.change_count) == (5_000, 0)
    (problem,) = (await _import(shelf, one_more, is_dry_run=True)).problems
    assert (problem.row, problem.code) == (10_002, "too_many_rows")
