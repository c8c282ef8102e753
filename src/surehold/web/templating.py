"""The one Jinja environment: where templates are, and what every page may call.

Pages get three names: ``page`` (a ``Shell``), ``view`` (the page's own struct, see
``storefront/views.py``) and ``csrf_token``. A block can be rendered alone for htmx, so each block
that uses macros imports them itself: top-level imports do not run then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

import jinja2
import jinja2.nodes
from jinja2.runtime import Context
from jinja2_fragments import BlockNotFoundError
from jinja2_fragments import render_block as render_one_block

from surehold.kernel.money import Money, to_major
from surehold.web import format as formatting
from surehold.web import status as statuses
from surehold.web.translations import LANGUAGES, in_language, language_of

FOLDER: Final = Path(__file__).with_name("templates")


class Amount(Protocol):
    """Whole minor units of a currency: ``MoneyView``, or anything shaped like it."""

    @property
    def minor(self) -> int: ...

    @property
    def currency(self) -> str: ...


def build_environment(asset_url: Callable[[str], str]) -> jinja2.Environment:
    """Templates with autoescape, no undefined names, and our formats.

    ``asset_url`` turns a name in the assets folder into its hashed address.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    install: Any = vars(environment)["install_gettext_callables"]  # the extension puts it there
    install(_gettext, _ngettext, newstyle=True)
    environment.globals.update(
        asset_url=asset_url,
        status_of=statuses.get_status,
        buyer_sentence=statuses.buyer_sentence,
        languages=LANGUAGES,
    )
    environment.filters.update(
        money=_money,
        plain_amount=_plain_amount,
        moment=_moment,
        exact=_exact,
        relative=_relative,
        day=_day,
        long_day=_long_day,
        clock=formatting.format_clock,
        unix_ms=_unix_ms,
    )
    environment.globals["days"] = _days
    return environment


def render_page(environment: jinja2.Environment, template: str, **context: Any) -> str:
    """A whole page."""
    return environment.get_template(template).render(**context)


def render_block(
    environment: jinja2.Environment, template: str, block: str, **context: Any
) -> str:
    """One named block of a page, for htmx; it may come from a template that the page extends.

    Raises:
        jinja2_fragments.BlockNotFoundError: Neither the template nor a parent has the block.
    """
    owner = template
    while block not in environment.get_template(owner).blocks:
        parent = _extended(environment, owner)
        if parent is None:
            raise BlockNotFoundError(block, template)
        owner = parent
    return render_one_block(environment, owner, block, **context)


@lru_cache(maxsize=64)
def _extended(environment: jinja2.Environment, template: str) -> str | None:
    """The template that this one extends: the fragment library knows only a template's own."""
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, template)
    extends = environment.parse(source).find(jinja2.nodes.Extends)
    return extends.template.as_const() if extends else None


def _locale(context: Context) -> str:
    return str(context["page"].locale)


@jinja2.pass_context
def _gettext(context: Context, message: str) -> str:
    return in_language(language_of(_locale(context))).gettext(message) if message else ""


@jinja2.pass_context
def _ngettext(context: Context, one: str, many: str, number: int) -> str:
    return in_language(language_of(_locale(context))).ngettext(one, many, number)


def _zone(context: Context) -> tzinfo:
    zone = context["page"].zone
    return zone if isinstance(zone, tzinfo) else UTC


@jinja2.pass_context
def _money(context: Context, amount: Amount) -> str:
    with_code = bool(context["page"].is_currency_code_shown)
    return formatting.format_money(
        amount.minor, amount.currency, _locale(context), with_code=with_code
    )


def _plain_amount(amount: Amount) -> str:
    """For programs that read pages, as in "39.00"."""
    return str(to_major(Money(amount.minor, amount.currency)))


@jinja2.pass_context
def _moment(context: Context, instant: datetime) -> str:
    return formatting.format_datetime(instant, _locale(context), _zone(context))


@jinja2.pass_context
def _exact(context: Context, instant: datetime) -> str:
    return formatting.exact_time(instant, _locale(context), _zone(context))


@jinja2.pass_context
def _relative(context: Context, instant: datetime) -> str:
    return formatting.relative_time(context["page"].now, instant, _locale(context), _zone(context))


@jinja2.pass_context
def _day(context: Context, day: date) -> str:
    return formatting.format_day(day, _locale(context))


@jinja2.pass_context
def _long_day(context: Context, day: date) -> str:
    return formatting.format_long_day(day, _locale(context))


@jinja2.pass_context
def _days(context: Context, first: date, last: date) -> str:
    return formatting.format_days(first, last, _locale(context))


def _unix_ms(instant: datetime) -> int:
    # Whole seconds are exact enough for a countdown, and keep floats out of it.
    return int(instant.timestamp()) * 1000
