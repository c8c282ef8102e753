"""Static files: named by content, compressed, kept for ever, and nothing else served."""

from __future__ import annotations

import gzip
import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from PIL import Image

from surehold.web import assets

TOOLS = Path(__file__).resolve().parents[2] / "tools"
FIRST_LOAD = (
    "css/basecoat.css",
    "css/tokens.css",
    "css/store.css",
    "vendor/htmx.min.js",
    "vendor/icons.svg",
)
SCRIPTS = (
    "js/theme.js",
    "js/live-region.js",
    "js/store.js",
    "js/hold-timer.js",
    "js/copy-button.js",
    "js/live-updates.js",
    "js/provider-form.js",
)
FONT = "vendor/inter-latin.woff2"
#: 120 kB less 12 kB of compressed HTML.
BUDGET_BYTES = 108_000


@pytest.fixture(scope="module")
def index() -> assets.AssetIndex:
    return assets.AssetIndex()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "lamp.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    (folder / "lamp.png").write_bytes(b"\x89PNG")
    (folder / "notes.html").write_text("<script>", encoding="utf-8")
    (folder / ".hidden.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "secret.svg").write_text("<svg/>", encoding="utf-8")
    (folder / "linked.svg").symlink_to(tmp_path / "secret.svg")
    return folder


@pytest.fixture
def client(index: assets.AssetIndex, pictures: Path) -> TestClient[Litestar]:
    return TestClient(
        Litestar(
            [assets.asset_handler(index), assets.media_handler((pictures,))], openapi_config=None
        )
    )


def test_a_name_carries_the_hash_of_its_content(index: assets.AssetIndex) -> None:
    assert re.fullmatch(r"/assets/css/store\.[0-9a-f]{8}\.css", index.url("css/store.css"))


def test_a_change_changes_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1", encoding="utf-8")
    before = assets.AssetIndex(tmp_path).url("a.js")
    (tmp_path / "a.js").write_text("2", encoding="utf-8")

    assert assets.AssetIndex(tmp_path).url("a.js") != before


def test_an_unknown_name_is_our_bug(index: assets.AssetIndex) -> None:
    with pytest.raises(assets.UnknownAsset):
        index.url("css/none.css")


def test_style_sheets_name_fonts_by_their_hashes(index: assets.AssetIndex) -> None:
    sheet = index.find(index.url("css/tokens.css").removeprefix(assets.ASSET_PREFIX))

    assert sheet is not None
    addresses = re.findall(r'url\("([^"]+)"\)', sheet.body.decode())
    assert index.url(FONT) in addresses
    assert all(index.find(address.removeprefix(assets.ASSET_PREFIX)) for address in addresses)


def test_assets_are_served_for_ever_and_compressed(
    client: TestClient[Litestar], index: assets.AssetIndex
) -> None:
    reply = client.get(index.url("css/store.css"), headers={"accept-encoding": "gzip"})

    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.headers["content-type"] == "text/css; charset=utf-8"
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["vary"] == "accept-encoding"
    assert reply.text.startswith("/* The store")


def test_fonts_are_not_compressed_again(
    client: TestClient[Litestar], index: assets.AssetIndex
) -> None:
    reply = client.get(index.url(FONT), headers={"accept-encoding": "gzip"})

    assert reply.headers["content-type"] == "font/woff2"
    assert "content-encoding" not in reply.headers


def test_a_browser_that_has_it_gets_no_body(
    client: TestClient[Litestar], index: assets.AssetIndex
) -> None:
    address = index.url("js/store.js")
    etag = client.get(address).headers["etag"]

    reply = client.get(address, headers={"if-none-match": f'"other", W/{etag}'})

    assert reply.status_code == 304
    assert reply.content == b""


def test_head_answers_the_headers_alone(
    client: TestClient[Litestar], index: assets.AssetIndex
) -> None:
    reply = client.head(index.url("js/store.js"))

    assert reply.status_code == 200
    assert reply.content == b""
    assert int(reply.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/assets/css/store.css",
        "/assets/css/store.00000000.css",
        "/assets/../assets.py",
        "/assets/%2e%2e/assets.py",
        "/assets/vendor/VENDORED.md",
        "/assets/",
    ],
)
def test_nothing_else_is_served(client: TestClient[Litestar], path: str) -> None:
    reply = client.get(path)

    assert reply.status_code == 404


def test_posting_to_a_file_is_refused(
    client: TestClient[Litestar], index: assets.AssetIndex
) -> None:
    assert client.post(index.url("js/store.js")).status_code == 404


def test_an_svg_picture_can_run_nothing(client: TestClient[Litestar]) -> None:
    reply = client.get("/media/lamp.svg")

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/svg+xml"
    assert (
        reply.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    )
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "max-age=604800" in reply.headers["cache-control"]


@pytest.mark.parametrize(
    "name",
    [
        "none.svg",
        "notes.html",
        ".hidden.svg",
        "linked.svg",
        "../secret.svg",
        "%2e%2e%2fsecret.svg",
        "..%5csecret.svg",
        "lamp.svg/x",
        "",
    ],
)
def test_no_path_leads_out_of_the_picture_folder(client: TestClient[Litestar], name: str) -> None:
    assert client.get(f"/media/{name}").status_code == 404


def a_photo(folder: Path, name: str, *, width: int = 1600, height: int = 2000) -> None:
    Image.effect_noise((width, height), 64).convert("RGB").save(folder / name)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp"])
def test_a_photo_is_offered_smaller_and_as_webp(
    client: TestClient[Litestar], pictures: Path, name: str
) -> None:
    a_photo(pictures, name)

    replies = [client.get(assets.media_url(name, width)) for width in assets.WIDTHS]

    sizes = []
    for reply in replies:
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/webp")
        with Image.open(io.BytesIO(reply.content)) as photo:
            sizes.append((photo.format, photo.size))
    assert sizes == [("WEBP", (width, width * 5 // 4)) for width in assets.WIDTHS]
    assert len(replies[0].content) < len(replies[1].content) < (pictures / name).stat().st_size


def test_a_photo_is_never_made_larger(client: TestClient[Litestar], pictures: Path) -> None:
    a_photo(pictures, "small.jpg", width=90, height=60)

    reply = client.get("/media/w400/small.jpg")

    with Image.open(io.BytesIO(reply.content)) as photo:
        assert photo.size == (90, 60)


def test_a_photo_that_cannot_be_read_is_sent_as_it_is(client: TestClient[Litestar]) -> None:
    reply = client.get("/media/w400/lamp.png")

    assert (reply.headers["content-type"], reply.content) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize(
    "path", ["w401/photo.jpg", "w400/lamp.svg", "400/photo.jpg", "w400/..%2fphoto.jpg", "w400/"]
)
def test_other_sizes_and_drawings_are_not_offered(
    client: TestClient[Litestar], pictures: Path, path: str
) -> None:
    a_photo(pictures, "photo.jpg")

    assert client.get(f"/media/{path}").status_code == 404


def test_a_replaced_picture_is_sent_anew(pictures: Path) -> None:
    before = assets.find_picture((pictures,), "lamp.png")
    (pictures / "lamp.png").write_bytes(b"\x89PNG, another one")

    after = assets.find_picture((pictures,), "lamp.png")

    assert before is not None
    assert after is not None
    assert after.body == b"\x89PNG, another one"
    assert after.etag != before.etag


def test_the_gzip_copy_is_the_file(index: assets.AssetIndex) -> None:
    for name, file in index.files():
        if file.gzipped is not None:
            assert gzip.decompress(file.gzipped) == file.body, name


def test_the_first_load_keeps_its_budget(index: assets.AssetIndex) -> None:
    files = [
        index.find(index.url(name).removeprefix(assets.ASSET_PREFIX))
        for name in (*FIRST_LOAD, *SCRIPTS, FONT)
    ]

    assert (
        sum(len(file.gzipped or file.body) for file in files if file is not None) <= BUDGET_BYTES
    )


def test_vendored_files_match_their_manifest() -> None:
    assert load_tool("vendor_assets").check() == []


def test_components_are_cut_to_what_pages_use() -> None:
    tool = load_tool("write_styles")

    assert tool.WRITTEN.read_text("utf-8") == tool.cut_styles()
    # Nothing is lost that a page names: the buttons are there, what nobody uses is not.
    assert ".btn[data-variant=outline]" in tool.cut_styles()
    assert ".accordion" not in tool.cut_styles()


def load_tool(name: str) -> ModuleType:
    """A script of ``tools/`` as a module."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
