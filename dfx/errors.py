"""What can go wrong for a user, as exceptions with an exit code and a way out.

    DfxError
      ConfigError            2  a name, key, value or option that cannot be used
      DeviceError            2  the device asked for is not there, or this torch cannot use it
      WeightsError           2  weights that cannot be had or do not fit
      NotFoundError          3  no such run, file or folder
        AmbiguousReference   3  a run reference with more than one meaning
        RecordLost           3  there are files of runs, but no record of them
      StoreError             4  the database or the home cannot be used
        SchemaError          4  the database has another revision than this dfx
        AttemptSuperseded    4  another process has taken the run over
        RunBusy              4  another process is working on the run
        NoSpaceLeft          6  the disk is full
      DataError              5  the image folders cannot be used
        ImageError           5  one image cannot be read
      TrainingFailed         6  training cannot go on
        TrainingDiverged     6  the loss is no longer a number
        TeamLost             6  another process of the same training has ended
      Interrupted      130/143  stopped by a signal; can be resumed

Anything else that escapes is a bug: it keeps its traceback and exits with 1. The boundary that
turns these into messages is `dfx.cli.app.main`. This module imports nothing of ours.
"""

import errno

EXIT_CODES = {
    "0": "done",
    "1": "a bug, with its traceback; without one, nobody reads the output any more",
    "2": "usage or configuration",
    "3": "not found or ambiguous",
    "4": "store or schema",
    "5": "data",
    "6": "training failed, or the disk is full",
    "130, 143": "interrupted by SIGINT or SIGTERM; a run can be resumed",
}
"""What a process of dfx can end with."""


class DfxError(Exception):
    """Something a user can cause and mend.

    Attributes:
        message: What went wrong: the thing, the value and what was expected.
        hint: The way out, printed on a line of its own; None where the message says it.
        exit_code: The status the process ends with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(DfxError):
    """A name, key, value or option that cannot be used."""

    exit_code = 2


class DeviceError(DfxError):
    """The device asked for is not there, or this torch cannot use it."""

    exit_code = 2


class WeightsError(DfxError):
    """Weights that cannot be had or do not fit."""

    exit_code = 2


class NotFoundError(DfxError):
    """No such run, file or folder."""

    exit_code = 3


class AmbiguousReference(NotFoundError):
    """A run reference with more than one meaning."""


class RecordLost(NotFoundError):
    """There are files of runs, but no record of them."""


class StoreError(DfxError):
    """The database or the home cannot be used."""

    exit_code = 4


class SchemaError(StoreError):
    """The database has another revision than this dfx."""


class AttemptSuperseded(StoreError):
    """Another process has taken the run over, so this one may no longer write."""


class RunBusy(StoreError):
    """Another process is working on the run."""


class NoSpaceLeft(StoreError):
    """The disk is full."""

    exit_code = 6


OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says where a disk, or a user's share of it, is full."""


class DataError(DfxError):
    """The image folders cannot be used."""

    exit_code = 5


class ImageError(DataError):
    """One image cannot be read."""


class TrainingFailed(DfxError):
    """Training cannot go on."""

    exit_code = 6


class TrainingDiverged(TrainingFailed):
    """The loss is no longer a number."""


class TeamLost(TrainingFailed):
    """Another process of the same training has ended."""


class Interrupted(DfxError):
    """Stopped by a signal, after writing what is needed to continue.

    Attributes:
        exit_code: 128 plus the signal's number, as shells report it.
    """

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number
