"""Products as a table: one row per variant, what belongs to the product repeated on each. Pure.

A column that is not in the file is left as it is; of a product that is new it is empty. A product
takes what any of its rows says; two rows that say different things are a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

import msgspec

from surehold.catalog import rules
from surehold.catalog.model import (
    ImportChange,
    NewProduct,
    NewVariant,
    ProductStatus,
    StoredProduct,
    StoredVariant,
)
from surehold.kernel.csv_table import CellProblem, TableRow
from surehold.kernel.ids import CategoryId, VendorId
from surehold.kernel.money import Money, from_major, is_currency, to_major

PRODUCT: Final = "product"
SKU: Final = "sku"
OPTION_NAMES: Final = tuple(f"option{number}_name" for number in range(1, rules.MAX_OPTIONS + 1))
OPTIONS: Final = tuple(f"option{number}" for number in range(1, rules.MAX_OPTIONS + 1))
#: What all rows of a product say together, and what each says for its variant.
OF_PRODUCT: Final = (
    *("name", "vendor", "status", "fact", "description", "categories"),
    *OPTION_NAMES,
)
OF_VARIANT: Final = (*OPTIONS, "weight_grams", "is_active", "tax_class")
PRICE: Final = "price_"
_PRICE: Final = re.compile(r"price_([A-Z]{3})")
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_YES_NO: Final = {"yes": True, "no": False}
#: Of a new variant that says nothing.
STANDARD_CLASS: Final = "standard"


class KnownColumns:
    """The columns that a file may have: ours, and a price in any currency."""

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        found = _PRICE.fullmatch(name)
        if found is not None:
            return is_currency(found[1])
        return name in {PRODUCT, SKU, *OF_PRODUCT, *OF_VARIANT}

    def __iter__(self) -> Iterator[str]:
        return iter((PRODUCT, SKU, *OF_PRODUCT, *OF_VARIANT))

    def __len__(self) -> int:
        return 2 + len(OF_PRODUCT) + len(OF_VARIANT)


class Known(msgspec.Struct, frozen=True):
    """What the store has of what a file names."""

    products: Mapping[str, StoredProduct]
    #: The product of each stock code.
    sku_owners: Mapping[str, str]
    vendors: Mapping[str, UUID]
    categories: Mapping[str, UUID]


class Planned(msgspec.Struct, frozen=True):
    """A product as it shall be, beside what it is.

    ``cells`` are the product's own, with the rows that say so; ``rows`` are those of its variants,
    by stock code.
    """

    row: int
    before: StoredProduct | None
    after: NewProduct
    cells: dict[str, tuple[int, str]]
    rows: dict[str, int]


class Plan(msgspec.Struct, frozen=True):
    """Everything that a file asks for, and everything that is wrong with it."""

    products: tuple[Planned, ...]
    changes: tuple[ImportChange, ...]
    problems: tuple[CellProblem, ...]


def header(currencies: Sequence[str]) -> tuple[str, ...]:
    """The columns of an export."""
    return (PRODUCT, SKU, *OF_PRODUCT, *OF_VARIANT, *(PRICE + one for one in currencies))


def rows_of(product: StoredProduct, currencies: Sequence[str]) -> Iterator[list[str]]:
    """A product as rows of an export, one per variant."""
    shared = _product_cells(product)
    for variant in product.variants:
        own = _variant_cells(variant, currencies)
        cells = {PRODUCT: product.slug, SKU: variant.sku, **shared, **own}
        yield [cells[name] for name in header(currencies)]


def plan(rows: Sequence[TableRow], known: Known) -> Plan:
    """Work out what a file asks for. Products keep the order in which they first come."""
    problems: list[CellProblem] = []
    groups: dict[str, list[TableRow]] = {}
    for row in rows:
        groups.setdefault(row.cells[PRODUCT].strip(), []).append(row)
    problems += _sku_problems(groups, known)
    planned = [_Reading(slug, group, known, problems).plan() for slug, group in groups.items()]
    changes = tuple(change for one in planned for change in _changes(one))
    return Plan(tuple(planned), changes, tuple(sorted(problems, key=lambda one: one.row)))


def _sku_problems(groups: Mapping[str, Sequence[TableRow]], known: Known) -> Iterator[CellProblem]:
    seen: dict[str, int] = {}
    for slug, group in groups.items():
        for row in group:
            sku = row.cells[SKU].strip()
            if sku in seen:
                detail = f"This stock code is in row {seen[sku]} already."
                yield CellProblem(row.row, SKU, "repeated_sku", detail)
            elif known.sku_owners.get(sku, slug) != slug:
                detail = f"This stock code belongs to {known.sku_owners[sku]}."
                yield CellProblem(row.row, SKU, "sku_taken", detail)
            seen.setdefault(sku, row.row)


class _Reading:
    """One product's rows being read."""

    def __init__(
        self, slug: str, rows: Sequence[TableRow], known: Known, problems: list[CellProblem]
    ) -> None:
        self._slug = slug
        self._rows = rows
        self._known = known
        self._problems = problems
        self._before = known.products.get(slug)
        self._cells = _product_cells(self._before) if self._before else {}
        #: Which row says what a product's column is.
        self._said: dict[str, int] = {}

    def plan(self) -> Planned:
        for name in OF_PRODUCT:
            self._agree(name)
        before = self._before
        stored = {variant.sku: variant for variant in before.variants} if before else {}
        rows = {row.cells[SKU].strip(): row for row in self._rows}
        option_count = self._option_count()
        read = {
            sku: self._variant(row, stored.get(sku), option_count) for sku, row in rows.items()
        }
        kept = [
            read.pop(sku) if sku in read else _as_new(variant) for sku, variant in stored.items()
        ]
        after = NewProduct(
            slug=self._slug,
            name=self._cells.get("name", ""),
            vendor_id=VendorId(self._look_up("vendor", self._known.vendors)[0]),
            variants=(*kept, *read.values()),
            category_ids=tuple(map(CategoryId, self._categories())),
            fact=self._cells.get("fact", ""),
            description=self._cells.get("description", ""),
            option_names=tuple(self._cells.get(name, "") for name in OPTION_NAMES[:option_count]),
            status=self._status(),
        )
        cells = {name: (self._row(name), text) for name, text in self._cells.items()}
        places = {sku: row.row for sku, row in rows.items()}
        planned = Planned(self._rows[0].row, before, after, cells, places)
        self._check(planned)
        return planned

    def _agree(self, name: str) -> None:
        if name not in self._rows[0].cells:
            return
        said = [(row.row, row.cells[name]) for row in self._rows if row.cells[name]]
        self._cells[name] = said[0][1] if said else ""
        self._said[name] = said[0][0] if said else self._rows[0].row
        for row, text in said[1:]:
            if text != said[0][1]:
                detail = f"Row {said[0][0]} says something else of the same product."
                self._fault(row, name, "differs", detail)

    def _option_count(self) -> int:
        names = [self._cells.get(name, "") for name in OPTION_NAMES]
        return max((index for index, name in enumerate(names, 1) if name), default=0)

    def _look_up(self, column: str, known: Mapping[str, UUID]) -> list[UUID]:
        """The ids of what a cell names, separated by semicolons; nil for what is not there."""
        text = self._cells.get(column, "")
        found = []
        for slug in filter(None, (part.strip() for part in text.split(";"))):
            if slug not in known:
                self._fault(self._row(column), column, "not_found", f"There is no {slug!r}.")
            found.append(known.get(slug, UUID(int=0)))
        if column == "vendor" and len(found) != 1:
            self._fault(self._row(column), column, "required", "One vendor's slug is required.")
        return found or [UUID(int=0)]

    def _categories(self) -> list[UUID]:
        if not self._cells.get("categories", "").strip(" ;"):
            return []
        return self._look_up("categories", self._known.categories)

    def _status(self) -> ProductStatus:
        text = self._cells.get("status", "").strip()
        if not text:
            return self._before.status if self._before else ProductStatus.ACTIVE
        try:
            return ProductStatus(text)
        except ValueError:
            detail = "A status is draft, active or archived."
            self._fault(self._row("status"), "status", "invalid_status", detail)
            return ProductStatus.DRAFT

    def _variant(
        self, row: TableRow, stored: StoredVariant | None, option_count: int
    ) -> NewVariant:
        cells = row.cells
        options = list(stored.options) if stored else []
        options += [""] * (option_count - len(options))
        for index, name in enumerate(OPTIONS):
            if name not in cells:
                continue
            if index < option_count:
                options[index] = cells[name]
            elif cells[name]:
                detail = f"{OPTION_NAMES[index]} does not say what this answers."
                self._fault(row.row, name, "options_mismatch", detail)
        return NewVariant(
            sku=cells[SKU].strip(),
            prices=self._prices(row, stored),
            options=tuple(options[:option_count]),
            weight_grams=self._weight(row, stored),
            is_active=self._is_active(row, stored),
            tax_class=self._tax_class(row, stored),
        )

    def _prices(self, row: TableRow, stored: StoredVariant | None) -> dict[str, int]:
        prices = dict(stored.prices) if stored else {}
        for name, cell in row.cells.items():
            if not name.startswith(PRICE):
                continue
            currency, text = name.removeprefix(PRICE), cell.strip()
            prices.pop(currency, None)
            if text:
                try:
                    prices[currency] = _minor(text, currency)
                except ValueError as error:
                    self._fault(row.row, name, "invalid_amount", str(error))
                    prices[currency] = 1  # said already; whatever else is wrong is said, too
        return dict(sorted(prices.items()))

    def _weight(self, row: TableRow, stored: StoredVariant | None) -> int:
        text = row.cells.get("weight_grams")
        if text is None:
            return stored.weight_grams if stored else 0
        if _WHOLE.fullmatch(text.strip() or "0"):
            return int(text.strip() or "0")
        self._fault(row.row, "weight_grams", "invalid_number", "A weight is in whole grams.")
        return 0

    def _is_active(self, row: TableRow, stored: StoredVariant | None) -> bool:
        text = row.cells.get("is_active")
        if text is None:
            return stored.is_active if stored else True
        if not text.strip():
            return stored.is_active if stored else True
        answer = _YES_NO.get(text.strip().lower())
        if answer is None:
            self._fault(row.row, "is_active", "invalid_answer", "Say yes or no.")
        return bool(answer)

    @staticmethod
    def _tax_class(row: TableRow, stored: StoredVariant | None) -> str:
        text = row.cells.get("tax_class", "").strip()
        return text or (stored.tax_class if stored else STANDARD_CLASS)

    def _check(self, planned: Planned) -> None:
        for fault in rules.product_faults(planned.after):
            row, column = self._place(fault.pointer, planned)
            self._fault(row, column, fault.code, fault.detail)

    def _place(self, pointer: str, planned: Planned) -> tuple[int, str]:
        """The cell that a fault of the product stands in."""
        match pointer.split("/")[1:]:
            case ["variants", index, field, *rest]:
                row = planned.rows.get(planned.after.variants[int(index)].sku, planned.row)
                if field == "options":
                    return row, OPTIONS[int(rest[0])] if rest else OPTIONS[0]
                if field == "prices":
                    return row, PRICE + rest[0] if rest else PRICE.rstrip("_")
                return row, field
            case ["variants"]:
                return planned.row, OPTIONS[0]
            case ["option_names", index]:
                name = OPTION_NAMES[int(index)]
                return self._row(name), name
            case [field, *_]:
                column = {"slug": PRODUCT, "category_ids": "categories"}.get(field, field)
                return self._row(column), column
        return planned.row, ""

    def _row(self, column: str) -> int:
        return self._said.get(column, self._rows[0].row)

    def _fault(self, row: int, column: str, code: str, detail: str) -> None:
        self._problems.append(CellProblem(row, column, code, detail))


def _minor(text: str, currency: str) -> int:
    """Minor units of an amount as people write it: digits, and a point before the decimals.

    Raises:
        ValueError: It is not such a number, or has more decimals than the currency.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError("An amount is digits with a point before the decimals, as in 19.99.")
    try:
        return from_major(Decimal(text), currency).amount
    except InvalidOperation:
        raise ValueError("This amount is too large.") from None


def _as_new(variant: StoredVariant) -> NewVariant:
    return NewVariant(
        variant.sku,
        dict(sorted(variant.prices.items())),
        variant.options,
        variant.weight_grams,
        variant.is_active,
        variant.tax_class,
    )


def _product_cells(product: StoredProduct) -> dict[str, str]:
    names = dict(zip(OPTION_NAMES, product.option_names, strict=False))
    return {
        "name": product.name,
        "vendor": product.vendor_slug,
        "status": product.status.value,
        "fact": product.fact,
        "description": product.description,
        "categories": ";".join(product.category_slugs),
        **{name: names.get(name, "") for name in OPTION_NAMES},
    }


def _variant_cells(
    variant: StoredVariant | NewVariant, currencies: Iterable[str]
) -> dict[str, str]:
    options = dict(zip(OPTIONS, variant.options, strict=False))
    prices = variant.prices
    return {
        **{name: options.get(name, "") for name in OPTIONS},
        "weight_grams": str(variant.weight_grams),
        "is_active": "yes" if variant.is_active else "no",
        "tax_class": variant.tax_class,
        **{
            PRICE + one: str(to_major(Money(prices[one], one))) if one in prices else ""
            for one in currencies
        },
    }


def _changes(planned: Planned) -> Iterator[ImportChange]:
    """What becomes of a product, cell by cell."""
    before, after = planned.before, planned.after
    if before is None:
        yield ImportChange(planned.row, after.slug, None, "product_created")
    else:
        yield from _product_changes(planned, before)
    stored = {variant.sku: variant for variant in before.variants} if before else {}
    for variant in after.variants:
        row = planned.rows.get(variant.sku)
        if row is None:
            continue
        if variant.sku not in stored:
            yield ImportChange(row, after.slug, variant.sku, "variant_created")
            continue
        currencies = sorted({*variant.prices, *stored[variant.sku].prices})
        old = _variant_cells(stored[variant.sku], currencies)
        for name, cell in _variant_cells(variant, currencies).items():
            if cell != old[name]:
                yield ImportChange(row, after.slug, variant.sku, "changed", name, old[name], cell)


def _product_changes(planned: Planned, before: StoredProduct) -> Iterator[ImportChange]:
    old = _product_cells(before)
    for name, (row, cell) in planned.cells.items():
        was, becomes = old[name], cell
        if name == "categories":  # in which order is nobody's business
            becomes = ";".join(sorted({part.strip() for part in cell.split(";")} - {""}))
        elif name == "vendor":
            becomes = cell.strip()
        elif name == "status":
            becomes = cell.strip() or was
        if becomes != was:
            yield ImportChange(row, before.slug, None, "changed", name, was, becomes)
