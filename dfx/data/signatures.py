"""What kind of picture some bytes begin like, for those that cannot be read, and how large."""

from __future__ import annotations

import re
import struct

_KINDS = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"GIF8[79]a", "GIF"),
    (rb"BM....\0\0\0\0", "BMP"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG2000"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIF"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "JPEG XL"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"%PDF-", "PDF"),
    (rb"8BPS\0", "Photoshop's PSD"),
    (rb"\0\0\x01\0[^\0]", "ICO"),
    (rb"icns", "ICNS"),
    (rb"\s*(<\?xml[^>]*>\s*)?<svg\b", "SVG"),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in _KINDS)


def find_kind(data: bytes) -> str | None:
    """The kind of picture that begins so, by Pillow's name where it has one, else None.

    Args:
        data: The first thousand bytes or so.
    """
    found = (kind for pattern, kind in _PATTERNS if pattern.match(data))
    return next(found, None)


def find_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP or GIF says it has; None of other files, or where it is cut.

    Those two are the formats of which Pillow takes memory when it opens a file, before it can be
    asked for the size. WebP: RFC 9649, sections 2.5 to 2.7. GIF: version 89a, section 18.
    """
    if data[:4] == b"GIF8" and len(data) >= 10:
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        case _:
            return None
    return width, height
