"""What a browser says of itself, in the words of whoever uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from surehold.web.translations import gettext

#: A sign in a user agent, and whose it is; the first that is there counts, for most browsers name
#: the others', too.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def describe_device(user_agent: str | None) -> str:
    """A browser and its system, as far as they are told; else what was told. Empty: nothing was.

    >>> describe_device("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    >>> describe_device("curl/8.5.0")
    'curl/8.5.0'
    """
    told = user_agent or ""
    browser, system = _find(told, _BROWSERS), _find(told, _SYSTEMS)
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or told


def _find(told: str, known: Sequence[tuple[str, str]]) -> str:
    return next((name for sign, name in known if sign in told), "")
