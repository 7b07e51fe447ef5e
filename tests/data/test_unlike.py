"""An image unlike the training images is told to be so, and only such a one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfx.data.transforms import Augmentation
from dfx.data.unlike import AUGMENTED_JPEG_QUALITY, find_unlike
from dfx.records.prediction import ImageProfile, Span

PROFILE = ImageProfile(
    images=1000,
    shorter_side_px=Span(400.0, 1000.0),
    size_px=Span(512.0, 1024.0),
    aspect=Span(0.8, 1.3),
    jpeg_quality=Span(75.0, 95.0),
    formats={"JPEG": 900, "PNG": 100},
)


def unlike(
    width: int = 800,
    height: int = 800,
    jpeg_quality: int | None = None,
    *,
    profile: ImageProfile | None = PROFILE,
    jpeg_augmented: bool = False,
) -> tuple[str, ...]:
    return find_unlike(
        width,
        height,
        jpeg_quality,
        image_size_px=380,
        profile=profile,
        jpeg_augmented=jpeg_augmented,
    )


def test_nothing_is_said_of_an_image_like_the_training_images() -> None:
    assert unlike(800, 700, 80) == ()


def test_nothing_is_said_without_a_profile_of_an_ordinary_image() -> None:
    assert unlike(6000, 380, 60, profile=None) == ()


class TestSmallerThanTheInput:
    def test_is_said(self) -> None:
        assert unlike(340, 400) == (
            "340 × 400 pixels, smaller than the model's input of 380 × 380",
        )

    def test_holds_of_either_side(self) -> None:
        expected = "smaller than the model's input of 380 × 380"

        assert [expected in text for text in unlike(379, 420)] == [True]
        assert [expected in text for text in unlike(420, 379)] == [True]
        assert unlike(420, 380) == ()

    def test_is_said_without_a_profile(self) -> None:
        assert unlike(96, 64, profile=None) == (
            "96 × 64 pixels, smaller than the model's input of 380 × 380",
        )

    @pytest.mark.parametrize("span", [Span(300.0, 1000.0), Span(100.0, 200.0)])
    def test_is_not_unusual_where_training_images_were_too(self, span: Span) -> None:
        profile = replace(PROFILE, shorter_side_px=span)

        (phrase,) = unlike(300, 450, profile=profile)

        assert phrase.endswith("the model's input of 380 × 380, as training images were")


class TestSize:
    def test_far_below_is_said_beside_being_smaller_than_the_input(self) -> None:
        assert unlike(96, 96) == (
            "96 × 96 pixels, smaller than the model's input of 380 × 380",
            "96 × 96 pixels, far smaller than training images (about 512 to 1024 a side)",
        )

    def test_far_above_is_said(self) -> None:
        assert unlike(3000, 2500) == (
            "3000 × 2500 pixels, far larger than training images (about 512 to 1024 a side)",
        )

    def test_a_factor_of_two_is_not_far(self) -> None:
        assert unlike(2048, 2048) == ()
        assert len(unlike(2049, 2049)) == 1
        assert "far" not in "".join(unlike(256, 256))
        assert "far smaller" in "".join(unlike(255, 255))

    def test_a_single_size_is_one_number(self) -> None:
        profile = replace(PROFILE, size_px=Span(256.0, 256.0))

        assert unlike(800, 800, profile=profile)[0].endswith("(about 256 a side)")


class TestAspect:
    def test_wide_is_said(self) -> None:
        assert unlike(1550, 500) == (
            "3.1 times as wide as high; training images 0.8 to 1.3: squeezed unlike them",
        )

    def test_tall_is_said_as_so_many_times_as_high(self) -> None:
        assert unlike(500, 1550) == (
            "3.1 times as high as wide; training images 0.77 to 1.2: squeezed unlike them",
        )

    def test_square_is_said_where_training_images_were_wide(self) -> None:
        profile = replace(PROFILE, aspect=Span(16 / 9, 16 / 9))

        assert unlike(profile=profile) == (
            "as wide as high; training images 1.8: squeezed unlike them",
        )

    def test_long_strips_have_no_exponents(self) -> None:
        assert unlike(6000, 40)[-1].startswith("150 times as wide as high;")

    @pytest.mark.parametrize(("width", "expected"), [(1300, 0), (1620, 0), (1630, 1)])
    def test_a_factor_of_a_quarter_is_not_far(self, width: int, expected: int) -> None:
        assert len(unlike(width, 1000)) == expected

    @pytest.mark.parametrize(("height", "expected"), [(1250, 0), (1560, 0), (1570, 1)])
    def test_the_same_below(self, height: int, expected: int) -> None:
        assert len(unlike(1000, height)) == expected


class TestCompression:
    def test_is_said_with_what_training_images_had(self) -> None:
        assert unlike(jpeg_quality=25) == ("JPEG quality about 25; training images had 75 to 95",)

    def test_only_below_60(self) -> None:
        assert unlike(jpeg_quality=60) == ()
        assert len(unlike(jpeg_quality=59)) == 1

    def test_only_below_what_training_images_had(self) -> None:
        profile = replace(PROFILE, jpeg_quality=Span(40.4, 95.0))

        assert unlike(jpeg_quality=41, profile=profile) == ()
        assert unlike(jpeg_quality=40, profile=profile) == (
            "JPEG quality about 40; training images had 40 to 95",
        )

    def test_only_below_30_where_training_compressed(self) -> None:
        assert unlike(jpeg_quality=30, jpeg_augmented=True) == ()
        assert unlike(jpeg_quality=29, jpeg_augmented=True) == (
            "JPEG quality about 29; training went down to 30",
        )

    def test_is_said_where_training_images_were_no_jpegs(self) -> None:
        profile = replace(PROFILE, jpeg_quality=None, formats={"PNG": 1000})

        assert unlike(jpeg_quality=59, profile=profile) == (
            "JPEG quality about 59; training images were no JPEGs",
        )

    def test_is_said_without_a_profile(self) -> None:
        assert unlike(jpeg_quality=59, profile=None) == (
            "JPEG quality about 59: heavily compressed",
        )

    def test_one_quality_is_one_number(self) -> None:
        profile = replace(PROFILE, jpeg_quality=Span(75.0, 75.0))

        assert unlike(jpeg_quality=10, profile=profile) == (
            "JPEG quality about 10; training images had 75",
        )

    def test_augmentation_goes_down_to_what_is_said_of_it(self) -> None:
        """The bound is drawn where the augmentation is; here it is looked at from outside."""
        drawn = Augmentation(0, 0, 0, 0, jpeg=1, blur=0, resize=0, noise=0)
        seen: list[int] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "dfx.data.transforms.compress_jpeg", lambda image, quality: seen.append(quality)
            )
            for seed in range(800):
                drawn.degrade(None, np.random.default_rng(seed))  # type: ignore[arg-type]

        assert min(seen) == AUGMENTED_JPEG_QUALITY


@given(
    st.integers(1, 20_000), st.integers(1, 20_000), st.none() | st.integers(1, 100), st.booleans()
)
def test_phrases_are_short_and_different(
    width: int, height: int, quality: int | None, augmented: bool
) -> None:
    phrases = unlike(width, height, quality, jpeg_augmented=augmented)

    assert len(set(phrases)) == len(phrases) <= 4
    assert all(len(phrase) <= 88 and "\n" not in phrase for phrase in phrases)
