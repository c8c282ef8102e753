"""Who carries parcels, and where each shows how far one has come. Data.

A carrier that is not listed is ``other``: its parcels have a number, perhaps, and no address.

Source: the carriers' own public tracking pages, as linked from their sites.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec


class Carrier(msgspec.Struct, frozen=True):
    """One carrier. ``tracking_url`` has ``{number}`` where the parcel's number goes."""

    code: str
    name: str
    tracking_url: str | None = None


OTHER: Final = Carrier("other", "Another carrier")

CARRIERS: Final = {
    carrier.code: carrier
    for carrier in (
        Carrier(
            "an_post",
            "An Post",
            "https://track.anpost.ie/TrackingResults.aspx?rtt=1&items={number}",
        ),
        Carrier(
            "australia_post",
            "Australia Post",
            "https://auspost.com.au/mypost/track/#/details/{number}",
        ),
        Carrier(
            "canada_post",
            "Canada Post",
            "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}",
        ),
        Carrier(
            "dhl", "DHL", "https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}"
        ),
        Carrier("dpd", "DPD", "https://tracking.dpd.de/status/en_US/parcel/{number}"),
        Carrier("fedex", "FedEx", "https://www.fedex.com/fedextrack/?trknbr={number}"),
        Carrier("gls", "GLS", "https://gls-group.com/track/{number}"),
        Carrier(
            "royal_mail",
            "Royal Mail",
            "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
        ),
        Carrier("ups", "UPS", "https://www.ups.com/track?tracknum={number}"),
        Carrier("usps", "USPS", "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}"),
        OTHER,
    )
}


def tracking_url(carrier: str | None, number: str | None) -> str | None:
    """Where a parcel can be followed, or ``None`` when nobody says.

    >>> tracking_url("gls", "7 1")
    'https://gls-group.com/track/7%201'
    >>> tracking_url("other", "71") is None
    True
    """
    found = CARRIERS.get(carrier or "")
    if found is None or found.tracking_url is None or number is None:
        return None
    return found.tracking_url.replace("{number}", quote(number, safe=""))
