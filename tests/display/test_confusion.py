from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.color import Color, ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style

from dfx.display.confusion import _RIGHT, _WRONG, confusion_table, heat_style
from dfx.records import Confusion


def test_rows_are_the_truth_and_columns_the_verdict(
    render: Callable[[RenderableType, int], str],
) -> None:
    """A deepfake called real stands in the row of deepfakes, under Real."""
    text = render(confusion_table(Confusion(tn=3, fp=1, fn=6, tp=2)), 80)
    (real,) = [line for line in text.splitlines() if "75.0 %" in line and " 3 " in line]
    (deepfake,) = [line for line in text.splitlines() if " 6 " in line]

    assert real.replace("│", " ").split() == ["Real", "3", "75.0", "%", "1", "25.0", "%", "4"]
    assert deepfake.replace("│", " ").split() == [
        *("Deepfake", "6", "75.0", "%", "2", "25.0", "%", "8")
    ]


def test_right_verdicts_are_on_green_and_wrong_ones_on_red() -> None:
    """As deep as their share of the row, with the text's colour named too."""
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, color_system="truecolor", width=80, legacy_windows=False
    )
    console.print(confusion_table(Confusion(tn=4, fp=0, fn=4, tp=0)))

    assert "\x1b[38;2;255;255;255;48;2;0;120;20m4  100.0 %" in file.getvalue()
    assert "\x1b[38;2;255;255;255;48;2;150;0;15m4  100.0 %" in file.getvalue()
    assert "\x1b[38;2;0;0;0;48;2;255;235;238m0    0.0 %" in file.getvalue()
    assert "\x1b[38;2;0;0;0;48;2;232;245;233m0    0.0 %" in file.getvalue()


def _luminance(color: Color | None, system: ColorSystem) -> float:
    assert color is not None
    red, green, blue = (value / 255 for value in color.downgrade(system).get_truecolor())

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


@pytest.mark.parametrize(
    ("system", "least"),
    [(ColorSystem.TRUECOLOR, 4.5), (ColorSystem.EIGHT_BIT, 4.0), (ColorSystem.STANDARD, 3.0)],
)
@pytest.mark.parametrize("shades", [_RIGHT, _WRONG])
def test_text_stands_out_from_its_background_at_every_share(
    shades: tuple[tuple[int, int, int], tuple[int, int, int]], system: ColorSystem, least: float
) -> None:
    """By the contrast ratio of WCAG 2, of which 4.5 is level AA for text, and 3 for large text."""
    for percent in range(101):
        style = Style.parse(heat_style(percent / 100, shades))
        dark, light = sorted(_luminance(color, system) for color in (style.color, style.bgcolor))

        assert (light + 0.05) / (dark + 0.05) >= least


def test_without_colour_nothing_is_lost(render: Callable[[RenderableType, int], str]) -> None:
    text = render(confusion_table(Confusion(tn=1110, fp=90, fn=1200, tp=1080)), 80)

    assert "│ Real            │ 1 110   92.5 % │    90    7.5 % │  1 200 │" in text
    assert "│ Deepfake        │ 1 200   52.6 % │ 1 080   47.4 % │  2 280 │" in text
