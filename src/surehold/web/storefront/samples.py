"""Believable views for every page and state, shown by the preview, ``/ui`` and the tests.

Nothing here is read in production. Names, prices and times are fixed, so that two pictures of a
page differ only where its template changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import segno

from surehold.web.storefront.views import (
    AddressFormat,
    AlertStopView,
    AlertView,
    ArrivalView,
    AvailabilityKind,
    AvailabilityView,
    BannerView,
    CardPartView,
    CartAddedView,
    CartView,
    CatalogView,
    ChangeView,
    CheckoutForm,
    CheckoutProblem,
    CheckoutView,
    ChipView,
    CopyLine,
    CountryChoice,
    CouponView,
    ErrorView,
    EventView,
    FacetGroup,
    FacetView,
    FieldFault,
    HoldView,
    ImageView,
    LineProblem,
    LineProblemKind,
    LineView,
    LinkView,
    MoneyView,
    OpinionView,
    OptionChoice,
    OptionGroup,
    OrderView,
    ParcelView,
    PaymentChoice,
    PayState,
    PayView,
    PollView,
    PriceChange,
    PriceFilter,
    PricesChanged,
    ProductCard,
    ProductView,
    ProviderForm,
    RatingView,
    RefundView,
    ReturnChoice,
    ReturnFormView,
    ReturnPhotosLine,
    ReturnPhotosView,
    ReturnPhotoView,
    ReturnView,
    ReviewForm,
    ReviewsPage,
    ReviewView,
    SavedChoice,
    SectionView,
    Shell,
    ShippingChoice,
    ShopBusy,
    Shortage,
    SortChoice,
    StarRow,
    StepState,
    StepView,
    StockShort,
    StockView,
    StockWord,
    SummaryView,
    TotalsView,
    TrackView,
    WishlistView,
    WishView,
)

NOW: Final = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
NUMBER: Final = "SH-10482"
ORDER_URL: Final = f"/orders/{NUMBER}"
ARRIVAL: Final = ArrivalView(date(2026, 11, 25), date(2026, 11, 27), "Ireland")
EXPRESS: Final = ArrivalView(date(2026, 11, 24), date(2026, 11, 24), "Ireland")
ADDRESS: Final = ("Mara Quinn", "12 Quay Street", "Galway H91 X2KP", "Ireland")
CATEGORIES: Final = (
    "Light",
    "Kitchen and table",
    "Home",
    "Furniture",
    "Camp and trail",
    "Bags and leather",
    "Clothing and watches",
    "Desk and sound",
)


class Sample(msgspec.Struct, frozen=True):
    """One page in one state."""

    name: str
    template: str
    view: object
    shell: Shell


def eur(minor: int) -> MoneyView:
    """An amount in euro cents."""
    return MoneyView(minor, "EUR")


def category_url(name: str) -> str:
    """The address of a category."""
    return f"/c/{name.lower().replace(' ', '-')}"


def shell(
    *,
    path: str = "/",
    cart_count: int = 3,
    category: str = "",
    query: str = "",
    banner: BannerView | None = None,
) -> Shell:
    """The frame of a page in the demo shop."""
    return Shell(
        store_name="Northline",
        locale="en-IE",
        currency="EUR",
        currencies=("EUR", "USD"),
        categories=tuple(
            LinkView(name, category_url(name), name == category) for name in CATEGORIES
        ),
        cart_count=cart_count,
        path=path,
        now=NOW,
        zone=UTC,
        request_id="01JD3V8Q6ZK4",
        is_demo=True,
        query=query,
        support_email="help@northline.example",
        banner=banner,
    )


_PRODUCTS: Final = (
    # name, picture, price, top of the range, price before, fact, stock word
    ("Trail lamp", "trail-lamp-1", 3600, 3900, None, "Dims down to a candle", None),
    ("Stoneware mug", "stoneware-mug-1", 2200, None, None, "Thrown by hand, 300 ml", None),
    ("Day pack", "day-pack-1", 14900, None, None, "Waxed canvas, 18 liters", StockWord.FEW_LEFT),
    ("Storm lantern", "storm-lantern-1", 4900, None, 5400, "Burns 18 hours on a fill", None),
    (
        "Fell lounge chair",
        "fell-lounge-chair-1",
        89000,
        None,
        None,
        "Ash and wool, made to order",
        None,
    ),
    ("Gooseneck kettle", "gooseneck-kettle-1", 8200, 8800, None, "Pours where you point", None),
    (
        "Harbor table lamp with a linen shade and a cast base",
        "harbor-table-lamp-1",
        15900,
        None,
        None,
        "Hand-blown glass",
        None,
    ),
    ("Summit watch", "summit-watch-1", 24500, None, None, "Automatic, 38 mm", StockWord.SOLD_OUT),
    ("Fisherman sweater", "fisherman-sweater-1", 16500, None, None, "Undyed wool", None),
)


def cards(count: int) -> tuple[ProductCard, ...]:
    """The first products of the demo shop."""
    return tuple(
        ProductCard(
            name=name,
            url=f"/p/{picture}",
            image=picture_of(picture),
            price=eur(price),
            price_until=eur(until) if until else None,
            compare_at=eur(before) if before else None,
            fact=fact,
            stock_word=word,
        )
        for name, picture, price, until, before, fact, word in _PRODUCTS[:count]
    )


def picture_of(stem: str, alt: str = "") -> ImageView:
    """A picture of the demo shop."""
    return ImageView(f"/media/{stem}.svg", alt)


def catalog(**changes: object) -> CatalogView:
    """The home page's grid, with changes."""
    counts = (52, 6, 12, 9, 4, 8, 4, 6, 3)
    labels = ("All", *CATEGORIES)
    view = CatalogView(
        heading="Well-made things for home and away",
        intro="Made in small runs by people we know. What you see here is really on our shelves.",
        action="/",
        is_home=True,
        total_count=52,
        shown_count=9,
        cards=cards(9),
        facets=tuple(
            FacetView(label, "/" if label == "All" else category_url(label), count, label == "All")
            for label, count in zip(labels, counts, strict=True)
        ),
        sorts=(
            SortChoice("featured", "Featured", is_selected=True),
            SortChoice("newest", "Newest"),
            SortChoice("price", "Price, low to high"),
            SortChoice("-price", "Price, high to low"),
        ),
        in_stock_count=50,
        groups=(
            FacetGroup(
                "Maker",
                (
                    FacetView("Ashdown Pottery", "/?vendor=ashdown-pottery", 9),
                    FacetView("Kestrel Works", "/?vendor=kestrel-works", 7),
                ),
            ),
            FacetGroup(
                "Finish",
                (
                    FacetView("Brass", "/?o.Finish=Brass", 4),
                    FacetView("Graphite", "/?o.Finish=Graphite", 3),
                ),
            ),
        ),
        price=PriceFilter(currency="EUR"),
        next_url="/?page=2",
    )
    return msgspec.structs.replace(view, **changes)


RATING: Final = RatingView(
    "4.3", 43, 18, (StarRow(5, 10), StarRow(4, 5), StarRow(3, 2), StarRow(2, 0), StarRow(1, 1))
)
REVIEWS: Final = (
    ReviewView(
        5,
        "Bright enough to read by",
        ("It has stood on the porch since May.", "The loop is stiff at first."),
        "Mara",
        NOW - timedelta(days=3),
        is_verified=True,
    ),
    ReviewView(4, "Warm light", ("Heavier than it looks.",), "Ines", NOW - timedelta(days=9)),
)


def reviews_page(**changes: object) -> ReviewsPage:
    """Every review of the lamp, with changes."""
    view = ReviewsPage(
        name="Trail lamp",
        url="/p/trail-lamp/reviews",
        product_url="/p/trail-lamp",
        rating=RATING,
        reviews=REVIEWS,
        next_url="/p/trail-lamp/reviews?cursor=2",
    )
    return msgspec.structs.replace(view, **changes)


def review_samples() -> Iterator[Sample]:
    """The page of reviews: to read, to write, refused, written, and with none."""
    wrong = ReviewForm(stars="Choose from 1 to 5 stars", title="Say it in a few words")
    faults = (
        FieldFault("stars", "Stars", wrong.stars),
        FieldFault("title", "In a few words", wrong.title),
    )
    typed = ReviewForm(body="Half a <b>sentence", author="Mara")
    written = {"own": REVIEWS[0], "own_state": "rejected", "own_reason": "It names a person."}
    views = {
        "reviews": reviews_page(),
        "reviews-form": reviews_page(can_write=True, form=ReviewForm(author="Mara")),
        "reviews-refused": reviews_page(can_write=True, form=typed, errors=wrong, faults=faults),
        "reviews-written": reviews_page(own=REVIEWS[0], own_state="pending"),
        "reviews-not-shown": reviews_page(**written),
        "reviews-none": reviews_page(rating=None, reviews=(), next_url=None),
    }
    for name, view in views.items():
        yield Sample(name, "store/reviews.html", view, shell(path="/p/trail-lamp/reviews"))


def wishlist_samples() -> Iterator[Sample]:
    """What is kept, in every state; and nothing."""
    lamp = WishView(
        variant_id="0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10",
        name="Trail lamp",
        variant_name="Brass",
        url="/p/trail-lamp",
        image=picture_of("trail-lamp-1"),
        price=eur(3900),
    )
    change = msgspec.structs.replace
    sold_out = change(lamp, name="Day pack", image=picture_of("day-pack-1"), is_available=False)
    gone = change(
        sold_out,
        name="Stoneware mug",
        image=picture_of("stoneware-mug-1"),
        url=None,
        price=None,
        is_for_sale=False,
    )
    for name, wishes in (("wishlist", (lamp, sold_out, gone)), ("wishlist-empty", ())):
        view = WishlistView(wishes)
        yield Sample(name, "store/wishlist.html", view, shell(path="/wishlist"))


def live(availability: AvailabilityView) -> StockView:
    """The stock of the lamp, told so."""
    can_buy = availability.kind.value not in {"sold_out", "being_bought"}
    variant_id = "0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10"
    return StockView(
        variant_id=variant_id,
        availability=availability,
        can_buy=can_buy,
        mark=f"{availability.kind.value}.{int(can_buy)}",
    )


def product(**changes: object) -> ProductView:
    """The trail lamp, with changes."""
    view = ProductView(
        product_id=UUID("0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a01"),
        slug="trail-lamp",
        url="/p/trail-lamp",
        name="Trail lamp",
        variant_id="0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10",
        variant_name="Brass, warm white",
        sku="TL-BR-WW",
        images=(
            picture_of("trail-lamp-1", "Trail lamp in brass with its carrying loop up"),
            picture_of("trail-lamp-2", "The same lamp in black"),
            picture_of("trail-lamp-3", "The lamp lit at night"),
        ),
        price=eur(3900),
        tax_note="incl. VAT",
        lead=(
            "A small light for tables, tents and power cuts. Turn the top to dim it down "
            "to a candle; it runs for 60 hours there."
        ),
        live=live(AvailabilityView(AvailabilityKind.IN_STOCK)),
        max_quantity=12,
        options=(
            OptionGroup(
                "Finish",
                (
                    OptionChoice("Brass", "/p/trail-lamp?variant=br-ww", is_selected=True),
                    OptionChoice("Black", "/p/trail-lamp?variant=bk-ww"),
                ),
            ),
            OptionGroup(
                "Light",
                (
                    OptionChoice("Warm white", "/p/trail-lamp?variant=br-ww", is_selected=True),
                    OptionChoice("Neutral", "/p/trail-lamp?variant=br-nw"),
                    OptionChoice("Amber", "/p/trail-lamp?variant=br-am", is_sold_out=True),
                ),
            ),
        ),
        arrival=ARRIVAL,
        returns_sentence="Send it back within 30 days, free of charge",
        vendor=LinkView("Fell & Fern", "/search?q=fell+fern"),
        breadcrumbs=(LinkView("All", "/"), LinkView("Light", "/c/light")),
        sections=(
            SectionView(
                "What it is",
                (
                    (
                        "The body is turned from one piece of brass and left unlacquered, "
                        "so it darkens where you hold it."
                    ),
                    (
                        "It charges from any USB-C lead in three hours, and the battery comes out "
                        "with a coin when it is worn."
                    ),
                ),
            ),
            SectionView(
                "Measures and material",
                facts=(
                    ("Size", "9 × 9 × 16 cm"),
                    ("Weight", "410 g"),
                    ("Light", "2700 K, up to 180 lm"),
                    ("Runs for", "6 to 60 hours"),
                ),
            ),
            SectionView(
                "Care", ("Wipe it with a dry cloth. Brass polish brings the first shine back.",)
            ),
        ),
        related=cards(5)[1:],
        seen=cards(3)[1:],
        opinion=OpinionView("/p/trail-lamp/reviews", RATING, REVIEWS[:2]),
    )
    return msgspec.structs.replace(view, **changes)


def line(index: int, **changes: object) -> LineView:
    """One of three lines, with changes."""
    name, variant, picture, quantity, unit = (
        ("Trail lamp", "Brass, warm white", "trail-lamp-1", 2, 3900),
        ("Waxed cover", "Size M", "waxed-cover-1", 1, 3550),
        ("Arc desk lamp", "Black", "arc-desk-lamp-1", 1, 8900),
    )[index]
    view = LineView(
        line_id=f"line-{index + 1}",
        name=name,
        variant_name=variant,
        url=f"/p/{picture}",
        image=picture_of(picture),
        quantity=quantity,
        unit_price=eur(unit),
        line_total=eur(unit * quantity),
        max_quantity=9,
    )
    return msgspec.structs.replace(view, **changes)


TOTALS: Final = TotalsView(
    item_count=3,
    subtotal=eur(11350),
    shipping=eur(490),
    tax=eur(2214),
    tax_label="VAT",
    total=eur(11840),
)
SUMMARY: Final = SummaryView((line(0), line(1)), TOTALS)
CARD: Final = PaymentChoice(
    code="sandbox",
    name="Card",
    explanation="You confirm on your bank’s page and come straight back.",
)
#: Without an address its script does not load: what a buyer whose browser blocks it sees.
_FORM: Final = ProviderForm(provider="stripe", script="", options={"then": ""})
_QR: Final = segno.make("SH-10482", error="m", micro=False).svg_inline(
    scale=4, border=4, dark="#000", light="#fff", omitsize=True
)
CASH: Final = PaymentChoice(
    code="cash_on_delivery",
    name="Cash on delivery",
    explanation="You pay in cash when your order is brought to you.",
    icon="wallet",
    is_paid_later=True,
)
TRANSFER: Final = PaymentChoice(
    code="bank_transfer",
    name="Bank transfer",
    explanation="We show you the details next and hold your items for 4 days.",
    icon="landmark",
    is_paid_later=True,
)


def cart(**changes: object) -> CartView:
    """A cart of two lines, with changes."""
    totals = msgspec.structs.replace(TOTALS, is_shipping_estimated=True)
    return msgspec.structs.replace(
        CartView(lines=(line(0), line(1)), totals=totals, arrival=ARRIVAL), **changes
    )


def checkout(*, problem: CheckoutProblem | None = None, **changes: object) -> CheckoutView:
    """A checkout half filled in, with changes."""
    view = CheckoutView(
        form=CheckoutForm(
            email="mara@example.com",
            name="Mara Quinn",
            country="IE",
            shipping_method="standard",
            provider="sandbox",
        ),
        summary=SUMMARY,
        countries=(
            CountryChoice("DE", "Germany"),
            CountryChoice("IE", "Ireland"),
            CountryChoice("US", "United States"),
        ),
        address=AddressFormat(postal_label="Eircode"),
        shipping=(
            ShippingChoice(code="standard", name="Standard", price=eur(490), arrival=ARRIVAL),
            ShippingChoice(code="express", name="Express", price=eur(950), arrival=EXPRESS),
        ),
        payment=(CARD, TRANSFER),
        expected_total=eur(11840),
        idempotency_key="0193a1f2-8a90-7d02-b1a4-2f8f6b7a1c55",
        problem=problem,
    )
    return msgspec.structs.replace(view, **changes)


def hold(seconds_left: int = 872) -> HoldView:
    """A running hold."""
    return HoldView(
        reserved_until=NOW + timedelta(seconds=seconds_left),
        seconds_left=seconds_left,
        extend_url=f"{ORDER_URL}/extend",
        extensions_left=2,
        extension_minutes=15,
    )


def pay(state: PayState, **changes: object) -> PayView:
    """The payment page of one order in a state, with changes."""
    view = PayView(
        state=state,
        number=NUMBER,
        buyer_name="Mara Quinn",
        email="mara@example.com",
        amount=eur(11840),
        summary=SUMMARY,
        pay_url=f"{ORDER_URL}/pay",
        status_url=f"{ORDER_URL}/pay/status",
        order_url=ORDER_URL,
        idempotency_key="0193a1f2-8a90-7d02-b1a4-2f8f6b7a1c56",
        methods=(CARD, TRANSFER),
        selected="sandbox",
    )
    return msgspec.structs.replace(view, **changes)


def order(**changes: object) -> OrderView:
    """An order on its way, with changes."""
    done, current, ahead = StepState.DONE, StepState.CURRENT, StepState.AHEAD
    view = OrderView(
        number=NUMBER,
        status="in_transit",
        placed_at=NOW - timedelta(days=3),
        email="mara@example.com",
        summary=SUMMARY,
        address=ADDRESS,
        headline="Arrives Wed 25 Nov",
        steps=(
            StepView("Placed", done, NOW - timedelta(days=3)),
            StepView("Paid", done, NOW - timedelta(days=3) + timedelta(minutes=1)),
            StepView("Packed", done, NOW - timedelta(days=1, hours=4)),
            StepView("Shipped", done, NOW - timedelta(hours=20)),
            StepView("In transit", current, NOW - timedelta(hours=5)),
            StepView("Delivered", ahead),
        ),
        parcels=(
            ParcelView(
                carrier="DPD",
                tracking_number="1553 0210 8842",
                tracking_url="https://carrier.example/1553",
                contents=("2 × Trail lamp", "1 × Waxed cover"),
                latest="Left the sorting center in Athlone",
                latest_at=NOW - timedelta(hours=5),
            ),
        ),
        events=(
            EventView(NOW - timedelta(hours=5), "Left the sorting center in Athlone"),
            EventView(
                NOW - timedelta(hours=20),
                "Parcel handed to DPD",
                "Tracking 1553 0210 8842",
                is_milestone=True,
            ),
            EventView(NOW - timedelta(days=1, hours=4), "Your order was packed"),
            EventView(
                NOW - timedelta(days=3) + timedelta(minutes=1),
                "Payment of €118.40 received",
                is_milestone=True,
            ),
            EventView(NOW - timedelta(days=3), "Order placed", is_milestone=True),
        ),
        paid_with="Visa ending 4242",
        shipping_name="Standard",
    )
    return msgspec.structs.replace(view, **changes)


def catalog_samples() -> Iterator[Sample]:
    """Home, category and search."""
    yield Sample("home", "store/home.html", catalog(), shell())
    lamps = catalog(
        heading="Light",
        intro="Light where you sit, read and eat.",
        action="/c/light",
        is_home=False,
        is_in_stock_only=True,
        total_count=7,
        shown_count=7,
        cards=cards(7),
        facets=tuple(
            msgspec.structs.replace(facet, is_current=facet.label == "Light")
            for facet in catalog().facets
        ),
        chips=(ChipView("In stock only", "/c/light"),),
        clear_url="/c/light",
        next_url=None,
    )
    yield Sample(
        "category", "store/category.html", lamps, shell(path="/c/light", category="Light")
    )
    found = catalog(
        heading="2 results for “lantern”",
        intro="",
        query="lantern",
        action="/search",
        is_home=False,
        total_count=2,
        shown_count=2,
        cards=cards(4)[:4:3],
        next_url=None,
        kept_fields=(("q", "lantern"),),
    )
    yield Sample(
        "search", "store/search.html", found, shell(path="/search?q=lantern", query="lantern")
    )
    nothing = catalog(
        heading="No results",
        intro="",
        query="sofa",
        action="/search",
        is_home=False,
        total_count=0,
        shown_count=0,
        cards=(),
        near=(LinkView("Sofa table", "/search?q=Sofa+table"),),
        next_url=None,
        suggestions=(LinkView("Light", "/c/light"), LinkView("Home", "/c/home")),
    )
    yield Sample(
        "search-empty", "store/search.html", nothing, shell(path="/search?q=sofa", query="sofa")
    )
    empty = msgspec.structs.replace(lamps, cards=(), total_count=0, shown_count=0)
    yield Sample(
        "category-filtered-empty", "store/category.html", empty, shell(path="/c/light?in_stock=1")
    )
    bare = catalog(
        is_home=False,
        heading="Furniture",
        intro="",
        total_count=0,
        shown_count=0,
        cards=(),
        next_url=None,
        suggestions=(LinkView("All products", "/"),),
    )
    yield Sample("category-empty", "store/category.html", bare, shell(path="/c/furniture"))


def product_samples() -> Iterator[Sample]:
    """The product page in each availability."""
    kinds = {
        "": AvailabilityView(AvailabilityKind.IN_STOCK),
        "-few": AvailabilityView(AvailabilityKind.FEW_LEFT, left=3),
        "-being-bought": AvailabilityView(AvailabilityKind.BEING_BOUGHT, free_in_minutes=6),
        "-backorder": AvailabilityView(AvailabilityKind.BACKORDER, ships_on=date(2026, 12, 4)),
        "-preorder": AvailabilityView(AvailabilityKind.PREORDER, ships_on=date(2026, 12, 12)),
        "-sold-out": AvailabilityView(AvailabilityKind.SOLD_OUT),
    }
    for suffix, availability in kinds.items():
        closed = availability.kind in (AvailabilityKind.SOLD_OUT, AvailabilityKind.BEING_BOUGHT)
        most = 0 if closed else availability.left or 12
        alert = AlertView(url="/p/trail-lamp/alerts") if closed else None
        view = product(live=live(availability), max_quantity=most, alert=alert)
        yield Sample(
            f"product{suffix}",
            "store/product.html",
            view,
            shell(path="/p/trail-lamp", category="Light"),
        )
    told = product(
        live=live(kinds["-sold-out"]),
        max_quantity=0,
        alert=AlertView(
            url="/p/trail-lamp/alerts",
            email="mara@",
            fault="Enter an address such as name@example.com.",
        ),
    )
    own = msgspec.structs.replace(
        told, alert=AlertView(url="/p/trail-lamp/alerts", to="mara@example.com")
    )
    for suffix, view in {"fault": told, "signed-in": own}.items():
        yield Sample(
            f"product-alert-{suffix}",
            "store/product.html",
            view,
            shell(path="/p/trail-lamp", category="Light"),
        )
    for name, stopped in {
        "": AlertStopView(token="preview"),  # noqa: S106 - opens nothing
        "-done": AlertStopView(is_done=True),
        "-void": AlertStopView(is_void=True),
    }.items():
        yield Sample(f"alert-stop{name}", "store/alert_stop.html", stopped, shell())
    refused = product(problem="Only 2 are left", compare_at=eur(4500), max_quantity=2, quantity=2)
    yield Sample(
        "product-refused",
        "store/product.html",
        refused,
        shell(path="/p/trail-lamp", category="Light"),
    )


def cart_samples() -> Iterator[Sample]:
    """The cart, and the answer to Add to cart."""
    yield Sample("cart", "store/cart.html", cart(suggestions=cards(4)), shell(path="/cart"))
    kind = LineProblemKind
    changed = cart(
        lines=(
            line(0, problem=LineProblem(kind.PRICE_FELL, was=eur(4200), now=eur(3900))),
            line(1, problem=LineProblem(kind.QUANTITY_REDUCED, asked=2, left=1), max_quantity=1),
            line(2, problem=LineProblem(kind.SOLD_OUT)),
        ),
        can_check_out=False,
    )
    removed = BannerView(
        tone="neutral",
        title="Removed Camp mug, blue",
        undo_url="/cart/items",
        undo_fields=(("variant_id", "0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a11"), ("quantity", "1")),
    )
    yield Sample("cart-changed", "store/cart.html", changed, shell(path="/cart", banner=removed))
    rose = cart(
        lines=(
            line(0, problem=LineProblem(kind.PRICE_ROSE, was=eur(3500), now=eur(3900))),
            line(1, problem=LineProblem(kind.ONLY_LEFT, left=1)),
        )
    )
    yield Sample("cart-rose", "store/cart.html", rose, shell(path="/cart"))
    yield Sample(
        "cart-empty",
        "store/cart.html",
        CartView(lines=(), totals=None),
        shell(path="/cart", cart_count=0),
    )
    added = CartAddedView(cart_count=3, line=line(0), added=2, subtotal=eur(11350))
    yield Sample("cart-added", "store/cart_added.html", added, shell(path="/cart/items"))
    refused = CartAddedView(
        cart_count=3,
        problem="The last one was just taken. Nothing was added to your cart.",
        subtotal=eur(11350),
    )
    yield Sample("cart-not-added", "store/cart_added.html", refused, shell(path="/cart/items"))


def checkout_samples() -> Iterator[Sample]:
    """The checkout and its refusals."""
    frame = shell(path="/checkout")
    full = CheckoutForm(
        email="mara@example.com",
        name="Mara Quinn",
        country="IE",
        line1="12 Quay Street",
        city="Galway",
        postal_code="H91 X2KP",
        shipping_method="standard",
        provider="sandbox",
    )
    yield Sample("checkout", "store/checkout.html", checkout(), frame)
    faults = (
        FieldFault(
            "email", "Email", "Enter an address with an @, so that we can send the confirmation."
        ),
        FieldFault("line1", "Address", "Enter the street and house number."),
        FieldFault("postal_code", "Eircode", "An Eircode has seven characters, such as H91 X2KP."),
    )
    wrong = msgspec.structs.replace(
        checkout().form, email="mara.example.com", postal_code="H91", phone="+353 91 555"
    )
    yield Sample(
        "checkout-errors", "store/checkout.html", checkout(faults=faults, form=wrong), frame
    )
    prices = PricesChanged(
        (
            PriceChange("Trail lamp, brass", eur(3900), eur(4100)),
            PriceChange("Shipping", eur(490), eur(390)),
        ),
        eur(11840),
        eur(12140),
    )
    yield Sample(
        "checkout-price-changed", "store/checkout.html", checkout(problem=prices, form=full), frame
    )
    short = StockShort(
        (
            Shortage("line-1", "Trail lamp, brass", 3, 2),
            Shortage("line-2", "Waxed cover, size M", 1, 0),
        )
    )
    yield Sample(
        "checkout-short", "store/checkout.html", checkout(problem=short, form=full), frame
    )
    yield Sample(
        "checkout-busy", "store/checkout.html", checkout(problem=ShopBusy(5, 2), form=full), frame
    )
    abroad = checkout(
        form=msgspec.structs.replace(full, country="US", provider="bank_transfer", line2="Apt 4"),
        address=AddressFormat(
            order=("city", "region", "postal_code"),
            region_label="State",
            postal_label="ZIP code",
            is_postal_numeric=True,
        ),
    )
    yield Sample("checkout-transfer", "store/checkout.html", abroad, frame)
    yield from _brought_samples(frame)
    yield Sample("checkout-no-delivery", "store/checkout.html", checkout(shipping=()), frame)


def _brought_samples(frame: Shell) -> Iterator[Sample]:
    """What a buyer brings along: an account, a coupon, a gift card."""
    own = checkout(
        known_email="mara@example.com",
        saved_addresses=(
            SavedChoice("a1", ADDRESS),
            SavedChoice("a2", ("Mara Quinn", "Unit 7, Docklands Park", "Dublin", "Ireland")),
        ),
        form=msgspec.structs.replace(checkout().form, saved="a1"),
        coupon=CouponView(code="SPRING-10", is_applied=True, saving=eur(1135)),
        payment=(CARD, TRANSFER, CASH),
        summary=SummaryView(
            SUMMARY.lines,
            msgspec.structs.replace(
                TOTALS,
                discount=eur(1135),
                total=eur(10705),
                cards=(CardPartView("7Q2M", eur(5000)),),
                rest=eur(5705),
            ),
        ),
    )
    yield Sample("checkout-signed-in", "store/checkout.html", own, frame)
    typed = msgspec.structs.replace(checkout().form, coupon="SUMMER-20")
    late = FieldFault("coupon", "Coupon code", "This coupon has expired.")
    refused = checkout(form=typed, faults=(late,))
    yield Sample("checkout-coupon-refused", "store/checkout.html", refused, frame)


def pay_samples() -> Iterator[Sample]:
    """The payment page in every state."""
    state = PayState
    details = (
        CopyLine("Account holder", "Northline Goods Ltd", "Northline Goods Ltd"),
        CopyLine("IBAN", "IE29 AIBK 9311 5212 3456 78", "IE29AIBK93115212345678"),
        CopyLine("Amount", "€118.40", "118.40"),
        CopyLine("Reference", "SH-10482", "SH-10482"),
    )
    views = (
        pay(state.REDIRECT, hold=hold(), continue_url="/sandbox/pay/1", is_retry_allowed=True),
        pay(state.FORM, hold=hold(), form=_FORM, is_retry_allowed=True, methods=(TRANSFER,)),
        pay(state.ELSEWHERE, hold=hold(), is_retry_allowed=True),
        pay(
            state.PHONE_PROMPT,
            hold=hold(),
            phone_hint="··· 4821",
            is_retry_allowed=True,
            methods=(TRANSFER,),
        ),
        pay(
            state.BANK_TRANSFER,
            hold=hold(4 * 86400),
            transfer=details,
            transfer_code=_QR,
            proof_url=f"{ORDER_URL}/pay/proof",
            is_retry_allowed=True,
            methods=(CARD,),
        ),
        pay(state.PENDING, poll=PollView(f"{ORDER_URL}/pay/status?asked=1", 2)),
        pay(
            state.DECLINED,
            hold=hold(95),
            decline_reason="Your bank says there is not enough money on this card.",
            is_retry_allowed=True,
        ),
        pay(state.PROVIDER_DOWN, hold=hold(), retry_seconds=20, is_retry_allowed=True),
        pay(state.UNKNOWN, poll=PollView(f"{ORDER_URL}/pay/status?asked=3", 15)),
        pay(state.HOLD_ENDED, is_retry_allowed=True),
        pay(state.LATE_CONFIRMED, arrival=ARRIVAL, address=ADDRESS),
        pay(state.LATE_REFUNDED, refund_reference="RF-20931"),
        pay(state.REVIEW, answer_by=NOW + timedelta(hours=26)),
        pay(state.REVIEW, answer_by=NOW + timedelta(hours=26), is_suspected=True),
        pay(state.CANCELED),
        pay(state.CASH, arrival=ARRIVAL, address=ADDRESS),
        pay(state.PAID, arrival=ARRIVAL, address=ADDRESS),
    )
    frame = shell(path=f"{ORDER_URL}/pay")
    for view in views:
        yield Sample(f"pay-{view.state.value.replace('_', '-')}", "store/pay.html", view, frame)
    gone = pay(
        state.HOLD_ENDED,
        is_retry_allowed=True,
        shortages=(
            Shortage("line-1", "Trail lamp, brass", 2, 1),
            Shortage("line-2", "Waxed cover, size M", 1, 0),
        ),
    )
    yield from _transfer_samples(details, frame)
    yield Sample("pay-hold-ended-short", "store/pay.html", gone, frame)
    yield from _asked_samples(frame)


def _asked_samples(frame: Shell) -> Iterator[Sample]:
    """A page that is reached by POST, and a telephone that may be asked again."""
    posted = pay(
        PayState.REDIRECT,
        hold=hold(),
        continue_url="https://bank.example/pay",
        continue_fields=(("reference", "SH-10482"), ("note", 'a "quoted" <note>')),
        is_retry_allowed=True,
    )
    yield Sample("pay-redirect-by-form", "store/pay.html", posted, frame)
    again = pay(
        PayState.PHONE_PROMPT,
        hold=hold(),
        phone_hint="··· 4821",
        is_retry_allowed=True,
        can_send_again=True,
        methods=(TRANSFER,),
        phone="0911",
        phone_fault="No telephone has this number.",
    )
    yield Sample("pay-phone-prompt-again", "store/pay.html", again, frame)


def _transfer_samples(details: tuple[CopyLine, ...], frame: Shell) -> Iterator[Sample]:
    """A transfer with a proof, and one that staff could not match."""
    sent = pay(
        PayState.BANK_TRANSFER,
        hold=hold(2 * 86400),
        transfer=details,
        proof_url=f"{ORDER_URL}/pay/proof",
        proofs=1,
    )
    yield Sample("pay-bank-transfer-proof", "store/pay.html", sent, frame)
    refused = pay(
        PayState.DECLINED,
        hold=hold(2 * 86400),
        decline_title="We could not match your transfer",
        decline_reason="The receipt is of another order",
        is_transfer_refused=True,
        is_retry_allowed=True,
    )
    yield Sample("pay-transfer-refused", "store/pay.html", refused, frame)


def order_samples() -> Iterator[Sample]:
    """The order page, tracking and errors."""
    frame = shell(path=ORDER_URL, cart_count=0)
    yield Sample("order", "store/order.html", order(), frame)
    waiting = order(
        status="pending_payment",
        headline=None,
        hold=hold(),
        pay_url=f"{ORDER_URL}/pay",
        steps=(),
        parcels=(),
        events=order().events[-1:],
        paid_with="Not paid yet",
        cancel_effect="Your items go back on sale. Nothing was charged.",
    )
    yield Sample("order-unpaid", "store/order.html", waiting, frame)
    paid = order(
        status="confirmed",
        headline="Ships tomorrow, arrives Wed 25 – Fri 27 Nov",
        steps=tuple(
            StepView(
                step.label,
                StepState.DONE
                if index < 2
                else StepState.CURRENT
                if index == 2
                else StepState.AHEAD,
                step.at if index < 2 else None,
            )
            for index, step in enumerate(order().steps)
        ),
        parcels=(),
        events=order().events[-2:],
        cancel_effect="We refund €118.40 to Visa ending 4242; it reaches you in 5–10 days.",
    )
    yield Sample("order-confirmed", "store/order.html", paid, frame)
    refunded = order(
        status="canceled",
        headline="This order is canceled",
        steps=(),
        parcels=(),
        refunds=(RefundView(eur(11840), "Visa ending 4242", date(2026, 11, 30)),),
    )
    yield Sample("order-canceled", "store/order.html", refunded, frame)
    yield from _aftercare_samples(frame)
    yield Sample("track", "store/track.html", TrackView(), shell(path="/track"))
    yield Sample(
        "track-unmatched",
        "store/track.html",
        TrackView(number="SH-1", email="mara@example.com", is_unmatched=True),
        shell(path="/track"),
    )
    missing = (FieldFault("number", "Order number", "Enter the number from your email."),)
    yield Sample(
        "track-errors",
        "store/track.html",
        TrackView(email="mara@example.com", faults=missing),
        shell(path="/track"),
    )
    for status, after in ((403, None), (404, None), (409, None), (429, 42), (500, None), (503, 5)):
        view = ErrorView(
            status=status,
            retry_after_seconds=after,
            retry_url="/checkout" if status in (409, 503) else None,
        )
        yield Sample(f"error-{status}", "store/error.html", view, shell(path="/missing"))


def _aftercare_samples(frame: Shell) -> Iterator[Sample]:
    """Orders of which something came back or was changed, and the form for that."""
    done, current, ahead = StepState.DONE, StepState.CURRENT, StepState.AHEAD
    back = ReturnView(
        status="approved",
        lines=("1 × Trail lamp, Brass, warm white",),
        steps=(
            StepView("Asked", done),
            StepView("Agreed", done),
            StepView("On its way", current),
            StepView("Received", ahead),
            StepView("Checked", ahead),
            StepView("Settled", ahead),
        ),
        answer="Send it to Northline, Unit 4, Galway. The label is in our letter.",
        send_url=f"{ORDER_URL}/returns/r1/send",
        cancel_url=f"{ORDER_URL}/returns/r1/cancel",
    )
    delivered = order(
        status="delivered",
        headline=None,
        returns=(back,),
        refunds=(
            RefundView(eur(3900), "Visa ending 4242", date(2026, 12, 4), reason="Your return"),
        ),
        return_url=f"{ORDER_URL}/returns/new",
        return_until=date(2026, 12, 20),
        steps=tuple(
            StepView(step.label, done, step.at or NOW - timedelta(hours=1))
            for step in order().steps
        ),
        parcels=(
            msgspec.structs.replace(
                order().parcels[0],
                is_done=True,
                latest="It was delivered",
                latest_at=NOW - timedelta(hours=1),
            ),
        ),
    )
    yield Sample("order-return", "store/order.html", delivered, frame)
    change = ChangeView(
        at=NOW - timedelta(hours=2),
        added=("1 × Trail lamp, Black, warm white",),
        given_up=("1 × Trail lamp, Brass, warm white",),
        reason="Another color, by telephone",
        difference=eur(300),
        is_waiting=True,
        pay_url=f"{ORDER_URL}/pay",
    )
    changed = order(
        status="confirmed",
        headline=None,
        parcels=(),
        changes=(change,),
        live_url=f"{ORDER_URL}/live?seen=1-0-0-1-0",
        stream_url=f"{ORDER_URL}/stream?seen=1-0-0-1-0",
        summary=SummaryView(
            (msgspec.structs.replace(line(0), canceled=1), line(1)),
            msgspec.structs.replace(TOTALS, added=eur(4200), canceled=eur(3900), due=eur(12140)),
        ),
    )
    yield Sample("order-changed", "store/order.html", changed, frame)
    yield from _return_samples(frame)


def _return_samples(frame: Shell) -> Iterator[Sample]:
    """The form that asks for a return."""
    asking = ReturnFormView(
        number=NUMBER,
        action_url=f"{ORDER_URL}/returns",
        estimate_url=f"{ORDER_URL}/returns/estimate",
        order_url=ORDER_URL,
        idempotency_key="0193a1f2-8a90-7d02-b1a4-2f8f6b7a1c57",
        choices=(
            ReturnChoice(line=line(0), most=2, quantity="1", reason="does_not_fit"),
            ReturnChoice(line=line(1), most=1),
        ),
        reasons=(("does_not_fit", "It does not fit"), ("changed_mind", "I changed my mind")),
        days=30,
        until=date(2026, 12, 20),
        estimate=eur(3900),
        way="Visa ending 4242",
    )
    yield Sample("return", "store/return_new.html", asking, frame)
    reason = FieldFault("reason_line-1", "Trail lamp", "Tell us why it comes back.")
    faulty = msgspec.structs.replace(asking, estimate=None, faults=(reason,))
    yield Sample("return-faults", "store/return_new.html", faulty, frame)
    late = msgspec.structs.replace(
        asking, estimate=None, problem="The time for sending this order back is over."
    )
    yield Sample("return-too-late", "store/return_new.html", late, frame)
    url = f"{ORDER_URL}/returns/r1"
    sent = ReturnPhotoView(picture_of("trail-lamp-1", "Photo 1"), f"{url}/photos/p1/remove")
    photos = ReturnPhotosView(
        number=NUMBER,
        order_url=ORDER_URL,
        lines=(
            ReturnPhotosLine(
                field="photo_r1",
                name="1 × Trail lamp, Brass",
                add_url=f"{url}/lines/r1/photos",
                photos=(sent, sent),
                left=3,
            ),
            ReturnPhotosLine(
                field="photo_r2",
                name="2 × Enamel mug",
                add_url=f"{url}/lines/r2/photos",
                left=5,
            ),
        ),
        most_mb=24,
    )
    yield Sample("return-photos", "store/return_photos.html", photos, frame)
    unread = FieldFault("photo_r2", "Enamel mug", "invoice.pdf is no JPEG, PNG or WebP.")
    wrong = msgspec.structs.replace(photos, faults=(unread,))
    yield Sample("return-photos-faults", "store/return_photos.html", wrong, frame)
    over = msgspec.structs.replace(
        photos,
        is_over=True,
        lines=(
            msgspec.structs.replace(
                photos.lines[0],
                photos=(ReturnPhotoView(picture_of("trail-lamp-1", "Photo 1")),),
                left=0,
            ),
        ),
    )
    yield Sample("return-photos-over", "store/return_photos.html", over, frame)


def samples() -> tuple[Sample, ...]:
    """Every page in every state."""
    return (
        *catalog_samples(),
        *product_samples(),
        *review_samples(),
        *wishlist_samples(),
        *cart_samples(),
        *checkout_samples(),
        *pay_samples(),
        *order_samples(),
    )
