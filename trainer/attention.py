"""Self-attention within documents that lie end to end: one function, three ways to compute it, one answer.

Shapes: T tokens, D documents, N heads, K head size, S tokens of the longest document.

| back end  | runs on                | memory  | dropout | cost                                         |
|-----------|------------------------|---------|---------|----------------------------------------------|
| `varlen`  | CUDA from 8.0, 16 bits | T       | no      | one kernel for all documents                 |
| `sdpa`    | everywhere             | T       | yes     | a kernel a document; the lengths on the host |
| `baddbmm` | everywhere             | D N S S | yes     | two products over padded documents           |

`baddbmm` is the paper's way (2.4): query times key is scaled inside the product, before it is rounded to
FP16, which the plain product overflows. The others scale inside their kernels. Every softmax is in FP32.
"""

from __future__ import annotations

import math
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.encoder_config import Backend, EncoderConfig


class Documents:
    """Where documents lie in T tokens: what attention and positions need, made once for all layers."""

    def __init__(self, cu_seqlens: Tensor, longest: int, n_tokens: int, device: torch.device) -> None:
        """`cu_seqlens`: (D + 1,) on any device; on the CPU it is checked and spares `sdpa` a wait."""
        self.given = cu_seqlens
        self.edges = cu_seqlens.to(device, torch.int32)
        self.longest = longest
        sizes, self.n_documents = self.edges.diff(), len(cu_seqlens) - 1
        if cu_seqlens.device.type == "cpu":
            self._check(n_tokens)
        numbers = torch.arange(self.n_documents, device=device)
        self.document = numbers.repeat_interleave(sizes, output_size=n_tokens)
        """(T,) which document a token is of."""
        self.place = torch.arange(n_tokens, device=device) - self.edges[self.document]
        """(T,) its place there, from 0."""

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each document, on the host."""
        sizes: list[int] = self.given.diff().tolist()
        return sizes

    def _check(self, n_tokens: int) -> None:
        found = max(self.lengths, default=0)
        if found != self.longest or sum(self.lengths) != n_tokens:
            given = f"max_seqlen is {self.longest} and there are {n_tokens} ids"
            raise ValueError(f"{given}; cu_seqlens says {found} and {sum(self.lengths)}")


def attend(
    q_TNK: Tensor,
    k_TNK: Tensor,
    v_TNK: Tensor,
    documents: Documents,
    *,
    backend: Backend,
    dropout: float = 0.0,
) -> Tensor:
    """Every token looks at all tokens of its own document and at no other. Returns (T, N, K)."""
    if documents.n_documents == 0:
        return v_TNK  # an empty microbatch, which a rank may have: nothing to compute, but a graph
    if backend == "varlen":
        return _varlen(q_TNK, k_TNK, v_TNK, documents)
    if backend == "baddbmm":
        return _baddbmm(q_TNK, k_TNK, v_TNK, documents, dropout)
    return _sdpa(q_TNK, k_TNK, v_TNK, documents, dropout)


def backend_for(config: EncoderConfig, device: torch.device, dtype: torch.dtype, training: bool) -> Backend:
    """What `auto` stands for here; a back end that was named stays."""
    if config.attention != "auto":
        return config.attention
    sixteen = dtype in (torch.float16, torch.bfloat16)
    if device.type == "cuda" and sixteen:
        if not _has_flash(device):
            return "baddbmm" if dtype == torch.float16 else "sdpa"
        if config.fits_varlen and not (training and config.attention_dropout):
            return "varlen"
    return "sdpa"


@cache
def _has_flash(device: torch.device) -> bool:
    major, _ = torch.cuda.get_device_capability(device)
    return bool(major >= 8)


def _varlen(q_TNK: Tensor, k_TNK: Tensor, v_TNK: Tensor, documents: Documents) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    edges, longest = documents.edges, documents.longest
    out_TNK = varlen_attn(q_TNK, k_TNK, v_TNK, edges, edges, longest, longest)
    assert isinstance(out_TNK, Tensor)
    return out_TNK


def _sdpa(q_TNK: Tensor, k_TNK: Tensor, v_TNK: Tensor, documents: Documents, dropout: float) -> Tensor:
    parts = [torch.split(x_TNK, documents.lengths) for x_TNK in (q_TNK, k_TNK, v_TNK)]
    outs = []
    for q_SNK, k_SNK, v_SNK in zip(*parts, strict=True):
        q_BNSK, k_BNSK, v_BNSK = (x_SNK.transpose(0, 1)[None] for x_SNK in (q_SNK, k_SNK, v_SNK))
        out_BNSK = F.scaled_dot_product_attention(q_BNSK, k_BNSK, v_BNSK, dropout_p=dropout)
        outs.append(out_BNSK[0].transpose(0, 1))
    return torch.cat(outs)


def _baddbmm(q_TNK: Tensor, k_TNK: Tensor, v_TNK: Tensor, documents: Documents, dropout: float) -> Tensor:
    n_documents, longest = documents.n_documents, documents.longest
    n_heads, size = q_TNK.shape[1:]
    row = documents.document * longest + documents.place

    def padded(x_TNK: Tensor) -> Tensor:
        rows = x_TNK.new_zeros(n_documents * longest, n_heads, size).index_copy(0, row, x_TNK)
        return rows.view(n_documents, longest, n_heads, size).transpose(1, 2).flatten(0, 1)

    places = torch.arange(longest, device=row.device)
    unseen_DS = places >= documents.edges.diff()[:, None]
    bias_DS = q_TNK.new_zeros(unseen_DS.shape).masked_fill(unseen_DS, -math.inf)
    bias_B1S = bias_DS.repeat_interleave(n_heads, 0)[:, None]  # B: document and head
    scale = 1 / math.sqrt(size)
    scores_BSS = torch.baddbmm(bias_B1S, padded(q_TNK), padded(k_TNK).mT, alpha=scale)
    weights_BSS = scores_BSS.softmax(-1, dtype=torch.promote_types(scores_BSS.dtype, torch.float32))
    out_BSK = F.dropout(weights_BSS, dropout).to(v_TNK.dtype) @ padded(v_TNK)
    out_DSNK = out_BSK.view(n_documents, n_heads, longest, size).transpose(1, 2)
    return out_DSNK.reshape(-1, n_heads, size)[row]
