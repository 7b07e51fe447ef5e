"""Where a network looked for a verdict: Grad-CAM (Selvaraju et al., ICCV 2017), by captum.

What an explanation looks like is `dfx.display.explanation`'s matter, and where it is kept that of
`dfx.services.explain`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from dfx.data.transforms import normalise
from dfx.errors import ConfigError
from dfx.evaluation.precision import autocast
from dfx.records import Preprocessing


def require_captum() -> None:
    """Accepts an installation that can explain, without loading what that takes.

    Raises:
        ConfigError: With the command that installs what is missing.
    """
    if importlib.util.find_spec("captum") is None:
        raise ConfigError(
            "--explain needs the package 'captum', which is not installed",
            hint="pip install 'dfx[explain]'",
        )


class Explainer:
    """Explains a network's verdicts by the last layer that still knows where things are.

    What is explained is the margin, the label's logit less the other's. p_deepfake depends on
    nothing else: a single logit may rise together with the other and change no verdict. The softmax
    is left out, since it would only scale the map, by p (1 - p), and to 0 where that is too small
    for float32: just where the network is surest.

    The network is the same after as before, its gradients and flags included. It may not be used by
    another thread meanwhile. Whether a caller is in inference mode, or in mixed precision, makes no
    difference.
    """

    def __init__(self, module: nn.Module, preprocessing: Preprocessing) -> None:
        """Finds the layer, by passing a blank image through.

        Args:
            module: From float32 [b, 3, h, w] to logits [b, 2], in float32, on the device that it
                shall work on.
            preprocessing: As stored with the weights.

        Raises:
            ConfigError: Where captum is missing, or the network has no such layer.
        """
        require_captum()
        self._module = module
        self._preprocessing = preprocessing
        self._device = next(module.parameters()).device
        size = preprocessing.image_size_px
        with _undisturbed(module, self._device):
            self._layer = _find_layer(module, torch.zeros(1, 3, size, size, device=self._device))

    def explain(self, images: Tensor, labels: Sequence[int]) -> Tensor:
        """Maps of what speaks for a label.

        Args:
            images: uint8 [b, 3, h, w], of the size the network was trained for.
            labels: Which class the map of each speaks for.

        Returns:
            float32 [b, h', w'] on the processor, at least 0, over the whole image. Their unit means
            nothing from one image to the next. All 0 where nothing speaks for the label.
        """
        # An extra that loads pyplot, which only those need who ask for it.
        from captum.attr import LayerGradCam  # noqa: PLC0415

        with _undisturbed(self._module, self._device):
            inputs = normalise(images.to(self._device), self._preprocessing)
            maps: Tensor = LayerGradCam(self._margins, self._layer).attribute(
                inputs.contiguous(memory_format=torch.channels_last),
                target=list(labels),
                relu_attributions=True,
            )
        return maps.detach().squeeze(1).cpu()

    def _margins(self, inputs: Tensor) -> Tensor:
        """How far each label is ahead of the other, float32 [b, 2]."""
        logits: Tensor = self._module(inputs)
        return logits - logits.flip(1)


@contextmanager
def _undisturbed(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode and gradients of activations alone, and all as it was afterwards."""
    training = [(part, part.training) for part in module.modules()]
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        module.eval()
        for parameter in learning:
            # Or everything below the layer would be kept for gradients that nobody asks for.
            parameter.requires_grad_(False)
        with torch.inference_mode(mode=False), torch.enable_grad(), autocast("float32", device):
            yield
    finally:
        for part, was_training in training:
            part.training = was_training
        for parameter in learning:
            parameter.requires_grad_()


@dataclass(eq=False)
class _Call:
    """A module at work in a forward pass.

    Attributes:
        inner: The calls it made itself, in their order.
        shape: Of its output for one image, without the batch; of several tensors that of the first
            which is not pooled; empty where there is none.
        is_tensor: Whether the output is one tensor; of several nobody knows which one decides.
    """

    module: nn.Module
    inner: list[_Call] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    is_tensor: bool = True

    @property
    def has_places(self) -> bool:
        """Whether the output is not pooled yet: features of more than one place."""
        return _count_axes(self.shape) > 1

    @property
    def is_map(self) -> bool:
        """Whether the output is [c, h, w] of a square image; [h, w, c] is none, nor are tokens."""
        return self.is_tensor and len(self.shape) == 3 and self.shape[1] == self.shape[2] > 1


def _count_axes(shape: Sequence[int]) -> int:
    """Along how many axes there is more than one number; of pooled features it is 1."""
    return sum(side > 1 for side in shape)


def _find_layer(module: nn.Module, blank: Tensor) -> nn.Module:
    """The last layer whose output is a map, the outermost of those that end with it.

    Raises:
        ConfigError: Where there is none.
    """
    call = _find_last(_record(module, blank))
    if call is not None and call.is_map:
        return call.module
    found = "no features of more than one place"
    if call is not None:
        found = f"features of shape [{', '.join(map(str, call.shape))}]"
    raise ConfigError(
        f"--explain cannot explain a {type(module).__name__}: before it pools, it has {found};"
        " Grad-CAM needs maps [channels, height, width], as most convolutional networks have",
        hint="the verdicts are the same without --explain; to have them explained, take a network"
        " such as efficientnet_b4",
    )


def _find_last(calls: Sequence[_Call]) -> _Call | None:
    """The last of some successive calls whose output has places, or what is in a later one."""
    within = None
    for call in reversed(calls):
        if not call.has_places:
            within = within or _find_last(call.inner)
        elif within and within.is_map and call.is_map and within.shape[-1] <= call.shape[-1]:
            # A stage that leaves a single place of a small image, or a convolution in the head.
            return within
        else:
            # What a layer that pools computes on its way is not a map: attention, mostly.
            return call
    return within


def _record(module: nn.Module, inputs: Tensor) -> list[_Call]:
    """The calls that a network makes itself for some input, each with those that it made."""
    outermost = _Call(module)
    stack = [outermost]
    last: dict[nn.Module, _Call] = {}

    def enter(part: nn.Module, _: Any) -> None:
        if part in last:
            # Of a module used more than once, such as an activation, captum sees the last call.
            last[part].shape = ()
        call = last[part] = _Call(part)
        stack[-1].inner.append(call)
        stack.append(call)

    def leave(_: nn.Module, __: Any, output: Any) -> None:
        call = stack.pop()
        call.is_tensor = isinstance(output, Tensor)
        outputs = output if isinstance(output, tuple | list) else (output,)
        shapes = [tuple(tensor.shape[1:]) for tensor in outputs if isinstance(tensor, Tensor)]
        call.shape = max(shapes, key=lambda shape: _count_axes(shape) > 1, default=())

    hooks: list[RemovableHandle] = []
    try:
        for part in module.modules():
            if part is not module:
                hooks.append(part.register_forward_pre_hook(enter))
                hooks.append(part.register_forward_hook(leave))
        with torch.no_grad():
            module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outermost.inner
