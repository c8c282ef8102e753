"""Business settings that a shop owner changes: each with its type, default and bounds.

They live in the database and are read with the work that needs them, so that every process
follows a change at once. What was never changed has the default that is written here.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from stdnum import bic, iban

from surehold.db import audit, sql
from surehold.db.database import Connection, Transaction
from surehold.kernel.errors import DomainError, Fault, InvalidInput, Kind
from surehold.kernel.fraud_settings import FraudSettings
from surehold.kernel.ids import new_id
from surehold.kernel.permissions import Permission, require
from surehold.kernel.report_mapping import ReportMapping

_UTC: Final = "UTC"
Minutes = Annotated[int, msgspec.Meta(ge=1, le=60 * 24 * 30)]
Rate = Annotated[str, msgspec.Meta(pattern=r"^0(\.\d{1,6})?$")]
SeriesPrefix = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{0,9}$")]
Amounts = dict[str, Annotated[int, msgspec.Meta(ge=0)]]
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]


Line140 = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]


class BankAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where transfers in one currency go: an IBAN, or a number of the bank's own."""

    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
    holder: Line140
    bank: Annotated[str, msgspec.Meta(max_length=140)]
    iban: Annotated[str, msgspec.Meta(max_length=42)] | None = None
    number: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z /-]{3,40}$")] | None = None
    bic: str | None = None

    def __post_init__(self) -> None:
        if (self.iban is None) == (self.number is None):
            raise ValueError("an account has an IBAN or a number")
        if self.iban is not None and not iban.is_valid(self.iban):
            raise ValueError(f"{self.iban!r} is no IBAN")
        if self.bic is not None and not bic.is_valid(self.bic):
            raise ValueError(f"{self.bic!r} is no BIC")

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Labels and values, as a buyer copies them."""
        account = ("Account number", self.number) if self.iban is None else ("IBAN", self.iban)
        rows = (("Account holder", self.holder), account, ("BIC", self.bic), ("Bank", self.bank))
        return tuple((label, value) for label, value in rows if value)


class ShopSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one store. Rates are decimal fractions written as text, never floats."""

    hold_card_minutes: Minutes = 15
    hold_redirect_minutes: Minutes = 30
    hold_transfer_minutes: Minutes = 60 * 24 * 3
    hold_api_minutes: Minutes = 15
    extensions_max: Annotated[int, msgspec.Meta(ge=0, le=20)] = 3
    grace_minutes: Minutes = 10
    unpaid_cancel_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 60)] = 24
    archive_after_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = 90
    quote_minutes: Minutes = 30
    #: How long the payment link of a draft order opens it.
    draft_link_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 14
    #: How far a price may move, as a fraction of what was seen, before a cart is told of it.
    price_tolerance: Rate = "0"
    #: A cart with an address that was silent for so long is an abandoned one.
    abandoned_cart_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 4
    #: Whether one order line may come from several locations.
    is_split_allowed: bool = True
    return_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    #: How long photos of returned goods are kept.
    return_photo_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365
    tax_rate: Rate = "0.20"
    is_tax_included: bool = True
    tax_rounding: Literal["line", "total"] = "line"
    #: Where the store is taxed: the destination of whoever names none, and the side of the border
    #: from which a business elsewhere owes the tax itself.
    shop_country: Country = "DE"
    shipping_standard: Amounts = msgspec.field(default_factory=lambda: {"USD": 590, "EUR": 490})
    shipping_free_from: Amounts = msgspec.field(
        default_factory=lambda: {"USD": 15_000, "EUR": 15_000}
    )
    #: When a provider's money is taken, by the provider's name; of whoever is not named: at once.
    capture: dict[str, Literal["automatic", "on_shipment"]] = {}
    #: What is done about money that is held, and lapses soon: staff are told, or it is captured.
    lapsing_authorizations: Literal["warn", "capture"] = "warn"
    #: What is done about a refund that plainly began at a provider: a person is asked, or it is
    #: booked by itself. Beside disputes of the same money, what is booked then depends on which of
    #: the two is heard of first.
    refunds_at_provider: Literal["ask", "book"] = "ask"
    #: Where to goods may be sent that are paid at the door; nowhere named: the store's country.
    cash_on_delivery_countries: tuple[Country, ...] = ()
    #: The most that is collected at a door. In a currency that is not named, nothing is.
    cash_on_delivery_limit: Amounts = msgspec.field(
        default_factory=lambda: {"USD": 50_000, "EUR": 50_000}
    )
    transfer_account_name: Annotated[str, msgspec.Meta(max_length=140)] = "Northline Ltd"
    transfer_iban: Annotated[str, msgspec.Meta(max_length=42)] = "DE89 3704 0044 0532 0130 00"
    transfer_bank: Annotated[str, msgspec.Meta(max_length=140)] = "Demo Bank"
    #: What speaks against an order that was paid, and from where on a person looks.
    fraud_signals: FraudSettings = FraudSettings()
    #: Where transfers in a currency go; in a currency that is not named, to the account above.
    bank_accounts: tuple[BankAccount, ...] = ()
    #: How providers write their settlement reports, by provider, where it is not as we know it.
    settlement_mappings: dict[str, ReportMapping] = {}
    #: How long what buyers show of their transfers is kept.
    transfer_proof_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365
    #: Whose day and year it is on documents.
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = _UTC
    #: Who signs them. The address is as many lines as it has.
    seller_name: Annotated[str, msgspec.Meta(min_length=1, max_length=140)] = "Northline Ltd"
    seller_address: Annotated[str, msgspec.Meta(max_length=500)] = (
        "8 Harbor Row\nGalway H91 D2K4\nIreland"
    )
    seller_vat_id: Annotated[str, msgspec.Meta(max_length=40)] = "IE6388047V"
    seller_email: Annotated[str, msgspec.Meta(max_length=254)] = "hello@northline.example"
    #: Whether an admin may do nothing before a second factor is set up.
    is_totp_required_for_admins: bool = False
    #: How long the law wants invoices and credit notes kept as they were issued.
    document_retention_years: Annotated[int, msgspec.Meta(ge=1, le=30)] = 10
    invoice_prefix: SeriesPrefix = "INV"
    credit_note_prefix: SeriesPrefix = "CRN"
    packing_slip_prefix: SeriesPrefix = "PCK"

    def __post_init__(self) -> None:
        if self.time_zone != _UTC:
            try:
                ZoneInfo(self.time_zone)
            except (KeyError, OSError, ValueError):
                raise ValueError(f"{self.time_zone!r} is not a time zone") from None

    def find_account(self, currency: str) -> BankAccount:
        """Where transfers in this currency go."""
        found = (row for row in self.bank_accounts if row.currency == currency)
        return next(found, None) or _account_of(
            currency, self.transfer_account_name, self.transfer_bank, self.transfer_iban
        )

    @property
    def zone(self) -> tzinfo:
        """The time zone of the shop."""
        return UTC if self.time_zone == _UTC else ZoneInfo(self.time_zone)


@lru_cache(maxsize=64)
def _account_of(currency: str, holder: str, bank: str, number: str) -> BankAccount:
    """An account whose number may be no IBAN."""
    key = "iban" if iban.is_valid(number) else "number"
    return BankAccount(currency, holder, bank, **{key: number})


class UnknownSetting(DomainError):
    """There is no setting of this name."""

    kind = Kind.NOT_FOUND
    code = "unknown_setting"
    title = "No such setting"


DEFAULTS: Final = ShopSettings()


async def load(connection: Connection) -> ShopSettings:
    """The settings in force."""
    rows = await connection.all(sql.SETTINGS)
    if not rows:
        return DEFAULTS
    return msgspec.convert({row.key: row.value for row in rows}, ShopSettings)


async def change(tx: Transaction, *, key: str, value: Any, actor: str) -> ShopSettings:
    """Store one setting and write down who changed it; returns the settings in force.

    Raises:
        UnknownSetting: No setting has this name.
        InvalidInput: The value has the wrong type or lies outside its bounds.
    """
    require(Permission.SETTINGS_WRITE)
    if key not in ShopSettings.__struct_fields__:
        raise UnknownSetting(f"There is no setting {key!r}.", key=key)
    try:
        msgspec.convert({key: value}, ShopSettings)
    except msgspec.ValidationError as error:
        raise InvalidInput((Fault(f"/{key}", "invalid_setting", str(error)),)) from None
    before = await load(tx)
    await tx.run(sql.SAVE_SETTING, key, value, actor, new_id())
    after = await load(tx)
    audit.change(
        tx,
        actor=actor,
        action="settings.change",
        subject=key,
        before={key: msgspec.to_builtins(getattr(before, key))},
        after={key: msgspec.to_builtins(getattr(after, key))},
    )
    return after
