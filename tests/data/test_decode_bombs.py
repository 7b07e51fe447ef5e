"""Files that claim more pixels than are allowed are refused before memory is taken for them."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dfx.data.decode import decode_image
from dfx.errors import ImageError

from .test_decode import encode, make_png

TINY = Image.new("RGB", (8, 8))
SIZES = [(60_000, 60_000), (13_000, 13_000), (10_001, 10_000)]
"""Pillow's own limit is between the first two, ours just below the last."""


def riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def animated_webp(width: int, height: int) -> bytes:
    """A canvas of any size with one small frame on it."""
    frame = bytes(6) + b"\7\0\0\7\0\0\1\0\0\0" + encode(TINY, "WEBP")[12:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(
        webp_chunk(b"VP8X", b"\2\0\0\0" + canvas)
        + webp_chunk(b"ANIM", bytes(6))
        + webp_chunk(b"ANMF", frame)
    )


def lossless_webp(width: int, height: int) -> bytes:
    sides = struct.pack("<I", width - 1 | height - 1 << 14)
    return riff(webp_chunk(b"VP8L", b"\x2f" + sides + bytes(50)))


def lossy_webp(width: int, height: int) -> bytes:
    data = bytearray(encode(TINY, "WEBP", quality=80))
    data[26:30] = struct.pack("<HH", width, height)
    return bytes(data)


def gif(width: int, height: int) -> bytes:
    """Its first frame is to be disposed of, for which Pillow fills an area on opening."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + b"\0\0\0\xff\xff\xff\x21\xf9\x04\x08\0\0\0\0,"
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
        + b"\2\2\x4c\1\0;"
    )


def tiff(width: int, height: int, tile: tuple[int, int] | None = None) -> bytes:
    data = bytes(100)
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1}
    tags |= {322: tile[0], 323: tile[1]} if tile else {278: height}
    where = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags |= {324: where, 325: len(data)} if tile else {273: where, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + data


def jpeg(width: int, height: int) -> bytes:
    data = bytearray(encode(TINY, "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def jpeg2000(width: int, height: int) -> bytes:
    data = bytearray(encode(TINY, "JPEG2000", no_jp2=True))
    size = data.index(b"\xff\x51")
    for offset in (6, 22):  # of the image, of its tiles
        data[size + offset : size + offset + 8] = struct.pack(">II", width, height)
    return bytes(data)


def png(width: int, height: int) -> bytes:
    return make_png(None, colour=2, size=(width, height))


def icon(width: int, height: int) -> bytes:
    """Pillow decodes a whole icon on opening it."""
    inside = png(width, height)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inside), 22) + inside


MAKERS = {
    "PNG": png,
    "animated WebP": animated_webp,
    "GIF": gif,
    "TIFF": tiff,
    "JPEG": jpeg,
    "BMP": bmp,
    "JPEG 2000": jpeg2000,
    "PPM": lambda width, height: f"P6 {width} {height} 255\n".encode(),
    "ICO": icon,
}


def bombs() -> dict[str, bytes]:
    named = {
        f"{kind} {width}": make(width, height)
        for kind, make in MAKERS.items()
        for width, height in SIZES
    }
    # 14 bits for a side is all that these have.
    named |= {f"lossless WebP {w}": lossless_webp(w, 12_000) for w in (9_000, 16_383)}
    named |= {f"lossy WebP {w}": lossy_webp(w, 12_000) for w in (9_000, 16_383)}
    named |= {f"tile of TIFF {w}": tiff(10, 10, tile=(w, h)) for w, h in SIZES}
    return named


BOMBS = bombs()


@pytest.mark.parametrize("kind", BOMBS)
def test_is_refused_with_the_limit(kind: str) -> None:
    expected = "pixels, more than the 100,000,000 allowed"
    if kind.startswith("ICO"):
        expected = "ICO is not read"

    with pytest.raises(ImageError, match=expected):
        decode_image(BOMBS[kind])


@pytest.mark.parametrize("size", [(1_000_001, 1), (1, 1_000_001)])
def test_a_line_of_pixels_is_refused(size: tuple[int, int]) -> None:
    """Decoded it would be small, but resizing it takes memory by the length of its side."""
    with pytest.raises(ImageError, match="pixels, a side above the 1,000,000 allowed"):
        decode_image(encode(Image.new("L", size), "PNG"))


LIMITED = """
import resource, sys
from pathlib import Path
from PIL import Image
from dfx.data.decode import decode_image
from dfx.errors import ImageError

pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 60_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    Image.new("L", (9_000, 10_000))
except MemoryError:
    print("no memory for 90 million pixels")
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        decode_image(path)
    except ImageError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and measured as on Linux")
def test_none_takes_the_memory_that_it_claims(tmp_path: Path) -> None:
    """With 60 MB left, where the smallest would take 100 MB, each gets the same answer."""
    expected = ["no memory for 90 million pixels"]
    for kind in sorted(BOMBS):
        path = tmp_path / kind
        path.write_bytes(BOMBS[kind])
        with pytest.raises(ImageError) as caught:
            decode_image(path)
        expected.append(str(caught.value))
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert run.stderr == ""
    assert run.stdout.splitlines() == expected
