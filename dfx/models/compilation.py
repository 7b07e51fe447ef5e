"""Compiling a network, in place; where nothing compiles, it stays as it is."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._dynamo import config as dynamo
from torch._inductor import config as inductor

from dfx.models.rehearsal import rehearse, try_gradients
from dfx.models.weights import first_line

_MOST_VARIANTS = 64
_TALKERS = ("torch", "torch._dynamo", "torch._inductor")


def compile_network(module: nn.Module, loss_of_batch: Callable[[], Tensor]) -> str | None:
    """Compiles a network for a batch as in training, and leaves no other trace in it.

    Names in its state dict are as before, and a deep copy is not compiled. Shapes get kernels of
    their own (a last batch, evaluation), so that what they compute does not depend on which came
    first, and a resumed run compiles what the uninterrupted one did.

    Args:
        module: On its device.
        loss_of_batch: The loss of such a batch, computed by the network.

    Returns:
        Why it is not compiled, in a line; None where it is.

    Raises:
        RuntimeError: Where it computes no better without a compiler.
    """
    _silence()
    try:
        module.compile(dynamic=False)
        with rehearse(module):
            try_gradients(module, loss_of_batch())
    except (RuntimeError, OSError, ImportError) as error:
        module._compiled_call_impl = None  # noqa: SLF001  # torch has no other way back
        torch.compiler.reset()
        with rehearse(module):
            try_gradients(module, loss_of_batch())
        return _reason(error)
    return None


def compile_for_inference(module: nn.Module, run: Callable[[], Tensor]) -> str | None:
    """Compiles a network that is no longer trained, with its weights as constants.

    Layouts and number formats of the weights are then settled once, which is most of what is gained
    on a processor.

    Args:
        module: On its device, in evaluation mode.
        run: Passes a batch of the only shape that will be used.

    Returns:
        Why it is not compiled, in a line; None where it is.
    """
    try:
        module.compile(dynamic=False)
        # As an option of `compile` it would be passed over in silence.
        with _silenced(), inductor.patch(freezing=True), torch.inference_mode():
            run()
    except (RuntimeError, OSError, ImportError) as error:
        module._compiled_call_impl = None  # noqa: SLF001  # as above
        torch.compiler.reset()
        return _reason(error)
    return None


def _reason(error: BaseException) -> str:
    """What went wrong, where the compiler wraps it up in an error of its own too."""
    line = first_line(error)
    return first_line(getattr(error, "inner_exception", error)) if line.endswith(":") else line


@contextmanager
def _silenced() -> Iterator[None]:
    """As `_silence`, while something is compiled that will not be compiled again."""
    loggers = [logging.getLogger(name) for name in _TALKERS]
    levels = [logger.level for logger in loggers]
    limit = dynamo.recompile_limit
    with warnings.catch_warnings():
        try:
            _silence()
            yield
        finally:
            dynamo.recompile_limit = limit
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _silence() -> None:
    """Keeps the compiler's talk from the person; what fails is raised all the same."""
    dynamo.recompile_limit = _MOST_VARIANTS
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"torch\._(dynamo|inductor|functorch)")
