"""What may come in as a file, decided by its bytes and never by its name.

Pictures are drawn anew, which leaves behind where they were taken and whatever else was hidden in them. A PDF is kept to
the byte, since its digest is evidence, and is never opened by this program.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from io import BytesIO
from threading import Lock

import filetype
from PIL import Image, ImageOps, UnidentifiedImageError

from casework.errors import Invalid

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
ENDINGS = {PDF: "pdf", JPEG: "jpg", PNG: "png"}
MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 60_000_000  # an A4 page at 600 dpi is 35 million; more is a bomb or a mistake
PDF_END = 2048  # bytes from the end within which a whole PDF says that it ends
JPEG_QUALITY = 92
NAME_LENGTH = 120
# One picture at a time: seven kilobytes may be sixty million pixels, and these take most of a gigabyte while they are drawn.
_drawing = Lock()


@dataclass(frozen=True)
class Upload:
    """A file that may be kept: `data` is what is stored, `name` what it was called, made harmless."""

    data: bytes
    media_type: str
    name: str


def read_scan(data: bytes, name: str, *, field: str) -> Upload:
    """A scanned paper: PDF, JPEG or PNG of at most 20 MB. Raises Invalid for `field` with file-missing, file-too-large,
    file-type, file-cut (a PDF without its end) or file-broken (a picture that cannot be drawn)."""
    if not data:
        raise Invalid({field: "file-missing"})
    if len(data) > MOST_BYTES:
        raise Invalid({field: "file-too-large"})
    found = filetype.guess_mime(data)
    if found == PDF:
        if b"%%EOF" not in data[-PDF_END:]:
            raise Invalid({field: "file-cut"})
        return Upload(data, PDF, harmless_name(name))
    if found not in (JPEG, PNG):
        raise Invalid({field: "file-type"})
    try:
        with _drawing:
            drawn = _drawn_anew(data, found)
        return Upload(drawn, found, harmless_name(name))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        # All that Pillow raises for bytes that only begin like a picture.
        raise Invalid({field: "file-broken"}) from None


def harmless_name(name: str) -> str:
    """A file's name to show and nothing else: no path, no control or direction marks, not endless."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(ch for ch in last if unicodedata.category(ch)[0] != "C")
    return " ".join(shown.split())[:NAME_LENGTH]


def _drawn_anew(data: bytes, media_type: str) -> bytes:
    with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise ValueError("more pixels than a page has")
        upright = ImageOps.exif_transpose(image)
        mode = "L" if upright.mode in ("1", "L") else "RGB"
        clean = Image.new(mode, upright.size, "white")
        # Pasted, not copied: a copy takes comments, profiles and text blocks along.
        opaque = upright.convert("RGBA") if upright.mode in ("RGBA", "LA", "P", "PA") else upright.convert(mode)
        clean.paste(opaque, (0, 0), opaque if opaque.mode == "RGBA" else None)
    out = BytesIO()
    if media_type == JPEG:
        clean.save(out, "JPEG", quality=JPEG_QUALITY)
    else:
        clean.save(out, "PNG")
    return out.getvalue()
