"""``/ui``: every page in every state, for those who draw and test. Not in production."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.web.problems import RouteNotFound
from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.samples import Sample, samples
from surehold.web.storefront.views import LinkView
from surehold.web.storefront.visit import StoreRequest


class GalleryView(msgspec.Struct, frozen=True):
    """The index: links by the template that they show."""

    groups: tuple[tuple[str, tuple[LinkView, ...]], ...]


@get("/ui")
async def index(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """What there is to see."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    groups: dict[str, list[LinkView]] = {}
    for name, sample in _samples().items():
        groups.setdefault(sample.template, []).append(LinkView(name, f"/ui/{name}"))
    view = GalleryView(tuple((name, tuple(links)) for name, links in groups.items()))
    return store.page(visit, "gallery.html", view)


@get("/ui/{name:str}")
async def show(request: StoreRequest, store: NamedDependency[Store], name: FromPath[str]) -> Page:
    """One page in one state, drawn from fixed samples."""
    visit = store.greet(request)
    sample = _samples().get(name)
    if sample is None:
        raise RouteNotFound("There is no such sample.")
    shell = msgspec.structs.replace(sample.shell, theme=visit.theme, locale=visit.locale)
    template = store.environment.get_template(sample.template)
    html = template.render(page=shell, view=sample.view, csrf_token=visit.csrf_token)
    return store.answer(visit, html)


@lru_cache(maxsize=1)
def _samples() -> dict[str, Sample]:
    return {sample.name: sample for sample in (*samples(), *account_samples())}
