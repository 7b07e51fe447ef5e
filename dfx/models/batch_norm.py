"""Batch norm whose statistics are those of the whole batch, over all processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from timm.layers.norm_act import SyncBatchNormAct, convert_sync_batchnorm
from torch import Tensor, nn
from torch.autograd import Function


def synchronise_batch_norm(
    module: nn.Module, group: dist.ProcessGroup, device: torch.device
) -> nn.Module:
    """Lets the batch norms of a network, torch's and timm's usual, use the batch of all processes.

    Names and values in the state dict stay. torch's own works on cards only; on processors ours
    takes its place.

    Args:
        module: Changed in place, where it is not a batch norm itself.
        group: The processes.
        device: Where it will run.
    """
    converted: nn.Module = convert_sync_batchnorm(module, group)  # type: ignore[no-untyped-call]  # timm's
    classes = _ON_CARDS if device.type == "cuda" else _ON_PROCESSORS
    for layer in converted.modules():
        if isinstance(layer, nn.SyncBatchNorm):
            layer.__class__ = classes[type(layer)]
    return converted


class _CardBatchNorm(nn.SyncBatchNorm):
    """torch's, for a process that may have no sample: it too must then speak of float32."""

    def forward(self, x: Tensor) -> Tensor:
        if x.numel():
            return super().forward(x)
        return super().forward(x.float()).to(x.dtype)


class _ProcessorBatchNorm(nn.SyncBatchNorm):
    """The same on processors.

    Shapes: x is [b, c, …], of which this process may have no sample at all.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = x.float()
        over = [0, *range(2, x.dim())]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        counted = values.new_full((1,), x.numel() // x.shape[1])
        total = _add_up(torch.cat([values.sum(over), counted]), self.process_group)
        count = total[-1].detach()
        mean = total[:-1] / count
        centred = values - mean.view(shape)
        variance = _add_up(centred.square().sum(over), self.process_group) / count
        if self.track_running_stats:
            self._follow(mean.detach(), variance.detach() * count / (count - 1))
        result = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            result = result * self.weight.view(shape) + self.bias.view(shape)
        return result.to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Moves the running statistics on, as torch does."""
        if self.running_mean is None or self.running_var is None:
            return
        share = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if share is None:
                share = 1 / float(self.num_batches_tracked)
        if share is not None:
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance, share)


class _ProcessorBatchNormAct(SyncBatchNormAct, _ProcessorBatchNorm):
    """timm's, which drops and activates after what the next class in line gives."""


class _CardBatchNormAct(SyncBatchNormAct, _CardBatchNorm):
    """timm's, which drops and activates after what the next class in line gives."""


_ON_CARDS: dict[type[nn.SyncBatchNorm], type[nn.SyncBatchNorm]] = {
    nn.SyncBatchNorm: _CardBatchNorm,
    SyncBatchNormAct: _CardBatchNormAct,
}
_ON_PROCESSORS: dict[type[nn.SyncBatchNorm], type[nn.SyncBatchNorm]] = {
    nn.SyncBatchNorm: _ProcessorBatchNorm,
    SyncBatchNormAct: _ProcessorBatchNormAct,
}


def _add_up(tensor: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    result: Tensor = _Sum.apply(tensor, group)
    return result


class _Sum(Function):
    """The sum over all processes; the gradient of what each gave is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        result = tensor.clone()
        dist.all_reduce(result, group=group)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        result = gradients[0].contiguous().clone()
        dist.all_reduce(result, group=ctx.group)
        return result, None
