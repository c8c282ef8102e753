"""Finding: filters with their counts, what was chosen, and suggestions while somebody types."""

from __future__ import annotations

from surehold.catalog.model import ProductStatus
from surehold.db import Database
from tests.builders.catalog import a_product
from tests.web.storefront.browser import Browser, Page


async def _shelf(db: Database) -> None:
    await a_product(db, name="Red lamp", price=1000, categories=("light",), sizes=("S", "M"))
    await a_product(
        db, name="Blue lamp", price=2000, categories=("light",), sizes=("M",), vendor="kestrel"
    )
    await a_product(db, name="Gray lamp", price=3000, categories=("light",), on_hand=0)
    await a_product(db, name="Mug", price=1000, categories=("table",), vendor="kestrel")


def _names(page: Page) -> list[str]:
    return sorted(name for name in page.links if name.endswith((" lamp", "Mug")))


def _groups(page: Page) -> list[str]:
    """The words of every further filter: its heading, its values and their counts."""
    parts = page.html.split('<details class="facet-group"')[1:]
    return [" ".join(_text(part.partition("</details>")[0]).split()) for part in parts]


def _text(html: str) -> str:
    words, is_tag = "", True
    for letter in html:
        is_tag = letter == "<" or (is_tag and letter != ">")
        words += " " if is_tag or letter == ">" else letter
    return words


async def test_filters_tell_what_they_leave(browser: Browser, db: Database) -> None:
    await _shelf(db)

    light = await browser.get("/c/light")
    home = await browser.get("/")
    medium = await browser.get(light.links["M"])
    kestrel = await browser.get(medium.links["Kestrel"])
    none = await browser.get("/c/light?o.Size=L&vendor=kestrel")

    assert _groups(light)[:2] == ["Maker Northline 2 Kestrel 1", "Size S 1 M 2"]
    assert "In stock only 2" in light.text
    # Of the whole store, options would say little.
    assert _groups(home)[:1] == ["Maker Kestrel 2 Northline 2"]
    assert not [group for group in _groups(home) if group.startswith("Size")]
    assert _names(medium) == ["Blue lamp", "Red lamp"]
    # Another size may be chosen instead, so the sizes are counted without the chosen one.
    assert "Size S 1 M 2" in _groups(medium)
    assert _names(kestrel) == ["Blue lamp"]
    assert "1 product " in kestrel.text
    assert [name for name in kestrel.links if name in {"Size: M", "Clear filters"}] == [
        "Size: M",
        "Clear filters",
    ]
    assert _names(await browser.get(kestrel.links["Clear filters"])) == _names(light)
    assert "Nothing matches these filters" in none.text


async def test_a_price_is_typed_as_people_do(browser: Browser, db: Database) -> None:
    await _shelf(db)
    page = await browser.get("/search?q=lamp&sort=price")
    form = next(row for row in page.forms if "min_price" in row.fields)

    some = await browser.get(
        f"{form.action}?q=lamp&sort={form.fields['sort']}&min_price=15,5&max_price=25"
    )
    from_ = await browser.get("/search?q=lamp&min_price=25")
    odd = await browser.get("/search?q=lamp&min_price=1e3&max_price=-2&o.=x&o.Size=")

    assert _names(some) == ["Blue lamp"]
    assert "€15.50 to €25.00" in some.text
    assert 'value="15.5"' in some.html
    assert _names(from_) == ["Gray lamp"]
    assert "From €25.00" in from_.text
    # What is no amount filters nothing, and is not repeated.
    assert _names(odd) == ["Blue lamp", "Gray lamp", "Red lamp"]
    assert 'value="1e3"' not in odd.html


async def test_two_letters_bring_suggestions(
    browser: Browser, db: Database, statements: list[str]
) -> None:
    await _shelf(db)
    await browser.get("/")
    statements.clear()

    short = await browser.get("/search/suggest?q=l")
    some = await browser.get("/search/suggest?q=la")
    shelves = await browser.get("/search/suggest?q=LI")
    odd = await browser.get('/search/suggest?q="><script>x')
    none = await browser.get("/search/suggest?q=zzz")

    assert (short.text, none.text) == ("", "")
    assert _names(some) == ["Blue lamp", "Gray lamp", "Red lamp"]
    assert some.links["All results for “la”"] == "/search?q=la"
    assert shelves.links["Light"] == "/c/light"
    assert "<script>x" not in odd.html
    # No cart is read and nothing is counted while somebody types.
    assert set(statements) == {"inventory.search_shelf_by_relevance"}


async def test_a_misspelled_search_says_what_may_be_meant(
    browser: Browser, db: Database, statements: list[str]
) -> None:
    await a_product(db, name="Trail lamp", images=0)
    await a_product(db, name="Gooseneck kettle", images=0)
    await a_product(db, name="Trail boots", status=ProductStatus.DRAFT, images=0)

    found = await browser.get("/search?q=trail")
    asked = "inventory.list_near_names" in statements
    missed = await browser.get("/search?q=tral+lampp")
    meant = await browser.get(missed.links["Trail lamp"])
    kettle = await browser.get("/search?q=gosneck")
    nothing = await browser.get("/search?q=quuxly")

    assert ("1 result" in found.text, asked, "Did you mean" in found.text) == (True, False, False)
    assert "Did you mean Trail lamp ?" in missed.text
    assert meant.heading == "1 result for “Trail lamp”"
    assert "Gooseneck kettle" in kettle.links
    assert "Did you mean" not in nothing.text


async def test_near_names_enter_their_index(db: Database) -> None:
    await a_product(db, name="Trail lamp", images=0)
    async with db.connection() as connection:
        body = await connection.raw.fetchval(
            "SELECT prosrc FROM pg_proc WHERE oid = 'near_names'::regproc"
        )
        transaction = connection.raw.transaction()
        await transaction.start()
        # So small a table is read whole for less, or by an index of all that is for sale.
        await connection.raw.execute(
            "SET LOCAL enable_seqscan = off; DROP INDEX products_newest, products_by_name"
        )
        plan = await connection.raw.fetch(
            "EXPLAIN " + body.replace("words", "'tral lampp'").replace("most", "3")
        )
        await transaction.rollback()

    assert "Bitmap Index Scan on products_name_trigrams" in "".join(row[0] for row in plan)
