"""dfx trains, compares and applies real-versus-deepfake image classifiers.

From Python it is a detector:

    from dfx import Detector

    for prediction in Detector.load("best.pt").predict(["a.png", "b.jpg"]):
        print(prediction.path, prediction.label, prediction.p_deepfake)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dfx.records.prediction import Prediction
    from dfx.services.detector import Detector

__all__ = ["Detector", "Prediction", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Imports what is asked for: `dfx --help` shall not wait for torch."""
    if name == "Detector":
        from dfx.services.detector import Detector  # noqa: PLC0415  # as said

        return Detector
    if name == "Prediction":
        from dfx.records.prediction import Prediction  # noqa: PLC0415  # as said

        return Prediction
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
