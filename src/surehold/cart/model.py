"""What the cart room knows. All amounts are minor units of the cart's currency."""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec

from surehold.catalog.model import Image
from surehold.inventory.model import Backorder, BackorderKind
from surehold.kernel.ids import CartId, CartLineId, ProductId, VariantId


class ProblemKind(enum.Enum):
    """What stands between a line and the checkout, the worst first."""

    #: The product or the variant was withdrawn.
    GONE = "gone"
    #: It has no price in the cart's currency.
    NOT_FOR_SALE = "not_for_sale"
    #: Fewer are available than the line asks for; none at all when ``available`` is 0.
    TOO_FEW = "too_few"
    #: The buyer saw another price.
    PRICE_CHANGED = "price_changed"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with one line, and the facts that its sentence needs.

    ``requested`` and ``available`` belong to ``too_few``, the two prices to ``price_changed``.
    """

    kind: ProblemKind
    line_id: CartLineId
    variant_id: VariantId
    requested: int | None = None
    available: int | None = None
    old_price_minor: int | None = None
    new_price_minor: int | None = None


class LineFacts(msgspec.Struct, frozen=True):
    """One line as it is stored, beside the catalog and the stock of this moment."""

    id: CartLineId
    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    option_names: tuple[str, ...]
    options: tuple[str, ...]
    image: Image | None
    sku: str
    quantity: int
    seen_price_minor: int
    price_minor: int | None
    available: int
    is_withdrawn: bool
    #: How many are there now, and on which terms more may be sold.
    there: int = 0
    kind: BackorderKind | None = None
    promised_on: date | None = None


class SavedLine(msgspec.Struct, frozen=True):
    """One line kept for later: it has no price, and no checkout takes it."""

    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    options: tuple[str, ...]
    sku: str
    quantity: int
    is_for_sale: bool
    saved_at: datetime


class CartFacts(msgspec.Struct, frozen=True):
    """One cart and its lines as they are stored."""

    id: CartId
    currency: str
    created_at: datetime
    updated_at: datetime
    lines: tuple[LineFacts, ...]
    saved: tuple[SavedLine, ...]
    coupon_code: str | None = None


class Line(msgspec.Struct, frozen=True):
    """One variant and quantity. Price and total are ``None`` when it cannot be bought now."""

    id: CartLineId
    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    option_names: tuple[str, ...]
    options: tuple[str, ...]
    image: Image | None
    sku: str
    quantity: int
    seen_price_minor: int
    unit_price_minor: int | None
    total_minor: int | None
    available: int
    problems: tuple[Problem, ...]
    #: What would have to be waited for; as things stand, it is no promise.
    backorder: Backorder | None = None

    @property
    def problem(self) -> Problem | None:
        """The worst of its problems."""
        return self.problems[0] if self.problems else None


class Cart(msgspec.Struct, frozen=True):
    """A cart as it stands now, every line compared with the catalog and the stock of this moment.

    ``subtotal_minor`` sums the lines that have a price; what is ``saved`` for later has none.
    """

    id: CartId
    currency: str
    lines: tuple[Line, ...]
    subtotal_minor: int
    created_at: datetime
    updated_at: datetime
    saved: tuple[SavedLine, ...] = ()
    coupon_code: str | None = None

    @property
    def item_count(self) -> int:
        """Units over all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem of every line."""
        return tuple(problem for line in self.lines for problem in line.problems)


class Offer(msgspec.Struct, frozen=True):
    """One variant as a cart sees it, under the cart's lock.

    ``price_minor`` is ``None`` when it cannot be bought in the cart's currency, ``quantity`` is
    what the cart has of it, ``line_count`` how many lines the cart has.
    """

    price_minor: int | None
    available: int
    quantity: int
    line_count: int


class Meeting(msgspec.Struct, frozen=True):
    """What two carts have of one variant, before they become one.

    ``own`` is 0 when the first cart has none. ``price_minor`` is today's in the first one's
    currency, ``None`` when it cannot be bought in it.
    """

    variant_id: VariantId
    own: int
    theirs: int
    their_seen_minor: int
    price_minor: int | None
    available: int


class MergeNoteKind(enum.Enum):
    """Why a line did not come over as it was."""

    #: Fewer units than both carts had: as many as are available, or as a line may have.
    CAPPED = "capped"
    #: It has no price in the currency of the cart; it stays in the other one.
    NOT_FOR_SALE = "not_for_sale"
    #: The cart has all the lines that it may have; it stays in the other one.
    CART_FULL = "cart_full"


class MergeNote(msgspec.Struct, frozen=True):
    """One line that did not come over as it was: units of both carts, and what the cart has."""

    kind: MergeNoteKind
    variant_id: VariantId
    requested: int
    quantity: int
    available: int


class MergedLine(msgspec.Struct, frozen=True):
    """What the cart has of a variant from now on."""

    variant_id: VariantId
    quantity: int
    seen_price_minor: int


class Merged(msgspec.Struct, frozen=True):
    """The cart that two became, and what did not come over as it was."""

    cart: Cart
    notes: tuple[MergeNote, ...]


class Wish(msgspec.Struct, frozen=True):
    """One variant on a list of wishes. ``prices`` are minor units by currency."""

    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    options: tuple[str, ...]
    sku: str
    prices: dict[str, int]
    available: int
    is_for_sale: bool
    added_at: datetime


class Wishlist(msgspec.Struct, frozen=True):
    """What a visitor may want one day, in the order in which it was added."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    lines: tuple[Wish, ...]


class ContactState(enum.Enum):
    """What became of the address of a cart: it is decided once the cart has been silent."""

    WAITING = "waiting"
    REPORTED = "reported"
    PASSED = "passed"


class Contact(msgspec.Struct, frozen=True):
    """Where the buyer of a cart may be written to, unless ``is_refused``."""

    cart_id: CartId
    email: str
    email_hash: bytes
    state: ContactState
    is_refused: bool


class StockAlert(msgspec.Struct, frozen=True):
    """Who is to be told of which variant; ``slug`` and ``sku`` lead to it."""

    id: UUID
    email: str
    email_hash: bytes
    language: str
    name: str
    slug: str
    options: tuple[str, ...]
    sku: str
