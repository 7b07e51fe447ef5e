"""Whether a detector goes by the file format, in words for the terminal and the report."""

from __future__ import annotations

from collections.abc import Mapping

from dfx.display.figures import format_count, format_p
from dfx.records import CLASS_NAMES
from dfx.records.leaderboard import SIGNIFICANT
from dfx.records.robustness import FormatCheck, Robustness

Formats = Mapping[str, Mapping[str, int]]
"""Images by class and file format."""

_ALIKE = 0.05
"""How far from a coin's 0.5 the balanced accuracy of the file format alone may be, for the formats
of the classes to count as alike."""


def describe_format_check(robustness: Robustness) -> str:
    """What saving both classes anew in one format has shown, in a sentence."""
    check = robustness.format_check
    again = next((r for r in robustness.results if r.family == "resaved"), None)
    # The change is of the images that could be saved anew, so what it is added to is theirs too.
    before = robustness.clean_auc(again or robustness.clean)
    title = again.title if again else "re-saved"
    found = f"{title[0].upper()}{title[1:]}, both classes:"
    if check.auc_change is None or before is None:
        return f"{found} no AUC, since a class is missing."
    after = min(1.0, max(0.0, before + check.auc_change))
    test = "DeLong's test sees no variance" if check.p is None else f"DeLong {format_p(check.p)}"
    found += f" AUC from {before:.4f} to {after:.4f} ({test}):"
    differ, lead = formats_differ(check.formats), before - 0.5
    if not shows_change(check):
        meaning = "no difference shown"
        if differ:
            meaning += "; stronger compression of one class before would still show, though"
    elif check.auc_change > 0:
        meaning = "better so"
    elif not differ:
        meaning = (
            "compression costs it that, or how strongly one class was compressed before; the"
            " formats of the classes are alike"
        )
    elif -check.auc_change < lead / 2 or lead <= 0:
        meaning = "part of what this detector goes by may be the file format"
    else:
        meaning = "this detector goes by the file format"
    return f"{found} {meaning}."


def describe_formats(formats: Formats) -> str | None:
    """A warning where the classes come in different file formats, else None."""
    if not formats_differ(formats):
        return None
    listed = "; ".join(
        f"{name} {', '.join(f'{format_count(count)} {kind}' for kind, count in counts.items())}"
        for name, counts in formats.items()
    )
    return (
        f"The classes come in different file formats: {listed}. The format alone would give a"
        f" balanced accuracy of {_format_accuracy(formats):.2f}."
    )


def shows_change(check: FormatCheck) -> bool:
    """Whether saving both classes anew changes the AUC by more than chance.

    Where DeLong's test sees no variance, every image says the same, and any change counts.
    """
    if check.auc_change is None:
        return False
    return check.auc_change != 0 if check.p is None else check.p < SIGNIFICANT


def formats_differ(formats: Formats) -> bool:
    """Whether file formats alone tell the classes apart to some extent."""
    return _format_accuracy(formats) >= 0.5 + _ALIKE


def _format_accuracy(formats: Formats) -> float:
    """The best balanced accuracy of a verdict by the file format; 0.5 where a class is missing."""
    real, deepfake = (formats.get(name, {}) for name in CLASS_NAMES)
    if not real or not deepfake:
        return 0.5
    of_real, of_deepfake = sum(real.values()), sum(deepfake.values())
    kinds = {*real, *deepfake}
    return sum(max(real.get(k, 0) / of_real, deepfake.get(k, 0) / of_deepfake) for k in kinds) / 2
