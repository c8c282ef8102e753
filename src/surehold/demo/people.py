"""Who bought in the demo shop: invented people at invented doors in places that there are.

Every address is one that its country's rules take; every mailbox is one that nobody has.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec

from surehold.orders.model import Address


class Person(msgspec.Struct, frozen=True):
    """Somebody who buys. Guests have no account."""

    name: str
    email: str
    address: Address
    currency: str
    #: In which letters are written; ``None``: as the store writes them.
    language: str | None = None
    has_account: bool = True

    @property
    def author(self) -> str:
        """The name beside a review: the first, and a letter of the last."""
        first, _, last = self.name.partition(" ")
        return f"{first} {last[:1]}." if last else first


class _Country(msgspec.Struct, frozen=True):
    """How people are called and where they live; each place: city, postal code, region."""

    code: str
    currency: str
    language: str | None
    firsts: str
    lasts: str
    places: tuple[tuple[str, str, str | None], ...]
    streets: tuple[str, ...]
    #: How a street and a number are written there.
    line: str = "{street} {number}"


_ENGLISH: Final = ("{number} {street}", "Harbor Row", "Mill Lane", "Chapel Street", "Orchard Road")
_COUNTRIES: Final = (
    _Country(
        "IE",
        "EUR",
        "en",
        "Aoife Ciara Declan Fionn Niamh Oisin Roisin Sean",
        "Byrne Doyle Keane Nolan Reilly Walsh",
        (("Galway", "H91 X2KP", None), ("Dublin", "D08 W5P3", None), ("Cork", "T12 K8AF", None)),
        ("Quay Street", *_ENGLISH[1:4]),
        _ENGLISH[0],
    ),
    _Country(
        "DE",
        "EUR",
        "de",
        "Anke Felix Greta Jonas Katrin Lukas Meike Tobias",
        "Albers Brandt Hansen Keller Lorenz Vogt",
        (
            ("Hamburg", "20357", None),
            ("Leipzig", "04109", None),
            ("Freiburg", "79098", None),
            ("Berlin", "10967", None),
        ),
        ("Lindenweg", "Am Hafen", "Gartenstraße", "Ringstraße"),
    ),
    _Country(
        "FR",
        "EUR",
        "fr",
        "Camille Elodie Hugo Jules Manon Théo",
        "Bernard Fournier Lambert Moreau Roussel",
        (("Lyon", "69004", None), ("Nantes", "44000", None), ("Lille", "59800", None)),
        ("rue des Tanneurs", "rue du Moulin", "quai du Port"),
        "{number} {street}",
    ),
    _Country(
        "NL",
        "EUR",
        None,
        "Anouk Bram Daan Fleur Sanne Tijs",
        "Bakker Jansen Mulder Visser",
        (("Utrecht", "3512 JC", None), ("Groningen", "9712 HX", None)),
        ("Molenstraat", "Havenkade", "Lindelaan"),
    ),
    _Country(
        "AT",
        "EUR",
        "de",
        "Florian Johanna Magdalena Paul",
        "Berger Egger Huber Steiner",
        (("Graz", "8010", None), ("Innsbruck", "6020", None)),
        ("Marktgasse", "Bergstraße"),
    ),
    _Country(
        "ES",
        "EUR",
        "es",
        "Carla Iker Lucía Marta Nuria Pablo",
        "Ferrer Molina Ortega Vidal",
        (("Girona", "17001", "GI"), ("Sevilla", "41001", "SE")),
        ("Calle del Molino", "Calle Mayor"),
        "{street}, {number}",
    ),
    _Country(
        "US",
        "USD",
        "en",
        "Amelia Carter Dana Ethan Harper Jordan Maya Owen",
        "Bennett Collins Hayes Morgan Parker Reed",
        (
            ("Portland", "97214", "OR"),
            ("Burlington", "05401", "VT"),
            ("Austin", "78704", "TX"),
            ("Madison", "53703", "WI"),
        ),
        ("Cedar Street", "Alder Avenue", "Maple Court"),
        "{number} {street}",
    ),
    _Country(
        "GB",
        "USD",
        "en",
        "Alice Callum Fiona Harry Isla Rhys",
        "Armstrong Fraser Hughes Lowe",
        (("Leeds", "LS1 4AP", None), ("Bristol", "BS1 5TR", None)),
        ("Station Road", "Canal Walk"),
        "{number} {street}",
    ),
    _Country(
        "SE",
        "USD",
        None,
        "Astrid Elin Nils Viktor",
        "Berg Lindqvist Nyström",
        (("Uppsala", "75310", None), ("Malmö", "21120", None)),
        ("Björkvägen", "Hamngatan"),
    ),
)
#: How often somebody of a country buys, in the order of the countries.
_WEIGHTS: Final = (14, 18, 9, 6, 4, 5, 26, 10, 4)

#: There are 266 names.
PEOPLE_MAX: Final = 150

#: Whose password the demo prints.
BUYER: Final = Person(
    "Mara Quinn",
    "mara@buyers.example",
    Address(
        name="Mara Quinn",
        line1="12 Quay Street",
        city="Galway",
        country="IE",
        postal_code="H91 X2KP",
        phone="+35391123456",
    ),
    "EUR",
    "en",
)
#: Where she has sent to beside her own door.
OTHER_ADDRESSES: Final = (
    Address(
        name="Mara Quinn",
        company="Quinn & Doyle Architects",
        line1="4 Harbor Row",
        line2="Second floor",
        city="Dublin",
        country="IE",
        postal_code="D08 W5P3",
        phone="+35315551234",
    ),
    Address(
        name="Anke Brandt",
        line1="Lindenweg 8",
        city="Hamburg",
        country="DE",
        postal_code="20357",
    ),
)


def people(dice: Random, count: int, *, has_account: bool) -> tuple[Person, ...]:
    """So many different people, 150 at most. The same dice throw the same ones."""
    found: dict[str, Person] = {BUYER.name: BUYER}
    throws = _throw(dice, has_account=has_account)
    while len(found) <= min(count, PEOPLE_MAX):
        one = next(throws)
        found.setdefault(one.name, one)
    return tuple(found.values())[1:]


def _throw(dice: Random, *, has_account: bool) -> Iterator[Person]:
    domain = "buyers.example" if has_account else "guests.example"
    while True:
        (country,) = dice.choices(_COUNTRIES, _WEIGHTS)
        name = f"{dice.choice(country.firsts.split())} {dice.choice(country.lasts.split())}"
        city, postal_code, region = dice.choice(country.places)
        line = country.line.format(
            street=dice.choice(country.streets), number=dice.randint(1, 118)
        )
        yield Person(
            name,
            f"{_plain(name).lower().replace(' ', '.')}@{domain}",
            Address(
                name=name,
                line1=line,
                city=city,
                country=country.code,
                region=region,
                postal_code=postal_code,
            ),
            country.currency,
            country.language,
            has_account,
        )


def _plain(text: str) -> str:
    """Letters that every mailbox has."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if letter.isascii())
