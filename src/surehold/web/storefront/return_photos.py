"""Photos of what comes back: shown to its buyer, added to and taken away while it is on its way.

They are asked for once the return is: a browser forgets the files of a form that comes back with
an error, and what was chosen here is kept one by one.
"""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.model import BUYER
from surehold.db import Connection
from surehold.kernel.ids import OrderLineId, ReturnId, ReturnLineId, ReturnPhotoId
from surehold.orders import queries as orders
from surehold.orders.errors import ReturnNotFound, ReturnNotPossible
from surehold.orders.model import Order, Return, ReturnLine, ReturnReason
from surehold.orders.photos import commands, queries
from surehold.orders.photos.errors import (
    PhotoNotFound,
    PhotoNotReadable,
    PhotosFull,
    PhotoTooLarge,
)
from surehold.orders.photos.model import PHOTOS_MAX, Photo
from surehold.web.api.return_photos import PHOTO_HEADERS
from surehold.web.limits import PHOTO_LIMIT_BYTES
from surehold.web.problems import BodyTooLarge
from surehold.web.storefront import order_access
from surehold.web.storefront.aftercare import is_return_over
from surehold.web.storefront.order_access import order_url
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.shown import full_name
from surehold.web.storefront.uploads import FORM_LIMIT_BYTES, Upload, read_uploads
from surehold.web.storefront.views import (
    BannerView,
    FieldFault,
    ImageView,
    ReturnPhotosLine,
    ReturnPhotosView,
    ReturnPhotoView,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, ngettext
from surehold.web.validation import is_clean, parse_id

#: A picture helps to understand these; who only changed their mind is not asked for one.
WORTH_A_PHOTO: Final = frozenset(
    {
        ReturnReason.DAMAGED,
        ReturnReason.DEFECTIVE,
        ReturnReason.WRONG_ITEM,
        ReturnReason.NOT_AS_DESCRIBED,
    }
)
_MEGABYTE: Final = 1024 * 1024
_MAX_NAME: Final = 60
_PLACE: Final = "/orders/{number:str}/returns/{return_id:str}"


class _Shown(msgspec.Struct, frozen=True):
    """A return of an order that this browser may see, with what is known of its photos."""

    order: Order
    back: Return
    lines: tuple[ReturnLine, ...]
    names: dict[OrderLineId, str]
    photos: tuple[Photo, ...]


def photos_url(number: str, return_id: ReturnId) -> str:
    """The address of a return's photos."""
    return f"{order_url(number)}/returns/{return_id}/photos"


@get(_PLACE + "/photos")
async def show(
    request: StoreRequest,
    store: NamedDependency[Store],
    number: FromPath[str],
    return_id: FromPath[str],
) -> Page:
    """What was sent, line by line, and the field for more."""
    visit = store.greet(request)
    shown = await _read(store, visit, number, return_id)
    if isinstance(shown, Response):
        return shown
    return _page(store, visit, shown)


@post(_PLACE + "/lines/{line_id:str}/photos")
async def add(
    request: StoreRequest,
    store: NamedDependency[Store],
    number: FromPath[str],
    return_id: FromPath[str],
    line_id: FromPath[str],
) -> Page:
    """Keep what was chosen, one by one: what is wrong with one is said, the others are kept."""
    visit = store.greet(request)
    # Who may not see the order is not listened to for 24 MB.
    shown = await _read(store, visit, number, return_id)
    if isinstance(shown, Response):
        return shown
    line = next((row for row in shown.lines if row.id == parse_id(line_id)), None)
    if line is None:
        raise ReturnNotFound("The return has no line with this id.")
    try:
        uploads = await read_uploads(request, visit, name="photo", most=PHOTOS_MAX)
    except BodyTooLarge:
        most = FORM_LIMIT_BYTES // _MEGABYTE
        words = gettext("At most %(most)s MB at once. Nothing was kept.", most=most)
        return _page(store, visit, shown, faults=_faults(shown, line, [words]), status=413)
    if not uploads:
        words = gettext("Choose a photo first.")
        return _page(store, visit, shown, faults=_faults(shown, line, [words]), status=422)
    try:
        wrong = await _keep(store, shown, line, uploads)
    except ReturnNotPossible:
        return _go_on(store, visit, number)
    if wrong:
        shown = await _read(store, visit, number, return_id)
        if isinstance(shown, Response):
            return shown
        return _page(store, visit, shown, faults=_faults(shown, line, wrong), status=422)
    title = ngettext(
        "We have %(num)s photo from you", "We have %(num)s photos from you", len(uploads)
    )
    visit.leave_notice(BannerView(tone="ok", title=title))
    return store.go(visit, photos_url(number, shown.back.id))


@get(_PLACE + "/photos/{photo_id:str}")
async def show_one(
    request: StoreRequest,
    store: NamedDependency[Store],
    number: FromPath[str],
    return_id: FromPath[str],
    photo_id: FromPath[str],
) -> Page:
    """The picture itself, as we drew it."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
        if isinstance(order, Response):
            return order
        content = await queries.get_content(
            connection,
            order_id=order.id,
            return_id=_return_id(return_id),
            photo_id=_photo_id(photo_id),
        )
    return Response(content, media_type="image/jpeg", headers=dict(PHOTO_HEADERS))


@post(_PLACE + "/photos/{photo_id:str}/remove")
async def remove(
    request: StoreRequest,
    store: NamedDependency[Store],
    number: FromPath[str],
    return_id: FromPath[str],
    photo_id: FromPath[str],
) -> Page:
    """Take a photo away for good. Twice is once."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    shown = await _read(store, visit, number, return_id)
    if isinstance(shown, Response):
        return shown
    banner = BannerView(tone="ok", title=gettext("The photo is deleted"))
    try:
        await commands.remove_photo(
            store.db,
            order_id=shown.order.id,
            return_id=shown.back.id,
            photo_id=_photo_id(photo_id),
        )
    except PhotoNotFound:
        banner = BannerView(tone="info", title=gettext("That was removed already"))
    except ReturnNotPossible:
        return _go_on(store, visit, number)
    visit.leave_notice(banner)
    return store.go(visit, photos_url(number, shown.back.id))


async def _keep(
    store: Store, shown: _Shown, line: ReturnLine, uploads: tuple[Upload, ...]
) -> list[str]:
    """Keep each; returns a sentence for each that was not.

    Raises:
        ReturnNotPossible: The return is over.
    """
    wrong = []
    for upload in uploads:
        name = _name_of(upload)
        try:
            if len(upload.raw) > PHOTO_LIMIT_BYTES:
                raise PhotoTooLarge("It has too many bytes.")  # noqa: TRY301 - said as the others
            await commands.add_photo(
                store.db,
                order_id=shown.order.id,
                return_id=shown.back.id,
                line_id=ReturnLineId(line.id),
                raw=upload.raw,
                actor=BUYER.name,
            )
        except PhotoNotReadable:
            wrong.append(gettext("%(name)s is no JPEG, PNG or WebP.", name=name))
        except PhotoTooLarge:
            wrong.append(gettext("%(name)s is larger than 8 MB or 50 million pixels.", name=name))
        except PhotosFull:
            words = gettext(
                "%(name)s was one too many: at most %(most)s.", name=name, most=PHOTOS_MAX
            )
            wrong.append(words)
    return wrong


def _name_of(upload: Upload) -> str:
    """What the file is called at its owner's; one that cannot be shown is a photo."""
    name = upload.name[:_MAX_NAME].strip()
    return name if name and is_clean(name) and name.isprintable() else gettext("This photo")


def _go_on(store: Store, visit: Visit, number: str) -> Page:
    visit.leave_notice(
        BannerView(
            tone="warn",
            title=gettext("The return has gone further meanwhile"),
            text=gettext("Nothing was changed. Its steps are below."),
        )
    )
    return store.go(visit, order_url(number))


async def _read(store: Store, visit: Visit, number: str, return_id: str) -> _Shown | Page:
    found = _return_id(return_id)
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
        if isinstance(order, Response):
            return order
        return await _find(connection, order, found)


async def _find(connection: Connection, order: Order, return_id: ReturnId) -> _Shown:
    photos = await queries.list_photos(connection, order_id=order.id, return_id=return_id)
    returns, lines = await orders.list_returns(connection, order_ids=[order.id])
    of_order = await orders.list_lines(connection, order_ids=[order.id])
    return _Shown(
        order=order,
        back=next(row for row in returns if row.id == return_id),
        lines=lines[return_id],
        names={row.id: full_name(row.name, row.options) for row in of_order[order.id]},
        photos=photos,
    )


def _return_id(text: str) -> ReturnId:
    found = parse_id(text)
    if found is None:
        raise ReturnNotFound("There is no such return.")
    return ReturnId(found)


def _photo_id(text: str) -> ReturnPhotoId:
    found = parse_id(text)
    if found is None:
        raise PhotoNotFound("There is no such photo.")
    return ReturnPhotoId(found)


def _faults(shown: _Shown, line: ReturnLine, words: list[str]) -> tuple[FieldFault, ...]:
    name = shown.names[line.order_line_id]
    return tuple(FieldFault(f"photo_{line.id}", name, sentence) for sentence in words)


def _page(
    store: Store,
    visit: Visit,
    shown: _Shown,
    *,
    faults: tuple[FieldFault, ...] = (),
    status: int = 200,
) -> Page:
    number, back = shown.order.number, shown.back
    url = photos_url(number, back.id)
    is_over = is_return_over(back.state)
    lines = []
    for line in shown.lines:
        photos = tuple(
            ReturnPhotoView(
                image=ImageView(
                    f"{url}/{photo.id}",
                    gettext("Photo %(count)s", count=photo.position),
                    photo.width,
                    photo.height,
                ),
                remove_url=None if is_over else f"{url}/{photo.id}/remove",
            )
            for photo in shown.photos
            if photo.return_line_id == line.id
        )
        lines.append(
            ReturnPhotosLine(
                field=f"photo_{line.id}",
                name=f"{line.quantity} × {shown.names[line.order_line_id]}",
                add_url=f"{order_url(number)}/returns/{back.id}/lines/{line.id}/photos",
                photos=photos,
                left=0 if is_over else PHOTOS_MAX - len(photos),
            )
        )
    view = ReturnPhotosView(
        number=number,
        order_url=order_url(number),
        lines=tuple(lines),
        most_mb=FORM_LIMIT_BYTES // _MEGABYTE,
        is_over=is_over,
        faults=faults,
    )
    return store.page(
        visit, "store/return_photos.html", view, status=status, path=url, cache=NO_STORE
    )
