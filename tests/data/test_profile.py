"""A profile says what training images are like, by their headers alone."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from dfx.data import decode, profile
from dfx.data.decode import Header, read_header, read_image
from dfx.data.index import ListedImage
from dfx.data.profile import profile_images
from dfx.errors import ImageError
from dfx.records.prediction import ImageProfile, Span

from .test_decode import encode, make_png
from .test_decode_pillow import FILES, NOISE, turned


def save(folder: Path, number: int, size: tuple[int, int], kind: str, **options: object) -> None:
    """One training image, a real one of black pixels."""
    path = folder / f"{number:04d}"
    path.write_bytes(encode(Image.new("RGB", size), kind, **options))


def listed(folder: Path) -> list[ListedImage]:
    return [
        ListedImage(f"real/{path.name}", path, 0, bytes=0, modified_ns=0)
        for path in sorted(folder.iterdir())
    ]


class TestHeaders:
    @pytest.mark.parametrize("kind", FILES)
    def test_tell_what_decoding_tells(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "image"
        path.write_bytes(FILES[kind])
        header, decoded = read_header(path), read_image(path)

        assert (header.width, header.height) == decoded.image.size
        assert header.jpeg_quality == decoded.jpeg_quality
        assert header.file_format

    @pytest.mark.parametrize("orientation", range(10))
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_tell_the_size_as_it_is_seen(self, kind: str, orientation: int, tmp_path: Path) -> None:
        path = tmp_path / "image"
        path.write_bytes(encode(NOISE.convert("RGB"), kind, exif=turned(orientation)))
        header = read_header(path)

        assert (header.width, header.height) == read_image(path).image.size
        assert header.width == (24 if orientation in (5, 6, 7, 8) else 32)

    @pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "BMP", "TIFF", "GIF", "PPM"])
    def test_are_read_without_the_pixels(
        self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def decode_it(image: ImageFile.ImageFile) -> None:
            raise AssertionError("decoded")

        path = tmp_path / "image"
        path.write_bytes(FILES[kind])
        monkeypatch.setattr(ImageFile.ImageFile, "load", decode_it)

        assert (read_header(path).width, read_header(path).height) in {(32, 24), (24, 32)}

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", "the file is empty"),
            (b"text", "not an image"),
            (make_png(None, colour=2, size=(60_000, 60_000)), "3,600,000,000 pixels, more than"),
            (make_png(None, colour=2, size=(13_000, 13_000)), "13000 × 13000 pixels, more than"),
        ],
    )
    def test_of_no_image_are_an_error(self, data: bytes, expected: str, tmp_path: Path) -> None:
        path = tmp_path / "image"
        path.write_bytes(data)

        with pytest.raises(ImageError) as caught:
            read_header(path)
        assert caught.value.message.startswith(f"{path}: {expected}")

    def test_of_no_file_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=r"gone: No such file or directory$"):
            read_header(tmp_path / "gone")

    def test_with_damaged_exif_tell_the_size_as_it_lies(self, tmp_path: Path) -> None:
        path = tmp_path / "image"
        path.write_bytes(encode(Image.new("RGB", (5, 3)), "JPEG", quality=70, exif=b"Exif\0\0?"))

        assert read_header(path) == Header(5, 3, "JPEG", 70)


class TestProfiles:
    def test_are_percentiles_of_what_the_files_say(self, tmp_path: Path) -> None:
        for number in range(101):
            side = 10 + number
            kind, options = ("JPEG", {"quality": 60 + number // 4}) if number % 2 else ("PNG", {})
            save(tmp_path, number, (side, 4 * side), kind, **options)

        assert profile_images(listed(tmp_path)) == ImageProfile(
            images=101,
            shorter_side_px=Span(11.0, 109.0),
            size_px=Span(22.0, 218.0),
            aspect=Span(0.25, 0.25),
            jpeg_quality=Span(60.0, 84.0),
            formats={"PNG": 51, "JPEG": 50},
        )

    def test_leave_the_most_unusual_out(self, tmp_path: Path) -> None:
        for number in range(300):
            save(tmp_path, number, (9000, 1) if number == 7 else (20, 10), "PNG")
        found = profile_images(listed(tmp_path))

        assert found and found.aspect == (2, 2) and found.shorter_side_px == (10, 10)

    def test_respect_the_orientation(self, tmp_path: Path) -> None:
        save(tmp_path, 0, (30, 10), "JPEG", exif=turned(6))
        found = profile_images(listed(tmp_path))

        assert found and found.aspect == pytest.approx((1 / 3, 1 / 3))

    def test_without_a_jpeg_have_no_quality(self, tmp_path: Path) -> None:
        save(tmp_path, 0, (30, 10), "PNG")
        found = profile_images(listed(tmp_path))

        assert found and found.jpeg_quality is None

    def test_pass_over_what_cannot_be_opened(self, tmp_path: Path) -> None:
        save(tmp_path, 0, (30, 10), "PNG")
        (tmp_path / "0001").write_text("no image")
        images = listed(tmp_path)
        images.append(ListedImage("real/gone", tmp_path / "gone", 0, bytes=0, modified_ns=0))
        found = profile_images(images)

        assert found and found.images == 1

    def test_of_nothing_are_none(self, tmp_path: Path) -> None:
        (tmp_path / "0001").write_text("no image")

        assert profile_images(listed(tmp_path)) is None
        assert profile_images([]) is None

    def test_hold_plain_numbers(self, tmp_path: Path) -> None:
        """Weights files load without numpy's types."""
        save(tmp_path, 0, (30, 10), "JPEG", quality=50)
        found = profile_images(listed(tmp_path))

        assert found and found.jpeg_quality
        numbers = [*found.shorter_side_px, *found.size_px, *found.aspect, *found.jpeg_quality]
        assert {type(number) for number in numbers} == {float}

    def test_are_of_so_many_by_their_names_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wherever the data lie, and in whatever order they are listed."""
        monkeypatch.setattr(profile, "SAMPLE", 40)
        places = [tmp_path / "here", tmp_path / "there"]
        for place in places:
            place.mkdir()
            for number in range(200):
                save(place, number, (10 + number, 10), "PNG")
        first, second = (listed(place) for place in places)
        random.Random(0).shuffle(second)
        found = profile_images(first)

        assert found and found.images == 40
        assert profile_images(second) == found
        assert found.aspect.low < 3 and found.aspect.high > 18  # from everywhere

    def test_read_each_file_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save(tmp_path, 0, (30, 10), "PNG")
        opened: list[object] = []
        open_file = decode._open_file
        monkeypatch.setattr(
            decode, "_open_file", lambda path: opened.append(path) or open_file(path)
        )
        profile_images(listed(tmp_path))

        assert opened == [tmp_path / "0000"]


def test_a_profile_of_noise_has_its_numbers(tmp_path: Path) -> None:
    """The span of two values lies within them, a hundredth of the way."""
    save(tmp_path, 0, (100, 100), "PNG")
    save(tmp_path, 1, (200, 200), "PNG")
    found = profile_images(listed(tmp_path))

    assert found and np.allclose(found.size_px, (101, 199))
