"""Let axe look at every page in every state, in both lights, at a desk's and a phone's width.

    surehold demo --port 8000                               # in another terminal
    python -m tools.inspect_pages http://127.0.0.1:8000     # some minutes; 1 when it is not

It reads the gallery (``/ui``) of a store that is no production store. The tests look at the
richest state of each page.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Final

import msgspec
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright

from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.samples import samples

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
THEMES: Final = ("light", "dark")
WIDTHS: Final = (1280, 390)
#: WCAG 2.2 AA, and what axe calls best practice.
RULES: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
}


class Fault(msgspec.Struct, frozen=True):
    """One rule that a page breaks, with the first element that does."""

    page: str
    theme: str
    width: int
    rule: str
    element: str

    def __str__(self) -> str:
        return f"{self.page} ({self.theme}, {self.width} px) {self.rule}: {self.element}"


async def inspect(
    page: Page,
    names: Iterable[str],
    *,
    themes: Iterable[str] = THEMES,
    widths: Iterable[int] = WIDTHS,
) -> list[Fault]:
    """What axe finds on these pages of the gallery; also when a page is wider than the window."""
    axe, found = Axe(), []
    names, themes = tuple(names), tuple(themes)
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 900})
        for theme in themes:
            await page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type] # one of THEMES
            for name in names:
                await page.goto(f"/ui/{name}")
                results = await axe.run(page, options=RULES)
                found += [
                    Fault(name, theme, width, row["id"], row["nodes"][0]["html"][:200])
                    for row in results.response["violations"]
                ]
                wide = await page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    found.append(Fault(name, theme, width, "too-wide", f"{wide} px"))
    return found


async def _inspect_all(base_url: str) -> int:
    names = [sample.name for sample in (*samples(), *account_samples())]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        context = await chromium.new_context(base_url=base_url)
        found = await inspect(await context.new_page(), names)
        await chromium.close()
    for fault in found:
        print(fault)
    print(f"{len(names) * len(THEMES) * len(WIDTHS)} pages looked at, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_inspect_all(sys.argv[1])))
