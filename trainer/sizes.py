"""How large an encoder is and what a token costs, without allocating it."""

from __future__ import annotations

import torch

from trainer.encoder import Encoder
from trainer.encoder_config import EncoderConfig

MASKED = 0.15
"""Share of the tokens that the head is computed for (paper 2.4)."""

PEAK_TFLOPS = {"H100 PCIe": 756.0, "H100": 989.4, "H200": 989.4, "A100": 312.0, "V100": 125.0}
"""Of 16-bit products without sparsity, by a part of the device's name, first match; NVIDIA's data sheets."""


def parameter_count(config: EncoderConfig) -> int:
    """All parameters, the tied embedding once. Built on the meta device: milliseconds a layer, no memory."""
    return sum(parameter.numel() for parameter in _on_meta(config).parameters())


def non_embedding_count(config: EncoderConfig) -> int:
    """Those of the blocks and the final norm: what the names of the paper's sizes count (Tables 7 and 8)."""
    encoder = _on_meta(config)
    return sum(p.numel() for part in (encoder.blocks, encoder.norm) for p in part.parameters())


def flops_per_token(config: EncoderConfig, length: float, *, masked: float = MASKED) -> float:
    """Floating-point operations of forward and backward a token, in documents of `length` tokens.

        6 * layers * (4 * hidden * heads * head_size + 2 * hidden * inner)      products with weights
        + 12 * layers * heads * head_size * length                              attention, nothing masked
        + 6 * masked * hidden * (hidden + vocab_size)                           the head, where it is computed

    Two a multiply-add, backward twice the forward: the formula of llm-foundry's tables, but for the head,
    which they count at every token. Biases, norms, GELU, softmax and what checkpointing computes again are
    not counted. Of documents of several lengths take sum(length ** 2) / sum(length).
    """
    width = config.attention_width
    weights = 4 * config.hidden * width + 2 * config.hidden * config.inner
    head = config.hidden * (config.hidden + config.vocab_size)
    return 6.0 * config.layers * weights + 12.0 * config.layers * width * length + 6.0 * masked * head


def peak_tflops(device_name: str) -> float | None:
    """What MFU divides by, of a device as `torch.cuda.get_device_name` calls it; none if it is not known."""
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in device_name), None)


def _on_meta(config: EncoderConfig) -> Encoder:
    with torch.device("meta"):
        return Encoder(config)
