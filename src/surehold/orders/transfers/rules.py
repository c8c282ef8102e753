"""Which files are taken, and what a transfer's reference says. Pure; a picture takes a while."""

from __future__ import annotations

from typing import Final

from surehold.orders.photos.errors import PhotoNotReadable
from surehold.orders.photos.pictures import redraw
from surehold.orders.transfers.errors import ProofNotReadable
from surehold.orders.transfers.model import ProofKind

_PDF_BEGINS: Final = b"%PDF-"
_PDF_ENDS: Final = b"%%EOF"
#: After the end mark a PDF has a line's end, and little more.
_TAIL_BYTES: Final = 1024


def read_proof(raw: bytes) -> tuple[ProofKind, bytes]:
    """What a file is by its own bytes, and what of it is kept.

    Raises:
        ProofNotReadable: Neither a whole JPEG, PNG or WebP nor a whole PDF.
        PhotoTooLarge: A picture with too many pixels.
    """
    if raw.startswith(_PDF_BEGINS):
        if _PDF_ENDS not in raw[-_TAIL_BYTES:]:
            raise ProofNotReadable("Send the whole PDF.")
        return ProofKind.PDF, raw
    try:
        return ProofKind.IMAGE, redraw(raw).content
    except PhotoNotReadable:
        raise ProofNotReadable("Send a whole JPEG, PNG, WebP or PDF.") from None
