"""Files as people send them: a scanner's PDF, a phone's picture with its place, a drawing with a note inside."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, PngImagePlugin


def pdf(words: str = "") -> bytes:
    """A small whole PDF. Only its first and last bytes are ever looked at."""
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + words.encode() + b"\ntrailer<<>>\nstartxref\n0\n%%EOF\n"


def picture(kind: str = "JPEG", text: str = "") -> bytes:
    out = BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", text)
    Image.new("RGB", (40, 30), "white").save(out, kind, **({"pnginfo": notes} if kind == "PNG" else {}))
    return out.getvalue()


def camera_picture() -> bytes:
    """Held sideways (orientation 6), with a place in its EXIF data and in a comment."""
    image = Image.new("RGB", (40, 30), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "GPS-22.82"
    out = BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"GPS-22.82")
    return out.getvalue()
