"""Where images come from, as far as their folders tell: one generator, one camera."""

from __future__ import annotations

from collections.abc import Sequence

from dfx.data.index import ListedImage


def list_sources(images: Sequence[ListedImage]) -> list[str] | None:
    """A label for each image: its class, and the first folder below that of the class.

    Returns:
        None where no image lies in a subfolder, so that sources would be the classes.
    """
    labels = ["/".join(image.name.split("/")[:-1][:2]) for image in images]
    return labels if any("/" in label for label in labels) else None
