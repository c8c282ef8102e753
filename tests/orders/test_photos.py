"""A picture is drawn anew: nothing but its pixels survives, and bombs are not decoded."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from surehold.orders.photos.errors import PhotoNotReadable, PhotoTooLarge
from surehold.orders.photos.pictures import redraw

_ORIENTATION = 0x0112
_GPS = 0x8825


def a_picture(kind: str = "JPEG", size: tuple[int, int] = (40, 20), **facts: Any) -> bytes:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    out = BytesIO()
    picture.save(out, kind, **facts)
    return out.getvalue()


def a_png_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and is not."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        sum_ = zlib.crc32(name + body)
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", sum_)
    return b"\x89PNG\r\n\x1a\n" + chunks


def an_exif(**gps: Any) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6  # to be turned right
    exif[_GPS] = {1: "N", 2: (53.0, 16.0, 30.0)}
    return exif.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_where_it_was_taken_does_not_travel_with_it(kind: str) -> None:
    raw = a_picture(kind, exif=an_exif(), icc_profile=b"a profile of the telephone")
    assert b"profile of the telephone" in raw or kind == "PNG"

    picture = redraw(raw)

    with Image.open(BytesIO(picture.content)) as drawn:
        assert (drawn.format, drawn.size, dict(drawn.getexif())) == ("JPEG", (20, 40), {})
        assert set(drawn.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        # Upright: what was on the left is above.
        above, below = drawn.getpixel((10, 5)), drawn.getpixel((10, 35))
    assert isinstance(above, tuple)
    assert isinstance(below, tuple)
    assert (above[0] > 200, above[2] < 60) == (True, True)
    assert (below[2] > 200, below[0] < 60) == (True, True)
    assert (picture.width, picture.height) == (20, 40)
    assert b"telephone" not in picture.content


def test_a_large_one_is_made_smaller() -> None:
    picture = redraw(a_picture(size=(5000, 2500)))

    assert (picture.width, picture.height) == (2000, 1000)


def test_what_was_transparent_is_white() -> None:
    out = BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(out, "PNG")

    with Image.open(BytesIO(redraw(out.getvalue()).content)) as drawn:
        assert drawn.getpixel((1, 1)) == (255, 255, 255)


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    out = BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)

    with Image.open(BytesIO(redraw(out.getvalue()).content)) as drawn:
        pixel = drawn.getpixel((4, 4))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > pixel[2]


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PhotoTooLarge) as refused:
        redraw(a_png_of(60_000, 60_000))

    assert refused.value.facts == {"pixels": 3_600_000_000}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GIF89a" + b"\0" * 30,
        b"<svg onload=alert(1)>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        a_picture()[:300],
        a_picture("PNG")[:60],
        a_picture("BMP"),
        a_picture("TIFF"),
        a_png_of(10, 10),
        b"\xff\xd8\xff\xe0" + b"\0" * 50,
    ],
    ids=["nothing", "gif", "svg", "eps", "half", "half png", "bmp", "tiff", "empty", "header"],
)
def test_what_is_no_whole_picture_is_refused(raw: bytes) -> None:
    with pytest.raises(PhotoNotReadable):
        redraw(raw)


def test_a_program_behind_a_picture_is_left_behind() -> None:
    raw = a_picture(comment=b"<?php system($_GET['x']); ?>") + b"<script>alert(1)</script>"

    picture = redraw(raw)

    assert b"<?php" in raw
    assert b"<?php" not in picture.content
    assert b"<script>" not in picture.content
