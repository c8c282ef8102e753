"""From a stranger's bytes to pixels, and from pixels to bytes of our own. Pure, and slow.

Takes a tenth of a second of a processor: call it in a thread.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from surehold.orders.photos.errors import PhotoNotReadable, PhotoTooLarge
from surehold.orders.photos.model import Picture

#: Decoders that may look at what comes in. The library knows forty, some of them seldom read.
FORMATS: Final = ("JPEG", "PNG", "WEBP")
#: More than any telephone takes; decoded, it is 200 MB at most.
PIXELS_MAX: Final = 50_000_000
#: Whatever is larger is made smaller: enough to see a scratch by.
SIDE_MAX: Final = 2000
_QUALITY: Final = 85
_BACKGROUND: Final = "white"
#: What the decoders raise for bytes that are no picture, or half of one.
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)

# Pixels are counted below, before any is decoded; the library's own limit would only warn.
Image.MAX_IMAGE_PIXELS = None


def redraw(raw: bytes) -> Picture:
    """Decode a picture, turn it upright, and encode its pixels anew as a JPEG.

    Of several frames it is the first. What was transparent is white.

    Raises:
        PhotoNotReadable: It is no whole JPEG, PNG or WebP.
        PhotoTooLarge: It has more pixels than ``PIXELS_MAX``, however well they are packed.
    """
    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as found:
            pixels = found.width * found.height
            if pixels > PIXELS_MAX:
                raise PhotoTooLarge(
                    f"It has {pixels} pixels; {PIXELS_MAX} at most are taken.", pixels=pixels
                )
            # A JPEG is decoded at half or a quarter of its size, where that is enough.
            found.draft("RGB", (SIDE_MAX, SIDE_MAX))
            return _encode(_paint(found))
    except _BROKEN:
        raise PhotoNotReadable("Send a whole JPEG, PNG or WebP.") from None


def _paint(found: Image.Image) -> Image.Image:
    """The pixels alone, upright, on a canvas that knows nothing of where they came from."""
    layer = found.convert("RGBA" if found.has_transparency_data else "RGB")
    layer.thumbnail((SIDE_MAX, SIDE_MAX))
    layer = ImageOps.exif_transpose(layer)
    canvas = Image.new("RGB", layer.size, _BACKGROUND)
    canvas.paste(layer, mask=layer if layer.mode == "RGBA" else None)
    return canvas


def _encode(canvas: Image.Image) -> Picture:
    out = BytesIO()
    canvas.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return Picture(canvas.width, canvas.height, out.getvalue())
