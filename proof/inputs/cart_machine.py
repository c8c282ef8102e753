"""A cart and the shop around it, doing anything in any order, beside a model of a few lines.

The model is what a buyer was told: quantities, the price that was seen first, and what would be
refused. It knows no database.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from proof.inputs.world import VARIANTS, Machine
from surehold.cart import commands, queries
from surehold.cart.errors import CartFull, CartLineNotFound, CartNotFound
from surehold.cart.model import Cart
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import DomainError, InvalidInput
from surehold.kernel.ids import CartLineId, new_id
from surehold.pricing.errors import NotForSale

CURRENCIES: Final = ("EUR", "USD")
LIMIT: Final = 999

which = st.integers(0, VARIANTS - 1)
quantities = st.sampled_from((1, 1, 2, 3, 5, 498, 998, 999, 1000, 0, -1))
prices = st.one_of(st.none(), st.sampled_from((1, 999, 1000, 2**40)))
stocks = st.sampled_from((0, 1, 2, 5, 999, 1200))


class Ware(msgspec.Struct):
    """One variant as the shop sells it."""

    prices: dict[str, int | None]
    on_hand: int = 5
    is_active: bool = True

    def price(self, currency: str) -> int | None:
        """What it can be bought for, if it can."""
        return self.prices[currency] if self.is_active else None


class Held(msgspec.Struct):
    """One line of the model."""

    quantity: int
    seen: int


class CartMachine(Machine):
    """One cart."""

    @initialize()
    def open_shop(self) -> None:
        """The shelf as it is at the start of every run, and an empty cart."""
        self.wares = [Ware(dict.fromkeys(CURRENCIES, 1000)) for _ in range(VARIANTS)]
        self.lines: dict[int, Held] = {}
        self.currency = "EUR"
        for number, variant_id in enumerate(self.world.variants):
            self._put_back(number)
            self.world.restock(variant_id, on_hand=5)
        cart, self.token = self.world.run(
            commands.create_cart(self.world.db, currency=self.currency)
        )
        self.cart_id = cart.id

    def _put_back(self, number: int) -> None:
        variant_id = self.world.variants[number]
        for currency in CURRENCIES:
            self.world.reprice(variant_id, currency, 1000)
        self.world.execute("UPDATE variants SET is_active = true WHERE id = $1", variant_id)

    # --- the buyer ------------------------------------------------------------------------------

    @rule(number=which, quantity=quantities)
    def add(self, number: int, quantity: int) -> None:
        """Put units in."""
        self.did("add")
        refusal = self._refuses_add(number, quantity)
        after = self._try(self._adding(number, quantity), refusal)
        if after is not None:
            self._added(number, quantity)
            self._compare(after)

    @rule(number=which, quantities=st.tuples(st.integers(1, 3), st.integers(1, 3)))
    def add_in_two_tabs(self, number: int, quantities: tuple[int, int]) -> None:
        """Two tabs at the same moment; no unit is lost and none is invented."""
        self.did("add in two tabs")
        fits = [self._refuses_add(number, each) is None for each in quantities]
        fits_both = self._refuses_add(number, sum(quantities)) is None

        async def both() -> list[Any]:
            adding = (self._adding(number, each) for each in quantities)
            return await asyncio.gather(*adding, return_exceptions=True)

        answers = self.world.run(both())
        for answer in answers:
            assert isinstance(answer, (Cart, DomainError)), answer
        taken = [
            each
            for each, answer in zip(quantities, answers, strict=True)
            if isinstance(answer, Cart)
        ]
        assert len(taken) == (2 if fits_both else int(any(fits))), answers
        for each in taken:
            self._added(number, each)

    @rule(number=which, quantity=quantities)
    def change(self, number: int, quantity: int) -> None:
        """Set a line's units; of a line that is not there, too."""
        self.did("change")
        refusal: type[DomainError] | None = None
        ware = self.wares[number]
        if not 1 <= quantity <= LIMIT:
            refusal = InvalidInput
        elif number not in self.lines:
            refusal = CartLineNotFound
        elif ware.price(self.currency) is None:
            refusal = NotForSale
        elif quantity > ware.on_hand:
            refusal = InsufficientStock
        changing = commands.change_line(
            self.world.db, token=self.token, line_id=self._line_id(number), quantity=quantity
        )
        after = self._try(changing, refusal)
        if after is not None:
            self.lines[number].quantity = quantity
            self._compare(after)

    @rule(number=which)
    def remove(self, number: int) -> None:
        """Take a line out."""
        self.did("remove")
        refusal = None if number in self.lines else CartLineNotFound
        removing = commands.remove_line(
            self.world.db, token=self.token, line_id=self._line_id(number)
        )
        after = self._try(removing, refusal)
        if after is not None:
            del self.lines[number]
            self._compare(after)

    @rule()
    @precondition(lambda self: len(getattr(self, "lines", ())) > 1)
    def clear(self) -> None:
        """Take every line out."""
        self.did("clear")
        self.lines.clear()
        self._compare(self.world.run(commands.clear_cart(self.world.db, token=self.token)))

    @rule(currency=st.sampled_from((*CURRENCIES, "XXX", "eur", "")))
    def count_in(self, currency: str) -> None:
        """Another currency: every line has a price in it, or nothing changes."""
        self.did("change currency")
        refusal: type[DomainError] | None = None
        if currency not in CURRENCIES:
            refusal = InvalidInput
        elif currency != self.currency and any(
            self.wares[number].prices[currency] is None for number in self.lines
        ):
            refusal = NotForSale
        changing = commands.change_currency(self.world.db, token=self.token, currency=currency)
        after = self._try(changing, refusal)
        if after is None:
            return
        if currency != self.currency:
            self.currency = currency
            for number, line in self.lines.items():
                price = self.wares[number].prices[currency]
                assert price is not None
                line.seen = price
        self._compare(after)

    @rule()
    def accept(self) -> None:
        """Agree to today's prices and to what is left; a second time there is nothing to agree."""
        self.did("accept")
        for number, line in self.lines.items():
            ware = self.wares[number]
            price = ware.price(self.currency)
            if price is not None:
                line.seen = price
                line.quantity = min(line.quantity, ware.on_hand) or line.quantity
        accepting = commands.accept_changes(self.world.db, token=self.token)
        self._compare(self.world.run(accepting).cart)
        again = self.world.run(commands.accept_changes(self.world.db, token=self.token))
        assert again.changes == ()
        self._compare(again.cart)

    @rule(number=which, token=st.sampled_from(("", "x", "\ud800", "\0", "a" * 5000)))
    def come_without_the_token(self, number: int, token: str) -> None:
        """Nobody else does anything."""
        self.did("wrong token")
        variant_id = self.world.variants[number]
        add = commands.add_line(self.world.db, token=token, variant_id=variant_id, quantity=1)
        clear = commands.clear_cart(self.world.db, token=token, cart_id=self.cart_id)
        for work in (add, clear):
            self._try(work, CartNotFound)

    # --- the shop -------------------------------------------------------------------------------

    @rule(number=which, currency=st.sampled_from(CURRENCIES), price=prices)
    def reprice(self, number: int, currency: str, price: int | None) -> None:
        """A price changes, goes, or comes."""
        self.did("reprice")
        self.wares[number].prices[currency] = price
        self.world.reprice(self.world.variants[number], currency, price)

    @rule(number=which, on_hand=stocks)
    def restock(self, number: int, on_hand: int) -> None:
        """A shelf is counted again."""
        self.did("restock")
        self.wares[number].on_hand = on_hand
        self.world.restock(self.world.variants[number], on_hand=on_hand)

    @rule(number=which, is_active=st.booleans())
    def withdraw(self, number: int, *, is_active: bool) -> None:
        """Sold no more, or again."""
        self.did("withdraw")
        self.wares[number].is_active = is_active
        self.world.execute(
            "UPDATE variants SET is_active = $2 WHERE id = $1",
            self.world.variants[number],
            is_active,
        )

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def the_cart_is_what_was_told(self) -> None:
        """Read afresh, and compared line by line."""
        if hasattr(self, "token"):
            self._compare(self._read())

    def teardown(self) -> None:
        """Look at the whole store."""
        if hasattr(self, "token"):
            self.world.check_invariants()

    # --- parts ----------------------------------------------------------------------------------

    def _adding(self, number: int, quantity: int) -> Any:
        return commands.add_line(
            self.world.db,
            token=self.token,
            variant_id=self.world.variants[number],
            quantity=quantity,
        )

    def _refuses_add(self, number: int, quantity: int) -> type[DomainError] | None:
        ware = self.wares[number]
        total = quantity + (self.lines[number].quantity if number in self.lines else 0)
        if not 1 <= quantity <= LIMIT:
            return InvalidInput
        if ware.price(self.currency) is None:
            return NotForSale
        if total > LIMIT:
            return CartFull
        return InsufficientStock if total > ware.on_hand else None

    def _added(self, number: int, quantity: int) -> None:
        price = self.wares[number].price(self.currency)
        assert price is not None
        line = self.lines.setdefault(number, Held(0, price))
        line.quantity += quantity

    def _line_id(self, number: int) -> CartLineId:
        variant_id = self.world.variants[number]
        for line in self._read().lines:
            if line.variant_id == variant_id:
                return line.id
        return CartLineId(new_id())

    def _read(self) -> Cart:
        async def work() -> Cart:
            async with self.world.db.connection() as connection:
                return await queries.get_cart(connection, token=self.token)

        return self.world.run(work())

    def _try(self, work: Any, refusal: type[DomainError] | None) -> Any:
        """Do it: it is refused as the model says, or answers."""
        try:
            answer = self.world.run(work)
        except DomainError as raised:
            self.saw(f"refused: {raised.code}")
            refused: type[DomainError] | None = type(raised)
            answer = None
        else:
            refused = None
        assert refused is refusal, f"{refused} where the model says {refusal}"
        return answer

    def _compare(self, cart: Cart) -> None:
        expected = {}
        subtotal = 0
        for number, line in self.lines.items():
            ware = self.wares[number]
            price = ware.price(self.currency)
            problems = []
            if not ware.is_active:
                problems.append("gone")
            elif price is None:
                problems.append("not_for_sale")
            else:
                if ware.on_hand < line.quantity:
                    problems.append("too_few")
                if price != line.seen:
                    problems.append("price_changed")
                subtotal += price * line.quantity
            variant_id = self.world.variants[number]
            expected[variant_id] = (line.quantity, line.seen, price, ware.on_hand, problems)
        assert cart.currency == self.currency
        assert cart.subtotal_minor == subtotal
        assert len(cart.lines) == len(expected)
        assert expected == {
            line.variant_id: (
                line.quantity,
                line.seen_price_minor,
                line.unit_price_minor,
                line.available,
                [problem.kind.value for problem in line.problems],
            )
            for line in cart.lines
        }
