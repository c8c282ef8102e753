"""Show every page and state of the store with sample data, for looking at and for pictures.

    python tools/preview_store.py                 # serves on http://127.0.0.1:8710/
    python tools/preview_store.py --port 8711
    python tools/preview_store.py --write FOLDER  # writes the pages as files, with their assets

Pages are rendered anew on every request, with the strict policy of the real application, so that a
violation shows here first. ``?theme=dark`` and ``?fragment=BLOCK`` do what they say. Forms
answer with the fitting sample; nothing is stored.
"""

from __future__ import annotations

import argparse
import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from surehold.web import assets, templating
from surehold.web.storefront import samples
from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.views import Shell, Theme

PICTURES: Final = Path(__file__).resolve().parents[1] / "src" / "surehold" / "demo" / "images"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class Preview:
    """The samples, rendered from the templates as they are on disk now."""

    def __init__(self) -> None:
        self.index = assets.AssetIndex()
        self.environment = templating.build_environment(self.index.url)
        shown = (*samples.samples(), *account_samples())
        self.samples = {sample.name: sample for sample in shown}

    def page(self, name: str, *, theme: Theme = Theme.LIGHT, block: str = "") -> str:
        """One sample as HTML; with a block, only that."""
        sample = self.samples[name]
        shell = msgspec.structs.replace(sample.shell, theme=theme, is_fragment=bool(block))
        context: dict[str, Shell | object] = {
            "page": shell,
            "view": sample.view,
            "csrf_token": "preview",
        }
        if block:
            return templating.render_block(self.environment, sample.template, block, **context)
        return templating.render_page(self.environment, sample.template, **context)

    def contents(self) -> str:
        """A plain list of all samples."""
        rows = "".join(
            f'<li><a href="/{name}">{name}</a> · <a href="/{name}?theme=dark">dark</a></li>'
            for name in self.samples
        )
        return f"<!doctype html><html lang=en><title>Preview</title><ul>{rows}</ul></html>"


def stand_in(name: str) -> bytes:
    """A quiet picture for a product that nobody has drawn yet."""
    hue = hashlib.sha256(name.encode()).digest()[0] * 360 // 256
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="1000" viewBox="0 0 800 1000">'
        f'<rect width="800" height="1000" fill="hsl({hue} 22% 86%)"/>'
        f'<circle cx="400" cy="430" r="170" fill="hsl({hue} 30% 62%)"/>'
        f'<rect x="360" y="560" width="80" height="260" rx="16" fill="hsl({hue} 24% 42%)"/></svg>'
    ).encode()


class Handler(BaseHTTPRequestHandler):
    """Serves samples under their names, and assets and pictures as the application does."""

    preview: Preview

    def do_GET(self) -> None:
        """Answer a page, an asset or a picture."""
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        name = url.path.strip("/")
        if url.path.startswith(assets.ASSET_PREFIX):
            self._send_file(self.preview.index.find(url.path.removeprefix(assets.ASSET_PREFIX)))
        elif url.path.startswith(assets.MEDIA_PREFIX):
            picture = url.path.removeprefix(assets.MEDIA_PREFIX)
            found = assets.find_picture((PICTURES,), picture)
            self._send_file(found or assets.pack(stand_in(picture), ".svg", assets.A_WEEK))
        elif name in self.preview.samples:
            theme = Theme(asked.get("theme", ["light"])[0])
            self._send_html(
                self.preview.page(name, theme=theme, block=asked.get("fragment", [""])[0])
            )
        elif not name and "page" in asked:
            self._send_html(self.preview.page("home"))
        elif name.endswith("/pay/status"):
            self._send_html(self.preview.page("pay-paid", block="payment"))
        elif not name:
            self._send_html(self.preview.contents())
        else:
            self._send_html(self.preview.page("error-404"), 404)

    def do_POST(self) -> None:
        """Answer a form with the sample that fits it."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        is_htmx = "hx-request" in self.headers
        if path == "/cart/items":
            self._send_html(self.preview.page("cart-added", block="drawer" if is_htmx else ""))
        elif path.startswith("/cart/items/"):
            self._send_html(self.preview.page("cart-rose"))
        elif path == "/checkout/quote":
            self._send_html(self.preview.page("checkout-transfer"))
        elif path == "/checkout":
            self._send_html(self.preview.page("checkout-errors"), 422)
        else:
            self._send_html(self.preview.page("pay-pending"))

    def _send_html(self, text: str, status: int = 200) -> None:
        headers = (
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", POLICY),
            ("vary", "HX-Request"),
        )
        self._send(assets.Answer(status, headers, text.encode()))

    def _send_file(self, file: assets.StaticFile | None) -> None:
        accept = self.headers.get("accept-encoding", "")
        self._send(
            assets.answer(file, accept_encoding=accept, if_none_match="")
            if file
            else assets.NOT_FOUND
        )

    def _send(self, answer: assets.Answer) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers:
            self.send_header(key, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Stay quiet: the browser's tools show the requests."""


def write(preview: Preview, folder: Path) -> None:
    """Write every page into a folder; open them through any static server rooted there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in preview.samples:
        (folder / f"{name}.html").write_text(preview.page(name), encoding="utf-8")
        (folder / f"{name}.dark.html").write_text(
            preview.page(name, theme=Theme.DARK), encoding="utf-8"
        )
    for name, file in preview.index.files():
        target = folder / "assets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.body)
    media = folder / "media"
    media.mkdir(exist_ok=True)
    for picture in PICTURES.glob("*.svg"):
        (media / picture.name).write_bytes(picture.read_bytes())


def main() -> None:
    """Serve or write the preview."""
    parser = argparse.ArgumentParser(
        description="Preview every page of the store with sample data."
    )
    parser.add_argument("--port", type=int, default=8710)
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.write:
        write(Preview(), arguments.write)
        print(f"Wrote {len(Preview().samples)} pages into {arguments.write}")
        return
    Handler.preview = Preview()
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler) as server:
        print(f"http://127.0.0.1:{arguments.port}/")
        server.serve_forever()


if __name__ == "__main__":
    main()
