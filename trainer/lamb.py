"""LAMB (You et al. 2020), plain and under DeepSpeed's ZeRO 1 and 2.

    update = bias-corrected Adam step + weight_decay * weight
    weight -= lr * |weight| / |update| * update          norms of one parameter's tensor, no limits

ZeRO hands an optimizer one flat piece of many parameters a group and rank. `attach`, after
`deepspeed.initialize`, finds out which stretch of a piece is of which parameter; the squared norms are then
summed over stretches and ranks: one all-reduce of two numbers a parameter and step. Other LAMBs take one norm
for a whole piece and train something else (DeepSpeed issues #88, #490). ZeRO 3 has other addresses: refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainer.errors import ConfigError

Stretch = tuple[int, int, int]
"""(parameter, first element, elements) of a flat piece."""


class Lamb(torch.optim.Optimizer):
    """LAMB with a trust ratio a parameter, also where the optimizer only sees flat pieces."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        self._stretches: dict[int, list[Stretch]] | None = None
        self._n_parameters = 0

    def attach(self, model: nn.Module) -> None:
        """Learn what ZeRO 1 or 2 made of the model's parameters; ConfigError where they cannot be found."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        pieces = [p for group in self.param_groups for p in group["params"]]
        by_storage = {piece.untyped_storage().data_ptr(): piece for piece in pieces}
        self._stretches, found = {}, 0
        for n, parameter in enumerate(parameters):
            mapping = getattr(parameter, "_hp_mapping", None)
            if mapping is None:  # nothing of it is in this rank's piece
                continue
            piece = by_storage.get(mapping.hp_fragment.untyped_storage().data_ptr())
            if piece is None:
                raise ConfigError("zero.stage", "this one", accepted="0, 1, 2 with optimizer.name lamb")
            address = mapping.get_hp_fragment_address()
            self._stretches.setdefault(id(piece), []).append((n, address.start, address.numel))
            found += address.numel
        held = torch.tensor(float(found), dtype=torch.float64, device=pieces[0].device)
        dist.all_reduce(held)
        total = sum(p.numel() for p in parameters)
        if int(held) != total:
            raise ConfigError(
                "optimizer.name",
                "lamb",
                accepted="adamw, adam here",
                why=f"ZeRO gives addresses for {int(held):,} of {total:,} parameters",
            )
        self._n_parameters = len(parameters)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update of every parameter that has a gradient; returns nothing."""
        assert closure is None
        work = [
            (group, piece, self._update(group, piece))
            for group in self.param_groups
            for piece in group["params"]
            if piece.grad is not None
        ]
        if self._stretches is None:
            for group, parameter, update in work:
                ratio = _ratios(torch.stack((parameter.norm(), update.norm()))[None])
                parameter.add_(update * ratio, alpha=-group["lr"])
            return
        device = self.param_groups[0]["params"][0].device
        squares = torch.zeros(self._n_parameters, 2, device=device)
        for _, piece, update in work:
            for n, first, size in self._stretches.get(id(piece), []):
                part = slice(first, first + size)
                squares[n, 0] += piece[part].square().sum()
                squares[n, 1] += update[part].square().sum()
        dist.all_reduce(squares)
        ratios = _ratios(squares.sqrt())
        for group, piece, update in work:
            for n, first, size in self._stretches.get(id(piece), []):
                part = slice(first, first + size)
                piece[part].add_(update[part] * ratios[n], alpha=-group["lr"])

    def _update(self, group: dict[str, Any], piece: Tensor) -> Tensor:
        """What LAMB would add, before the trust ratio; moves the moments."""
        beta1, beta2 = group["betas"]
        state, grad = self.state[piece], piece.grad
        assert grad is not None
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(piece)
            state["exp_avg_sq"] = torch.zeros_like(piece)
        state["step"] += 1
        n = int(state["step"])
        state["exp_avg"].lerp_(grad, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = (state["exp_avg_sq"] / (1 - beta2**n)).sqrt_().add_(group["eps"])
        update: Tensor = (state["exp_avg"] / (1 - beta1**n)).div_(root)
        return update.add_(piece, alpha=group["weight_decay"])


def _ratios(norms: Tensor) -> Tensor:
    """|weight| / |update| of (N, 2) norms; 1 where either is 0."""
    weight, update = norms.unbind(-1)
    return torch.where((weight > 0) & (update > 0), weight / update, torch.ones_like(weight))
