"""How each number is defined, short enough to be read."""

from __future__ import annotations

from dfx.display.figures import format_percent
from dfx.display.intervals import describe_intervals
from dfx.display.report.markup import Html, facts, section
from dfx.records.report import EvaluationReport


def write_definitions(report: EvaluationReport) -> Html:
    """A line for each kind of number on the page."""
    detail = report.detail
    c = detail.headline.confusion
    share = format_percent((c.fn + c.tp) / detail.headline.images)
    lines = {
        "verdict": "An image is called a deepfake where p_deepfake is at least the threshold. That"
        " is the softmax of the logits divided by the temperature.",
        "precision, recall, F1": "Of deepfake. TPR is the recall; FPR is the share of real images"
        " called deepfakes.",
        "balanced accuracy": "Mean of the accuracies of both classes.",
        "AUC, average precision": "As scikit-learn has them: the area under the ROC with straight"
        " lines between its points; precision summed over the steps of recall, without"
        " interpolation.",
        "EER": "Where the ROC, its points joined by straight lines, meets FPR = 1 − TPR.",
        "TPR at 1 % and 5 % FPR": "The highest TPR of a threshold whose FPR on these images is at"
        " most that. Nothing is interpolated.",
        "log loss, Brier score": "Mean cross-entropy in nats; mean squared error of p_deepfake.",
        "ECE": "Mean distance of mean p_deepfake and share of deepfakes, over 15 bins of equal"
        " mass, weighted by images. With few images it is above 0 even of perfect probabilities.",
        "intervals": f"95 %, {describe_intervals(detail) or 'none'}. Of the bootstrap they go from"
        " the 2.5th to the 97.5th percentile, of the ECE they are the basic interval of its square."
        " Accuracies of sources have Wilson's. Under changes of the images the AUC has DeLong's,"
        " and the accuracy Wilson's.",
        "share of deepfakes": f"{share} here. Accuracy, precision, F1, average precision, log"
        " loss, Brier score and ECE change with it; the accuracies of the classes, AUC, EER, TPR"
        " and FPR do not.",
    }
    return section("Definitions", facts(lines.items()))
