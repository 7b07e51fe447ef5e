"""A detector that goes by the file format, as the suite shows it."""

from __future__ import annotations

from dfx.records import Confusion
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness

REAL, DEEPFAKE = 400, 500

# Name, family, level, title, AUC, TPR, FPR.
_ROWS: tuple[tuple[str, str, float | None, str, float, float, float], ...] = (
    ("clean", "clean", None, "as they are", 0.9912, 0.964, 0.04),
    ("jpeg-95", "jpeg", 95.0, "JPEG quality 95", 0.9412, 0.93, 0.11),
    ("jpeg-90", "jpeg", 90.0, "JPEG quality 90", 0.6104, 0.71, 0.58),
    ("jpeg-30", "jpeg", 30.0, "JPEG quality 30", 0.4873, 0.5, 0.52),
    ("webp-80", "webp", 80.0, "WebP quality 80", 0.7431, 0.8, 0.44),
    ("blur-0.5", "blur", 0.5, "blur, σ 0.5 px", 0.9909, 0.96, 0.045),
    ("blur-3", "blur", 3.0, "blur, σ 3 px", 0.7402, 0.31, 0.09),
    ("resize-0.25", "resize", 0.25, "resized to 0.25", 0.8011, 0.48, 0.0675),
    ("noise-10", "noise", 10.0, "noise, σ 10 of 255", 0.9122, 0.998, 0.9),
    ("brightness-1.3", "brightness", 1.3, "brightness × 1.3", 0.9913, 0.966, 0.04),
    ("resaved", "resaved", 90.0, "re-saved as JPEG 90", 0.6104, 0.71, 0.58),
)


def sample_robustness() -> Robustness:
    results = []
    for name, family, level, title, auc, tpr, fpr in _ROWS:
        fp, tp = round(fpr * REAL), round(tpr * DEEPFAKE)
        cells = Confusion(tn=REAL - fp, fp=fp, fn=DEEPFAKE - tp, tp=tp)
        accuracy = (cells.tn + cells.tp) / (REAL + DEEPFAKE)
        results.append(
            ConditionResult(
                name=name,
                family=family,
                level=level,
                title=title,
                confusion=cells,
                accuracy=accuracy,
                accuracy_low=accuracy - 0.02,
                accuracy_high=min(1.0, accuracy + 0.02),
                tpr=tp / DEEPFAKE,
                fpr=fp / REAL,
                auc=auc,
                auc_low=auc - 0.015,
                auc_high=min(1.0, auc + 0.015),
            )
        )
    return Robustness(
        version=1,
        libraries={"Pillow": "11.0.0", "libjpeg-turbo": "3.0.4", "libwebp": "1.4.0"},
        threshold=0.4321,
        temperature=1.32,
        results=tuple(results),
        format_check=FormatCheck(
            formats={"real": {"PNG": 400}, "deepfake": {"JPEG": 490, "PNG": 10}},
            auc_change=0.6104 - 0.9912,
            p=2e-9,
        ),
    )
