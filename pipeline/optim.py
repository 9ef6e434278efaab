"""Muon: orthogonalised momentum for weight matrices, AdamW for everything else."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pipeline.component import native_bfloat16

__all__ = ["Muon"]

# Quintic Newton-Schulz coefficients of Jordan et al. (2024), "Muon: an optimizer for hidden layers".
_A, _B, _C = 3.4445, -4.7750, 2.0315


def _orthogonalise(update: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Bring the singular values of a (rows, columns) matrix near one."""
    tall = update.shape[0] > update.shape[1]
    x = update.T if tall else update
    x = (x / (x.norm() + 1e-7)).to(torch.bfloat16 if native_bfloat16() else x.dtype)
    for _ in range(steps):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return (x.T if tall else x).to(update.dtype)


class Muon(torch.optim.Optimizer):
    """One optimiser with a Muon group for matrices and an AdamW group for the rest.

    torch's own Muon always orthogonalises in bfloat16, which processors without that type emulate
    some thirty times slower; here they use the parameters' own precision.

    Args:
        named_parameters: (name, tensor) pairs; 2-D tensors outside embeddings and output heads get Muon.
        lr: learning rate of the AdamW group.
        matrix_lr: learning rate of the Muon group, scaled by 0.2 * sqrt(max(rows, columns)).
        weight_decay: decoupled decay of both groups.
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, torch.Tensor]],
        *,
        lr: float,
        matrix_lr: float,
        weight_decay: float,
    ) -> None:
        matrices, others = [], []
        for name, parameter in named_parameters:
            if not parameter.requires_grad:
                continue
            hidden = parameter.ndim == 2 and "embeddings" not in name and "decoder" not in name
            (matrices if hidden else others).append(parameter)
        super().__init__(
            [
                {"params": matrices, "lr": matrix_lr, "muon": True},
                {"params": others, "lr": lr, "muon": False},
            ],
            {"weight_decay": weight_decay},
        )

    @torch.no_grad()
    def step(self, closure=None):
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: torch.Tensor, group: dict) -> None:
        state, gradient = self.state[parameter], parameter.grad
        if not state:
            state["step"] = 0
            state["momentum"] = torch.zeros_like(parameter)
            if not group["muon"]:
                state["variance"] = torch.zeros_like(parameter)
        state["step"] += 1
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        momentum = state["momentum"]
        if group["muon"]:
            momentum.mul_(0.95).add_(gradient)
            update = _orthogonalise(gradient.add(momentum, alpha=0.95))
            parameter.add_(update, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)
            return
        momentum.lerp_(gradient, 0.1)
        state["variance"].mul_(0.98).addcmul_(gradient, gradient, value=0.02)
        corrected = (state["variance"] / (1 - 0.98 ** state["step"])).sqrt_().add_(1e-8)
        parameter.addcdiv_(momentum, corrected, value=-group["lr"] / (1 - 0.9 ** state["step"]))
