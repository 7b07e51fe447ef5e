from __future__ import annotations

from dfx.display.canvas import Canvas


def _text(canvas: Canvas) -> list[str]:
    return [line.plain for line in canvas.lines()]


def test_dots_have_their_places_in_a_cell() -> None:
    """Two columns and four rows of dots a cell, numbered as Unicode numbers them."""
    shown = []
    for y in range(4):
        for x in range(2):
            canvas = Canvas(1, 1, ascii_only=False)
            canvas.draw_path([(x, y)], "", dotted=False)
            shown += _text(canvas)

    assert shown == list("⠁⠈⠂⠐⠄⠠⡀⢀")


def test_a_path_goes_through_all_its_points() -> None:
    canvas = Canvas(4, 1, ascii_only=False)
    canvas.draw_path([(0, 3), (3, 0), (7, 0)], "", dotted=False)

    assert _text(canvas) == ["⡠⠊⠉⠉"]


def test_a_dotted_path_keeps_its_rhythm_over_its_points() -> None:
    canvas = Canvas(6, 1, ascii_only=False)
    canvas.draw_path([(x, 0) for x in range(12)], "", dotted=True)

    assert _text(canvas) == ["⠁⠈ ⠁⠈ "]


def test_ascii_has_a_sign_a_cell() -> None:
    canvas = Canvas(5, 2, ascii_only=True)
    canvas.draw_path([(0, 1), (4, 1)], "", dotted=True)
    canvas.draw_path([(0, 0), (1, 1)], "", dotted=False)
    canvas.put((4, 1), "*", "")

    assert (canvas.width, canvas.height) == (5, 2)
    assert _text(canvas) == ["=    ", ".=..*"]


def test_what_is_drawn_later_decides_the_colour() -> None:
    canvas = Canvas(1, 1, ascii_only=False)
    canvas.draw_path([(0, 0)], "red", dotted=False)
    canvas.draw_path([(1, 0)], "blue", dotted=False)
    (line,) = canvas.lines()

    assert line.plain == "⠉"
    assert [span.style for span in line.spans] == ["blue"]
