"""Words of the command line: formats that data is printed in, splits. Imports nothing of ours."""

from enum import StrEnum


class Format(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"


class PredictionFormat(StrEnum):
    """How predictions are printed; `jsonl` is one object a line."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MD = "md"


class ExportFormat(StrEnum):
    """How the record, or a run's best weights, are written for other programs."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    TENSORBOARD = "tensorboard"
    ONNX = "onnx"
    SAFETENSORS = "safetensors"


class SplitName(StrEnum):
    """The splits of a data set."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class PrecisionName(StrEnum):
    """Number formats of prediction; `auto` is the fastest that the device has in hardware."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
