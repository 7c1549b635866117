"""The encoder: a RoBERTa with the layer norm before attention and feed-forward (paper 2.4), without padding.

Documents lie end to end, none sees another. The masked-LM head is computed for the tokens to predict alone,
which spares six sevenths of a product with a vocabulary of 150,000. Beside RoBERTa: no layer norm behind the
embeddings, one behind the last block, no token types, places from 0. More: docs/encoder.md.

Shapes: T tokens, D documents, M tokens to predict, H hidden, N heads, K head size, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from trainer.attention import Documents, attend, backend_for
from trainer.encoder_config import Backend, EncoderConfig
from trainer.errors import ConfigError

__all__ = ["Encoder", "EncoderConfig"]


class Linear(nn.Linear):
    """Normal weights, zero bias; drawn by the constructor, after which DeepSpeed's `zero.Init` takes them."""

    def __init__(self, inputs: int, outputs: int, std: float) -> None:
        self.std = std  # before super(), which draws
        super().__init__(inputs, outputs)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)
        nn.init.zeros_(self.bias)


class Embedding(nn.Embedding):
    """The same for tables of vectors."""

    def __init__(self, rows: int, width: int, std: float) -> None:
        self.std = std
        super().__init__(rows, width)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)


class Norm(nn.LayerNorm):
    """Layer norm with mean and variance in FP32, whatever goes in and out (paper 2.4).

    torch's kernels do that. A copy in FP32 before them would give the same to a last bit here and there, and
    keep twice the memory for the backward pass. The square of anything above 255, which FP16 cannot hold, is
    never rounded to it. The released 20B code divides by the root of the mean square: that is another norm.
    """


class Attention(nn.Module):
    """Self-attention within documents; adds nothing, see `Block`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.attention_width
        self.qkv = Linear(config.hidden, 3 * width, config.init_std)
        self.out = Linear(width, config.hidden, _std_of_last(config))
        compiler: Any = torch.compiler  # untyped
        # Left out of what is compiled: a loop over documents is another one for every number of them.
        self.attend = compiler.disable(attend) if config.compile else attend

    def forward(self, hidden_TH: Tensor, documents: Documents, backend: Backend) -> Tensor:
        """(T, H) to (T, H)."""
        shape = (len(hidden_TH), 3, self.config.heads, self.config.head_size)
        q_TNK, k_TNK, v_TNK = self.qkv(hidden_TH).view(shape).unbind(1)
        dropout = self.config.attention_dropout if self.training else 0.0
        out_TNK: Tensor = self.attend(q_TNK, k_TNK, v_TNK, documents, backend=backend, dropout=dropout)
        projected: Tensor = self.out(out_TNK.flatten(1))
        return projected


class FeedForward(nn.Module):
    """Two projections with GELU between them."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.wide = Linear(config.hidden, config.inner, config.init_std)
        self.out = Linear(config.inner, config.hidden, _std_of_last(config))

    def forward(self, hidden_TH: Tensor) -> Tensor:
        """(T, H) to (T, H)."""
        projected: Tensor = self.out(F.gelu(self.wide(hidden_TH)))
        return projected


class Block(nn.Module):
    """Attention, then feed-forward; each on a normed copy, each added to the residual stream."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention_norm = Norm(config.hidden, eps=config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = Norm(config.hidden, eps=config.norm_eps)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden_TH: Tensor, documents: Documents, backend: Backend) -> Tensor:
        """(T, H) to (T, H)."""
        seen_TH = self.attention(self.attention_norm(hidden_TH), documents, backend)
        hidden_TH = hidden_TH + self.dropout(seen_TH)
        result: Tensor = hidden_TH + self.dropout(self.feed_forward(self.feed_forward_norm(hidden_TH)))
        return result


class Vocabulary(nn.Module):
    """The token embedding turned round, with a bias of its own: one parameter under two names."""

    def __init__(self, tokens: Embedding) -> None:
        super().__init__()
        self.weight = tokens.weight
        self.bias = nn.Parameter(torch.zeros(tokens.num_embeddings))

    def forward(self, hidden_MH: Tensor) -> Tensor:
        """(M, H) to (M, V)."""
        return F.linear(hidden_MH, self.weight, self.bias)


class Head(nn.Module):
    """RoBERTa's masked-LM head: a projection, GELU, a layer norm, the vocabulary."""

    def __init__(self, config: EncoderConfig, tokens: Embedding) -> None:
        super().__init__()
        self.dense = Linear(config.hidden, config.hidden, config.init_std)
        self.norm = Norm(config.hidden, eps=config.norm_eps)
        self.vocabulary = Vocabulary(tokens)

    def forward(self, hidden_MH: Tensor) -> Tensor:
        """(M, H) to (M, V)."""
        logits_MV: Tensor = self.vocabulary(self.norm(F.gelu(self.dense(hidden_MH))))
        return logits_MV


class Encoder(nn.Module):
    """Token ids of documents in, the loss of the hidden ones out."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = Embedding(config.vocab_size, config.hidden, config.init_std)
        self.places = Embedding(config.positions, config.hidden, config.init_std)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config.hidden, eps=config.norm_eps)
        self.head = Head(config, self.tokens)
        if config.compile:
            for block in self.blocks:
                block.compile(dynamic=True)

    def forward(
        self, ids: Tensor, cu_seqlens: Tensor, max_seqlen: int, positions: Tensor, labels: Tensor
    ) -> Tensor:
        """The sum of `losses`. Of no positions, or no tokens, a zero with a graph to all parameters."""
        return self.losses(ids, cu_seqlens, max_seqlen, positions, labels).sum()

    def losses(
        self, ids: Tensor, cu_seqlens: Tensor, max_seqlen: int, positions: Tensor, labels: Tensor
    ) -> Tensor:
        """(M,) cross entropy in nats of each label, in FP32 at least. `positions`: (M,) places in `ids`."""
        logits_MV = self.logits(self.hidden(ids, cu_seqlens, max_seqlen)[positions])
        wide = torch.promote_types(logits_MV.dtype, torch.float32)
        return F.cross_entropy(logits_MV.to(wide), labels, reduction="none")

    def hidden(self, ids: Tensor, cu_seqlens: Tensor, max_seqlen: int) -> Tensor:
        """(T, H) behind the final norm. `ids`: (T,) of D documents end to end; `cu_seqlens`: (D + 1,) where
        each begins, and T, on any device; `max_seqlen`: tokens of the longest.
        """
        if max_seqlen > self.config.positions:
            raise ConfigError(
                "model.positions",
                self.config.positions,
                accepted=f"at least {max_seqlen}, the tokens of the longest document given",
                do="split rows at what the model takes: max_tokens of the stream",
            )
        documents = Documents(cu_seqlens, max_seqlen, len(ids), ids.device)
        hidden_TH: Tensor = self.dropout(self.tokens(ids) + self.places(documents.place))
        backend = backend_for(self.config, hidden_TH.device, hidden_TH.dtype, self.training)
        for block in self.blocks:
            if self.config.checkpointing and torch.is_grad_enabled():
                hidden_TH = checkpoint(block, hidden_TH, documents, backend, use_reentrant=False)
            else:
                hidden_TH = block(hidden_TH, documents, backend)
        normed_TH: Tensor = self.norm(hidden_TH)
        return normed_TH

    def logits(self, hidden_at_positions: Tensor) -> Tensor:
        """(M, H) of `hidden` to (M, V), in the number format of the parameters."""
        logits_MV: Tensor = self.head(hidden_at_positions)
        return logits_MV


def _std_of_last(config: EncoderConfig) -> float:
    """Of what is added to the residual stream: 2 x layers of them have the variance of one (GPT-2's rule)."""
    return config.init_std / math.sqrt(2 * config.layers)
