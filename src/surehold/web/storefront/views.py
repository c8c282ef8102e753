"""What the storefront's templates are given: their contract, and all they know.

Every page gets ``page`` (a ``Shell``), ``csrf_token`` (text) and ``view``, the struct named after
the page. Amounts are whole minor units with their currency, instants are aware, days are plain
dates; the templates format them in the reader's locale. Addresses (``url``) are ready to use.
Collections are tuples. Nothing here reads a database or decides anything.

| template | view | blocks that htmx asks for |
|---|---|---|
| store/home.html, category.html, search.html | CatalogView | results |
| store/search.html | SuggestView | suggestions |
| store/product.html | ProductView | buy; stock, of a StockView |
| store/reviews.html | ReviewsPage | |
| store/alert_stop.html | AlertStopView | |
| store/wishlist.html | WishlistView | kept, of nothing |
| store/cart.html | CartView | cart |
| store/cart_added.html | CartAddedView | drawer |
| store/checkout.html | CheckoutView | checkout |
| store/pay.html | PayView | payment |
| store/order.html | OrderView | tracking |
| store/track.html | TrackView | lookup |
| store/return_new.html | ReturnFormView | form |
| store/return_photos.html | ReturnPhotosView | |
| store/error.html | ErrorView | |
"""

from __future__ import annotations

import enum
from datetime import date, datetime, tzinfo
from typing import Any
from uuid import UUID

import msgspec

from surehold.web.translations import gettext_noop, language_of

# --- Shared parts -------------------------------------------------------------------------------


class MoneyView(msgspec.Struct, frozen=True):
    """An amount: whole minor units and an ISO 4217 code."""

    minor: int
    currency: str


class ImageView(msgspec.Struct, frozen=True):
    """A picture. ``alt`` says what is seen; empty when the words beside it already say it.

    ``srcset``: the sizes that a browser chooses from; empty where there is one. ``small``: what a
    list shows.
    """

    url: str
    alt: str
    width: int = 800
    height: int = 1000
    srcset: str = ""
    small: str = ""

    @property
    def thumb(self) -> str:
        """The address of what a list shows."""
        return self.small or self.url


class LinkView(msgspec.Struct, frozen=True):
    """A link; ``is_current`` marks the page one is on."""

    label: str
    url: str
    is_current: bool = False


class Theme(enum.Enum):
    """What the visitor chose; ``system`` is settled by a script before the first paint."""

    LIGHT = "light"
    DARK = "dark"
    SYSTEM = "system"


class BannerView(msgspec.Struct, frozen=True, kw_only=True):
    """Something to say at the top of a page after a redirect. ``tone`` is one of ``status.Tone``.

    ``undo_url`` gets a POST with ``undo_fields``, for "Removed. Undo".
    """

    tone: str
    title: str
    text: str = ""
    undo_url: str | None = None
    undo_fields: tuple[tuple[str, str], ...] = ()


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """What every page of the store needs around its content; the template's ``page``.

    ``path`` is the path and query of this page, sent as ``next`` by the currency and theme forms.
    ``now`` is the server's instant, from which relative times count. ``is_currency_code_shown`` is
    for pages that mix currencies, ``is_fragment`` for answers that htmx swaps into a page.
    """

    store_name: str
    locale: str
    currency: str
    currencies: tuple[str, ...]
    categories: tuple[LinkView, ...]
    cart_count: int
    path: str
    now: datetime
    zone: tzinfo
    request_id: str
    theme: Theme = Theme.SYSTEM
    direction: str = "ltr"
    query: str = ""
    is_demo: bool = False
    is_currency_code_shown: bool = False
    support_email: str | None = None
    banner: BannerView | None = None
    is_signed_in: bool = False
    is_fragment: bool = False

    @property
    def language(self) -> str:
        """The language of the words, without the region."""
        return language_of(self.locale)


class ArrivalView(msgspec.Struct, frozen=True):
    """When goods arrive, first and last likely day, and where ("Ireland")."""

    first_day: date
    last_day: date
    country: str | None = None


# --- Catalog ------------------------------------------------------------------------------------


class StockWord(enum.Enum):
    """The only two stock words of a card; most cards have none."""

    FEW_LEFT = gettext_noop("Few left")
    SOLD_OUT = gettext_noop("Sold out")


class ProductCard(msgspec.Struct, frozen=True, kw_only=True):
    """One product in a grid. ``price_until`` is the top of a range; ``fact`` one short line."""

    name: str
    url: str
    image: ImageView
    price: MoneyView
    price_until: MoneyView | None = None
    compare_at: MoneyView | None = None
    fact: str = ""
    stock_word: StockWord | None = None
    #: What a press on the heart keeps.
    slug: str = ""


class SortChoice(msgspec.Struct, frozen=True):
    """One order of the grid, as a value of the query parameter ``sort``."""

    value: str
    label: str
    is_selected: bool = False


class FacetView(msgspec.Struct, frozen=True):
    """A category beside the grid, with how many products it would show."""

    label: str
    url: str
    count: int
    is_current: bool = False


class FacetGroup(msgspec.Struct, frozen=True):
    """A further filter and its values; following the current one takes it off."""

    heading: str
    links: tuple[FacetView, ...]
    is_open: bool = False


class PriceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The form of ``min_price`` and ``max_price``, as typed, in whole units of the currency."""

    currency: str
    lowest: str = ""
    highest: str = ""
    kept_fields: tuple[tuple[str, str], ...] = ()


class ChipView(msgspec.Struct, frozen=True):
    """An applied filter; following ``remove_url`` takes it off. Prices have no label."""

    label: str
    remove_url: str
    lowest: MoneyView | None = None
    highest: MoneyView | None = None


class SuggestView(msgspec.Struct, frozen=True, kw_only=True):
    """What a search that is being typed may mean; nothing while it is too short."""

    query: str
    cards: tuple[ProductCard, ...] = ()
    categories: tuple[LinkView, ...] = ()


class CatalogView(msgspec.Struct, frozen=True, kw_only=True):
    """The grid: home, one category, or a search (``query`` set).

    ``action`` is where the filter form (``in_stock``, ``sort``, hidden ``kept_fields``) goes
    with GET. ``next_url`` is the real page link behind "Load more". With no cards,
    ``suggestions`` are the ways on. ``intro`` is one sentence under the heading.
    """

    heading: str
    action: str
    total_count: int
    cards: tuple[ProductCard, ...]
    facets: tuple[FacetView, ...]
    sorts: tuple[SortChoice, ...]
    intro: str = ""
    query: str | None = None
    is_home: bool = False
    is_in_stock_only: bool = False
    in_stock_count: int = 0
    groups: tuple[FacetGroup, ...] = ()
    price: PriceFilter | None = None
    chips: tuple[ChipView, ...] = ()
    clear_url: str | None = None
    kept_fields: tuple[tuple[str, str], ...] = ()
    shown_count: int = 0
    next_url: str | None = None
    previous_url: str | None = None
    suggestions: tuple[LinkView, ...] = ()
    #: Searches that may have been meant, when this one finds nothing.
    near: tuple[LinkView, ...] = ()


# --- Product ------------------------------------------------------------------------------------


class AvailabilityKind(enum.Enum):
    """What is true of a variant's stock now."""

    IN_STOCK = "in_stock"
    FEW_LEFT = "few_left"
    BEING_BOUGHT = "being_bought"
    BACKORDER = "backorder"
    PREORDER = "preorder"
    SOLD_OUT = "sold_out"


class AvailabilityView(msgspec.Struct, frozen=True):
    """Availability and the one fact its sentence needs.

    ``left`` for few_left, ``free_in_minutes`` for being_bought, ``ships_on`` for backorder and
    preorder, where a day is promised.
    """

    kind: AvailabilityKind
    left: int = 0
    free_in_minutes: int = 0
    ships_on: date | None = None


class StockView(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of one variant's stock while the page is open.

    ``mark`` says what is shown, so that the same is not sent twice. ``page_url`` is set when the
    buttons of the page are no longer right.
    """

    variant_id: str
    availability: AvailabilityView
    can_buy: bool
    mark: str
    page_url: str | None = None

    @property
    def url(self) -> str:
        """Where what is true now is asked for."""
        return f"/stock/{self.variant_id}?seen={self.mark}"

    @property
    def stream_url(self) -> str:
        """Where it is told that there is something new."""
        return f"/stock/{self.variant_id}/stream?seen={self.mark}"

    @property
    def live(self) -> StockView:
        """Itself, as the pages that contain it call it."""
        return self


class OptionChoice(msgspec.Struct, frozen=True):
    """One value of an option; ``url`` is this product's page with it chosen."""

    label: str
    url: str
    is_selected: bool = False
    is_sold_out: bool = False


class OptionGroup(msgspec.Struct, frozen=True):
    """One option of a product, such as Color, and its values."""

    name: str
    choices: tuple[OptionChoice, ...]


class StarRow(msgspec.Struct, frozen=True):
    """How many reviews give so many stars."""

    stars: int
    count: int


class RatingView(msgspec.Struct, frozen=True):
    """The stars of a product: their average as text and times ten, and each star's, five first."""

    average: str
    tenths: int
    count: int
    rows: tuple[StarRow, ...]


class ReviewView(msgspec.Struct, frozen=True):
    """One review, as its buyer wrote it."""

    stars: int
    title: str
    paragraphs: tuple[str, ...]
    author: str
    created_at: datetime
    is_verified: bool = False


class OpinionView(msgspec.Struct, frozen=True):
    """What is said of a product on its page; ``url`` has all of it, and the form."""

    url: str
    rating: RatingView | None = None
    newest: tuple[ReviewView, ...] = ()


class ReviewForm(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed; and, with the same names, what is wrong with it."""

    stars: str = ""
    title: str = ""
    body: str = ""
    author: str = ""


class ReviewsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Every review of a product. The form is there for who is signed in and has not written.

    ``own`` is what they wrote, with its state and, when it is not shown, the reason.
    """

    name: str
    url: str
    product_url: str
    rating: RatingView | None = None
    reviews: tuple[ReviewView, ...] = ()
    next_url: str | None = None
    can_write: bool = False
    own: ReviewView | None = None
    own_state: str = ""
    own_reason: str = ""
    form: ReviewForm = ReviewForm()
    errors: ReviewForm = ReviewForm()
    faults: tuple[FieldFault, ...] = ()
    max_title: int = 120
    max_body: int = 4_000
    max_author: int = 60


class SectionView(msgspec.Struct, frozen=True):
    """A headed part of the description: paragraphs, then facts as label and value."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """Being told when a variant is back: ``to`` is who is signed in, ``email`` what was typed."""

    url: str
    to: str | None = None
    email: str = ""
    fault: str | None = None


class AlertStopView(msgspec.Struct, frozen=True, kw_only=True):
    """The end of such letters: the button of a link, that it is done, or that it opens nothing."""

    token: str = ""
    is_done: bool = False
    is_void: bool = False


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    """A product with one variant chosen.

    ``max_quantity`` is the most that can be held now; 0 means that nothing can be bought.
    ``tax_note`` is a phrase such as "incl. VAT". ``problem`` answers a refused Add to cart.
    """

    product_id: UUID
    slug: str
    url: str
    name: str
    variant_id: str
    variant_name: str
    sku: str
    images: tuple[ImageView, ...]
    price: MoneyView
    tax_note: str
    live: StockView
    max_quantity: int
    lead: str = ""
    quantity: int = 1
    compare_at: MoneyView | None = None
    options: tuple[OptionGroup, ...] = ()
    arrival: ArrivalView | None = None
    returns_sentence: str = ""
    sections: tuple[SectionView, ...] = ()
    vendor: LinkView | None = None
    breadcrumbs: tuple[LinkView, ...] = ()
    related: tuple[ProductCard, ...] = ()
    seen: tuple[ProductCard, ...] = ()
    opinion: OpinionView | None = None
    is_kept: bool = False
    problem: str | None = None
    #: Set while nothing can be bought.
    alert: AlertView | None = None


# --- Wishlist -----------------------------------------------------------------------------------


class WishView(msgspec.Struct, frozen=True, kw_only=True):
    """One variant that is kept for another day, at today's price; ``url`` while it is sold."""

    variant_id: str
    name: str
    variant_name: str
    url: str | None
    image: ImageView
    price: MoneyView | None
    is_for_sale: bool = True
    is_available: bool = True


class WishlistView(msgspec.Struct, frozen=True):
    """The list of wishes, the last first, maybe empty."""

    wishes: tuple[WishView, ...]


# --- Cart ---------------------------------------------------------------------------------------


class LineProblemKind(enum.Enum):
    """What changed about a line since the buyer last saw it."""

    PRICE_ROSE = "price_rose"
    PRICE_FELL = "price_fell"
    QUANTITY_REDUCED = "quantity_reduced"
    ONLY_LEFT = "only_left"
    SOLD_OUT = "sold_out"


class LineProblem(msgspec.Struct, frozen=True):
    """A change, with its facts: prices ``was`` and ``now``, or counts ``asked`` and ``left``."""

    kind: LineProblemKind
    was: MoneyView | None = None
    now: MoneyView | None = None
    asked: int = 0
    left: int = 0


class WaitView(msgspec.Struct, frozen=True):
    """Units of a line that are not there yet, and the day for which they are promised, if any."""

    quantity: int
    is_preorder: bool = False
    ships_on: date | None = None


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One variant and quantity, in a cart, a summary or an order."""

    line_id: str
    name: str
    variant_name: str
    url: str
    image: ImageView
    quantity: int
    unit_price: MoneyView
    line_total: MoneyView
    max_quantity: int = 99
    problem: LineProblem | None = None
    waits: WaitView | None = None
    #: Units of an order's line that were given up.
    canceled: int = 0


class CardPartView(msgspec.Struct, frozen=True):
    """What a gift card pays."""

    last_four: str
    amount: MoneyView


class TotalsView(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a cart, quote or order. ``total`` is exact; its parts add up to it.

    ``shipping`` is ``None`` while it is not known. ``tax_label`` is a phrase such as "VAT";
    with ``is_tax_included`` tax is a note inside the total, else a row of its own.
    """

    item_count: int
    subtotal: MoneyView
    total: MoneyView
    discount: MoneyView | None = None
    shipping: MoneyView | None = None
    is_shipping_estimated: bool = False
    tax: MoneyView | None = None
    tax_label: str = "tax"
    is_tax_included: bool = True
    #: What gift cards pay of the total, and what that leaves while it is not paid.
    cards: tuple[CardPartView, ...] = ()
    #: What changes of an order added and took off, and what that makes of its total.
    added: MoneyView | None = None
    canceled: MoneyView | None = None
    due: MoneyView | None = None
    rest: MoneyView | None = None


class SummaryView(msgspec.Struct, frozen=True):
    """Lines and totals, as beside the checkout and on the order page."""

    lines: tuple[LineView, ...]
    totals: TotalsView


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    """The cart, maybe empty; ``can_check_out`` is false while a line is sold out.

    With ``has_changes`` the buyer can accept prices that changed and quantities that shrank.
    """

    lines: tuple[LineView, ...]
    totals: TotalsView | None
    can_check_out: bool = True
    has_changes: bool = False
    arrival: ArrivalView | None = None
    suggestions: tuple[ProductCard, ...] = ()


class CartAddedView(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to Add to cart: the line as it is now, or why it was not added.

    ``added`` is how many were added, which may be fewer than asked (``problem`` says so). Rendered
    whole without scripts and as its ``drawer`` block for htmx, which also refreshes the count.
    """

    cart_count: int
    line: LineView | None = None
    added: int = 0
    subtotal: MoneyView | None = None
    problem: str | None = None


# --- Checkout -----------------------------------------------------------------------------------


class CheckoutForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the buyer typed, as typed; names are the form's field names."""

    email: str = ""
    name: str = ""
    country: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    phone: str = ""
    company: str = ""
    shipping_method: str = ""
    provider: str = ""
    gift_card: str = ""
    coupon: str = ""
    #: The id of a saved address, or that another one is typed (``new``).
    saved: str = ""


class RegionChoice(msgspec.Struct, frozen=True):
    """A region of the chosen country."""

    code: str
    name: str


class AddressFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How the chosen country writes addresses.

    ``order`` names the fields after ``line1``, out of city, region and postal_code; leave out what
    the country does not use. ``regions`` makes the region a list instead of a text field.
    """

    order: tuple[str, ...] = ("city", "postal_code")
    city_label: str = "City"
    postal_label: str = "Postcode"
    region_label: str = "Region"
    regions: tuple[RegionChoice, ...] = ()
    is_postal_numeric: bool = False
    is_postal_required: bool = True
    is_region_required: bool = True


class CountryChoice(msgspec.Struct, frozen=True):
    """A country that we deliver to: ISO 3166-1 alpha-2 and its name in the reader's language."""

    code: str
    name: str


class ShippingChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A way of delivery for this address. A zero price reads as Free.

    ``arrival`` is unknown while something is not there yet.
    """

    code: str
    name: str
    price: MoneyView
    arrival: ArrivalView | None


class PaymentChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A way to pay. ``explanation`` is one line on what happens next.

    ``icon`` is a name from the sprite. ``is_paid_later`` (transfer, cash) makes the button say
    Place order instead of Pay.
    """

    code: str
    name: str
    explanation: str
    icon: str = "credit-card"
    is_paid_later: bool = False


class SavedChoice(msgspec.Struct, frozen=True):
    """A saved address as a radio card."""

    id: str
    lines: tuple[str, ...]


class CouponView(msgspec.Struct, frozen=True, kw_only=True):
    """The cart's coupon: what it saves, or the ``reason`` why it saves nothing."""

    code: str
    is_applied: bool
    saving: MoneyView | None = None
    reason: str = ""


class PriceChange(msgspec.Struct, frozen=True):
    """One difference between what the buyer saw and what holds now; ``name`` may be "Shipping"."""

    name: str
    was: MoneyView
    now: MoneyView


class PricesChanged(msgspec.Struct, frozen=True, tag="price_changed"):
    """409 ``price_changed``. Nothing was placed; ``accept_changes`` places it at ``total_now``."""

    changes: tuple[PriceChange, ...]
    total_was: MoneyView
    total_now: MoneyView


class Shortage(msgspec.Struct, frozen=True):
    """One line that cannot be held as asked."""

    line_id: str
    name: str
    asked: int
    left: int


class StockShort(msgspec.Struct, frozen=True, tag="insufficient_stock"):
    """409 ``insufficient_stock``. Nothing was placed or taken."""

    shortages: tuple[Shortage, ...]


class ShopBusy(msgspec.Struct, frozen=True, tag="busy"):
    """503 ``busy``. Nothing was taken; the page sends the same order again by itself."""

    retry_after_seconds: int
    attempt: int = 1


class AlreadyPlaced(msgspec.Struct, frozen=True, tag="already_placed"):
    """409: the form was sent before, with other answers. Sending it again is a second order."""

    number: str
    order_url: str


class OfferChanged(msgspec.Struct, frozen=True, tag="offer_changed"):
    """409: the store wrote another version of what it offered. Nothing was placed."""


CheckoutProblem = PricesChanged | StockShort | ShopBusy | AlreadyPlaced | OfferChanged


class FieldFault(msgspec.Struct, frozen=True):
    """What is wrong with one field: its name, its label for the error list, and the sentence."""

    field: str
    label: str
    message: str


class CheckoutView(msgspec.Struct, frozen=True, kw_only=True):
    """The checkout, one page.

    ``quote_url`` gets the same form by POST when country or shipping changes and answers this page
    again without placing anything: it is another address, not a flag, so that no mistake in the
    form can place an order. After ``insufficient_stock`` it also gets ``take``, a line and a count
    as ``line-id:2``; 0 removes the line, and everything typed is kept. ``expected_total``
    and ``idempotency_key`` travel as hidden fields, and ``attempt`` while the shop is busy.

    What the store offers by a link has no cart to go back to (``back_url``) and a ``version``;
    what the store has written of it is shown and not asked for: ``known_email``,
    ``known_address``, and the way of sending when ``is_shipping_known``.
    """

    form: CheckoutForm
    summary: SummaryView
    countries: tuple[CountryChoice, ...]
    address: AddressFormat
    shipping: tuple[ShippingChoice, ...]
    payment: tuple[PaymentChoice, ...]
    expected_total: MoneyView
    idempotency_key: str
    attempt: int = 1
    faults: tuple[FieldFault, ...] = ()
    problem: CheckoutProblem | None = None
    quote_url: str = "/checkout/quote"
    action_url: str = "/checkout"
    back_url: str | None = "/cart"
    sign_in_url: str | None = None
    version: int = 0
    known_email: str | None = None
    known_address: tuple[str, ...] = ()
    is_shipping_known: bool = False
    has_billing_address: bool = False
    #: Whether the price may depend on whose order it is, so that it is asked anew.
    is_email_priced: bool = False
    takes_gift_cards: bool = True
    takes_coupons: bool = True
    coupon: CouponView | None = None
    #: Of whoever is signed in; the form's ``saved`` says which is chosen.
    saved_addresses: tuple[SavedChoice, ...] = ()

    def fault(self, field: str) -> str | None:
        """The sentence about a field, if anything is wrong with it."""
        return next((fault.message for fault in self.faults if fault.field == field), None)


# --- Paying -------------------------------------------------------------------------------------


class PayState(enum.Enum):
    """What the payment page says now; each has its headline in ``pay.html``."""

    REDIRECT = "redirect"
    PHONE_PROMPT = "phone_prompt"
    FORM = "form"
    ELSEWHERE = "elsewhere"
    BANK_TRANSFER = "bank_transfer"
    CASH = "cash"
    PENDING = "pending"
    DECLINED = "declined"
    PROVIDER_DOWN = "provider_down"
    UNKNOWN = "unknown"
    HOLD_ENDED = "hold_ended"
    LATE_CONFIRMED = "late_confirmed"
    LATE_REFUNDED = "late_refunded"
    REVIEW = "review"
    CANCELED = "canceled"
    PAID = "paid"


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """How long the items are held, by the server's clock alone.

    ``seconds_left`` is ``reserved_until - now`` at rendering. ``extensions_left`` counts how often
    more time can still be asked for; ``extension_minutes`` is how much that gives.
    """

    reserved_until: datetime
    seconds_left: int
    extend_url: str | None = None
    extensions_left: int = 0
    extension_minutes: int = 0

    @property
    def is_long(self) -> bool:
        """Long holds show a date, not a clock."""
        return self.seconds_left >= 3 * 60 * 60

    @property
    def is_near_end(self) -> bool:
        """From here on the banner is amber and offers more time."""
        return self.seconds_left <= 120


class PollView(msgspec.Struct, frozen=True):
    """Where the page asks how the payment stands, and in how many seconds (2, then 5, then 15)."""

    url: str
    after_seconds: int


class CopyLine(msgspec.Struct, frozen=True):
    """One value to type into one's bank: shown as ``value``, copied as ``copied``."""

    label: str
    value: str
    copied: str


class ProviderForm(msgspec.Struct, frozen=True, kw_only=True):
    """The payment service's own form within our page.

    ``provider`` says who fills it (``provider-form.js`` knows how), ``script`` with what, and
    ``options`` is what that script is told: what the service gave us for this payment alone.
    """

    provider: str
    script: str
    options: dict[str, Any]


class PayView(msgspec.Struct, frozen=True, kw_only=True):
    """One order's payment, in one state.

    Which facts a state needs:

    redirect: ``continue_url`` (and ``continue_fields``: by POST), ``hold`` · phone_prompt:
    ``phone_hint``, ``can_send_again`` · form: ``form``, ``hold`` · elsewhere: ``hold`` ·
    bank_transfer: ``transfer``, ``hold`` · pending, unknown: ``poll`` · declined:
    ``decline_reason``, ``hold`` · hold_ended: ``shortages`` (empty: all of it is still there) ·
    late_refunded: ``refund_reference``, ``refund_days`` · review: ``answer_by``,
    ``is_suspected`` · paid, late_confirmed, cash: ``arrival``, ``address``.

    ``methods`` are the ways to pay that may be tried now, ``selected`` the one used before.
    ``is_retry_allowed`` is false while money may be on its way: then no pay button is shown.
    """

    state: PayState
    number: str
    buyer_name: str
    email: str
    amount: MoneyView
    summary: SummaryView
    pay_url: str
    status_url: str
    order_url: str
    idempotency_key: str
    is_retry_allowed: bool = False
    methods: tuple[PaymentChoice, ...] = ()
    selected: str = ""
    hold: HoldView | None = None
    poll: PollView | None = None
    continue_url: str | None = None
    continue_fields: tuple[tuple[str, str], ...] = ()
    form: ProviderForm | None = None
    phone_hint: str | None = None
    can_send_again: bool = False
    #: Whether the way of paying that was used asks a telephone, so that another may be named.
    takes_phone: bool = False
    #: The number that was typed, and what is wrong with it.
    phone: str = ""
    phone_fault: str | None = None
    transfer: tuple[CopyLine, ...] = ()
    #: A drawing (SVG of our own making) that a bank's program reads.
    transfer_code: str = ""
    is_code_whole: bool = True
    #: Where a file is shown that proves it, and how many were; at most ``proofs_max``.
    proof_url: str | None = None
    proofs: int = 0
    proofs_max: int = 3
    is_transfer_refused: bool = False
    decline_reason: str | None = None
    decline_title: str = "Your bank declined the card"
    shortages: tuple[Shortage, ...] = ()
    refund_reference: str | None = None
    refund_days: str = "5–10"
    answer_by: datetime | None = None
    #: The money is all there, and a person looks at the order before anything is sent.
    is_suspected: bool = False
    arrival: ArrivalView | None = None
    address: tuple[str, ...] = ()
    retry_seconds: int | None = None

    @property
    def first_name(self) -> str:
        """The name to greet with; people with one name keep it."""
        return self.buyer_name.split(" ", 1)[0]


# --- After the order ----------------------------------------------------------------------------


class StepState(enum.Enum):
    """Where a step of the way stands."""

    DONE = "done"
    CURRENT = "current"
    AHEAD = "ahead"


class StepView(msgspec.Struct, frozen=True):
    """Placed, Paid, Packed, Shipped, In transit or Delivered, with its time once reached."""

    label: str
    state: StepState
    at: datetime | None = None


class ParcelView(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel: who carries it, where it was seen last, and what is in it."""

    carrier: str
    tracking_number: str
    contents: tuple[str, ...]
    tracking_url: str | None = None
    latest: str = ""
    latest_at: datetime | None = None
    is_done: bool = False


class EventView(msgspec.Struct, frozen=True):
    """One line of the order's history that the buyer may see; newest first."""

    at: datetime
    text: str
    detail: str = ""
    is_milestone: bool = False


class RefundView(msgspec.Struct, frozen=True):
    """Money on its way back: how much, to where, and until when."""

    amount: MoneyView
    destination: str
    expected_by: date | None = None
    is_done: bool = False
    reason: str = ""
    #: The way was refused; the store sends it another way.
    is_stuck: bool = False


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """What staff agreed with the buyer: goods added and given up, and what is owed for it.

    ``pay_url`` is set while its difference waits to be paid.
    """

    at: datetime
    added: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    reason: str = ""
    difference: MoneyView | None = None
    is_waiting: bool = False
    pay_url: str | None = None


class ReturnView(msgspec.Struct, frozen=True, kw_only=True):
    """Goods on their way back. ``send_url`` and ``cancel_url`` are set while that is possible."""

    status: str
    lines: tuple[str, ...]
    steps: tuple[StepView, ...] = ()
    answer: str = ""
    send_url: str | None = None
    cancel_url: str | None = None
    #: Where its photos are, while more can be added.
    photos_url: str | None = None


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its buyer sees it, for reading and tracking.

    ``headline`` is one sentence with a date ("Arrives Wed 25 Nov"); without it the status sentence
    stands alone. ``pay_url`` is set while the order needs paying. ``cancel_effect`` says what
    canceling does to the money; it is set exactly when canceling is allowed.
    """

    number: str
    status: str
    placed_at: datetime
    email: str
    summary: SummaryView
    address: tuple[str, ...]
    steps: tuple[StepView, ...]
    events: tuple[EventView, ...]
    paid_with: str
    shipping_name: str
    headline: str | None = None
    parcels: tuple[ParcelView, ...] = ()
    refunds: tuple[RefundView, ...] = ()
    changes: tuple[ChangeView, ...] = ()
    returns: tuple[ReturnView, ...] = ()
    #: Where something can be sent back, and the last day for that.
    return_url: str | None = None
    return_until: date | None = None
    #: Where the page asks for itself anew; nothing once all is over.
    live_url: str | None = None
    stream_url: str | None = None
    hold: HoldView | None = None
    pay_url: str | None = None
    cancel_url: str | None = None
    cancel_effect: str | None = None


class ReturnChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order in the form of a return: at most so many of it, as was typed."""

    line: LineView
    most: int
    quantity: str = "0"
    reason: str = ""


class ReturnFormView(msgspec.Struct, frozen=True, kw_only=True):
    """Asking to send something back. ``estimate`` is what would be paid back, and ``way`` how.

    ``days`` is the store's rule, ``until`` the last day for this order. ``problem`` says why it
    was refused; then nothing was asked for.
    """

    number: str
    action_url: str
    estimate_url: str
    order_url: str
    idempotency_key: str
    choices: tuple[ReturnChoice, ...]
    reasons: tuple[tuple[str, str], ...]
    days: int
    until: date | None = None
    note: str = ""
    estimate: MoneyView | None = None
    way: str = ""
    problem: str = ""
    faults: tuple[FieldFault, ...] = ()

    def fault(self, field: str) -> str | None:
        """The sentence about a field, if anything is wrong with it."""
        return next((fault.message for fault in self.faults if fault.field == field), None)


class ReturnPhotoView(msgspec.Struct, frozen=True):
    """One photo that was sent; ``remove_url`` is set while it can be taken away."""

    image: ImageView
    remove_url: str | None = None


class ReturnPhotosLine(msgspec.Struct, frozen=True, kw_only=True):
    """The photos of one line of a return, and how many more there may be."""

    field: str
    name: str
    add_url: str
    photos: tuple[ReturnPhotoView, ...] = ()
    left: int = 0


class ReturnPhotosView(msgspec.Struct, frozen=True, kw_only=True):
    """The photos of a return. One form takes ``most_mb`` megabytes; none once it ``is_over``."""

    number: str
    order_url: str
    lines: tuple[ReturnPhotosLine, ...]
    most_mb: int
    is_over: bool = False
    faults: tuple[FieldFault, ...] = ()

    def faults_of(self, field: str) -> tuple[str, ...]:
        """What is wrong with each of the files that were chosen in a field."""
        return tuple(fault.message for fault in self.faults if fault.field == field)


class TrackView(msgspec.Struct, frozen=True, kw_only=True):
    """Finding an order by number and e-mail. A wrong pair and an unknown one read the same."""

    number: str = ""
    email: str = ""
    is_unmatched: bool = False
    faults: tuple[FieldFault, ...] = ()

    def fault(self, field: str) -> str | None:
        """The sentence about a field, if anything is wrong with it."""
        return next((fault.message for fault in self.faults if fault.field == field), None)


class ErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """A page that could not be shown. The words come from the status; ``detail`` adds a fact.

    ``retry_url`` repeats what was asked, where repeating is safe.
    """

    status: int
    detail: str = ""
    retry_after_seconds: int | None = None
    retry_url: str | None = None
