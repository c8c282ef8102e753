"""The files a browser needs besides pages: style sheets, scripts, fonts, icons, product pictures.

Assets are read once at start, named by their content (``css/store.3fa9c2d1.css``) and kept in
memory with a gzip copy, so that browsers may keep them for a year and a deploy never mixes old
with new. Product pictures are read when asked for, from folders that staff fill; of a photo there
are smaller sizes as well, as WebP.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import posixpath
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import msgspec
from litestar import asgi
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send
from PIL import Image, ImageOps, UnidentifiedImageError

FOLDER: Final = Path(__file__).with_name("assets")
ASSET_PREFIX: Final = "/assets/"
MEDIA_PREFIX: Final = "/media/"
FOREVER: Final = "public, max-age=31536000, immutable"
#: Pictures keep their names when staff replace them, so browsers ask again after a week.
A_WEEK: Final = "public, max-age=604800, stale-while-revalidate=86400"
#: How many pictures stay in memory between requests.
MEDIA_KEPT: Final = 128

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".webp": "image/webp",
        ".avif": "image/avif",
        ".ico": "image/x-icon",
        ".txt": "text/plain; charset=utf-8",
    }
)
PICTURES: Final = frozenset({".svg", ".png", ".jpg", ".jpeg", ".webp", ".avif"})
#: Photos, which a browser may ask for so many pixels wide: a thumbnail, a card, a phone, a desk.
PHOTOS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})
WIDTHS: Final = (160, 400, 800, 1200)
_WEBP_QUALITY: Final = 80
#: Those that are already compressed gain nothing from gzip.
_COMPRESSIBLE: Final = frozenset({".css", ".js", ".svg", ".txt"})
_SVG_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_PICTURE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_CSS_URL: Final = re.compile(r"""url\(\s*(["']?)(?!data:|#)([^"')]+)\1\s*\)""")


class UnknownAsset(KeyError):
    """A page names a file that the assets folder lacks: our bug, found by the template test."""


class StaticFile(msgspec.Struct, frozen=True):
    """One file as it is sent: bytes, their gzip copy when smaller, and what browsers are told."""

    body: bytes
    gzipped: bytes | None
    content_type: str
    etag: str
    cache_control: str
    is_svg: bool


class Answer(msgspec.Struct, frozen=True):
    """What goes back over HTTP."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


NOT_FOUND: Final = Answer(
    404,
    (
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ),
    b"Not found.\n",
)


def pack(body: bytes, suffix: str, cache_control: str) -> StaticFile:
    """Prepare bytes for sending; the ETag is their hash."""
    gzipped = gzip.compress(body, 9, mtime=0) if suffix in _COMPRESSIBLE else None
    return StaticFile(
        body=body,
        gzipped=gzipped if gzipped is not None and len(gzipped) < len(body) else None,
        content_type=TYPES.get(suffix, "application/octet-stream"),
        etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
        cache_control=cache_control,
        is_svg=suffix == ".svg",
    )


def answer(file: StaticFile, *, accept_encoding: str, if_none_match: str) -> Answer:
    """Choose between the whole file, its gzip copy and "you have it already"."""
    headers = [
        ("cache-control", file.cache_control),
        ("etag", file.etag),
        ("vary", "accept-encoding"),
        ("x-content-type-options", "nosniff"),
    ]
    if file.is_svg:
        # An SVG opened by itself is a page: no script in it may ever run.
        headers.append(("content-security-policy", _SVG_POLICY))
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if file.etag in known or "*" in known:
        return Answer(304, tuple(headers), b"")
    headers.append(("content-type", file.content_type))
    if file.gzipped is not None and "gzip" in accept_encoding.lower():
        headers.append(("content-encoding", "gzip"))
        return Answer(200, tuple(headers), file.gzipped)
    return Answer(200, tuple(headers), file.body)


class AssetIndex:
    """Every file of the assets folder under its hashed name. Built once, then only read."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._names: dict[str, str] = {}
        self._files: dict[str, StaticFile] = {}
        sources = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES and "licenses" not in path.parts
        }
        # Style sheets come last: they name fonts by hashes that must be known by then.
        for name in sorted(sources, key=lambda name: (name.endswith(".css"), name)):
            body = sources[name].read_bytes()
            if name.endswith(".css"):
                body = self._with_hashed_urls(name, body)
            stem, suffix = posixpath.splitext(name)
            hashed = f"{stem}.{hashlib.sha256(body).hexdigest()[:8]}{suffix}"
            self._names[name] = hashed
            self._files[hashed] = pack(body, suffix, FOREVER)

    def url(self, name: str) -> str:
        """The address of a file, as in ``asset_url("css/store.css")``.

        Raises:
            UnknownAsset: No such file; the test that renders every template catches it.
        """
        try:
            return ASSET_PREFIX + self._names[name]
        except KeyError:
            raise UnknownAsset(name) from None

    def find(self, hashed: str) -> StaticFile | None:
        """The file of a hashed name without its prefix; plain names are not served."""
        return self._files.get(hashed)

    def files(self) -> Iterable[tuple[str, StaticFile]]:
        """Every hashed name and its file."""
        return self._files.items()

    def _with_hashed_urls(self, name: str, body: bytes) -> bytes:
        folder = posixpath.dirname(name)

        def replace(match: re.Match[str]) -> str:
            target, mark, fragment = match[2].partition("#")
            path = posixpath.normpath(posixpath.join(folder, target))
            return f'url("{self.url(path)}{mark}{fragment}")'

        return _CSS_URL.sub(replace, body.decode()).encode()


def find_picture(folders: tuple[Path, ...], name: str) -> StaticFile | None:
    """A picture by its plain name, from the first folder that has it.

    Names with a slash, a leading dot or an unknown ending are refused before any folder is read,
    and a link that leads out of its folder is not followed.
    """
    path = _find_path(folders, name, PICTURES)
    if path is None:
        return None
    facts = path.stat()
    return _load_picture(path, facts.st_mtime_ns, facts.st_size)


def find_resized(folders: tuple[Path, ...], size: str, name: str) -> StaticFile | None:
    """A photo so wide at most (``w400``), as WebP. One that cannot be read is as it is."""
    path = _find_path(folders, name, PHOTOS)
    width = next((width for width in WIDTHS if size == f"w{width}"), None)
    if path is None or width is None:
        return None
    facts = path.stat()
    return _resize(path, width, facts.st_mtime_ns, facts.st_size)


def is_photo(name: str) -> bool:
    """Whether a picture is offered in smaller sizes."""
    return _suffix(name) in PHOTOS


def media_url(name: str, width: int | None = None) -> str:
    """The address of a picture, or of a photo so many pixels wide."""
    size = "" if width is None else f"w{width}/"
    return f"{MEDIA_PREFIX}{size}{quote(name)}"


def _find_path(folders: tuple[Path, ...], name: str, kinds: frozenset[str]) -> Path | None:
    if not _PICTURE_NAME.fullmatch(name) or _suffix(name) not in kinds:
        return None
    for folder in folders:
        path = (folder / name).resolve()
        if path.parent == folder.resolve() and path.is_file():
            return path
    return None


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


@lru_cache(maxsize=MEDIA_KEPT)
def _load_picture(path: Path, _changed_ns: int, _size_bytes: int) -> StaticFile:
    return pack(path.read_bytes(), _suffix(path.name), A_WEEK)


@lru_cache(maxsize=MEDIA_KEPT * len(WIDTHS))
def _resize(path: Path, width: int, changed_ns: int, size_bytes: int) -> StaticFile:
    written = io.BytesIO()
    try:
        with Image.open(path) as opened:
            photo = ImageOps.exif_transpose(opened)
            photo.thumbnail((width, photo.height))
            mode = "RGBA" if photo.has_transparency_data else "RGB"
            photo.convert(mode).save(written, "WEBP", quality=_WEBP_QUALITY)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return _load_picture(path, changed_ns, size_bytes)
    return pack(written.getvalue(), ".webp", A_WEEK)


def asset_handler(index: AssetIndex) -> ASGIRouteHandler:
    """The route that serves ``/assets/…``."""

    async def find(name: str) -> StaticFile | None:
        return index.find(name)

    return _handler(ASSET_PREFIX, find)


def media_handler(folders: tuple[Path, ...]) -> ASGIRouteHandler:
    """The route that serves ``/media/{file}`` and, of photos, ``/media/w400/{file}``.

    Pictures are read off the event loop.
    """

    async def find(name: str) -> StaticFile | None:
        size, slash, photo = name.partition("/")
        if slash:
            return await asyncio.to_thread(find_resized, folders, size, photo)
        return await asyncio.to_thread(find_picture, folders, name)

    return _handler(MEDIA_PREFIX, find)


def _handler(prefix: str, find: Callable[[str], Awaitable[StaticFile | None]]) -> ASGIRouteHandler:
    """A mounted ASGI application: no session or template lies between file and socket."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        del receive  # GET and HEAD carry no body that we would read.
        if scope["type"] != ScopeType.HTTP:
            return
        headers = Headers.from_scope(scope)
        name = scope["path"].removeprefix(prefix).strip("/")
        method = scope["method"]
        file = await find(name) if method in {"GET", "HEAD"} else None
        reply = NOT_FOUND
        if file is not None:
            reply = answer(
                file,
                accept_encoding=headers.get("accept-encoding", ""),
                if_none_match=headers.get("if-none-match", ""),
            )
        lines = [(key.encode(), value.encode()) for key, value in reply.headers]
        if reply.status != 304:
            lines.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        body = b"" if method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return asgi(prefix.rstrip("/"), is_mount=True, copy_scope=True)(serve)
