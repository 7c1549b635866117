"""Three back ends, one answer; and none of them lets FP16 overflow."""

import inspect
import math
from contextlib import nullcontext

import pytest

torch = pytest.importorskip("torch")

import torch.nn.attention.varlen as kernels  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

from tests.trainer.encoders import config, documents, encoder  # noqa: E402
from trainer.attention import Documents, attend, backend_for  # noqa: E402
from trainer.encoder import Encoder  # noqa: E402

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
LENGTHS = (5, 1, 12, 3)


def at(*lengths, device=CPU) -> Documents:
    edges = torch.tensor([0, *lengths]).cumsum(0).int()
    return Documents(edges, max(lengths, default=0), sum(lengths), device)


def heads(n_tokens, seed=0, dtype=torch.float64, scale=1.0, device=CPU) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    made = torch.randn(3, n_tokens, 3, 8, generator=draw, dtype=torch.float64) * scale
    return [x.to(device, dtype).requires_grad_() for x in made]


def by_hand(q, k, v, *lengths) -> torch.Tensor:
    """All tokens with all tokens, and those of other documents struck out."""
    document = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    scores = torch.einsum("qnk,snk->nqs", q, k) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(document[:, None] != document[None], -math.inf)
    return torch.einsum("nqs,snk->qnk", scores.softmax(-1), v)


@pytest.mark.parametrize("backend", ["sdpa", "baddbmm"])
@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_a_back_end_gives_what_a_mask_over_all_tokens_gives_and_its_gradients(backend, lengths):
    ours, wanted = heads(sum(lengths)), heads(sum(lengths))
    out, expected = attend(*ours, at(*lengths), backend=backend), by_hand(*wanted, *lengths)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    (out * weight).sum().backward()
    (expected * weight).sum().backward()
    for x, y in zip(ours, wanted, strict=True):
        torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-12)


def test_the_variable_length_kernel_is_called_as_its_layout_wants_it(monkeypatch):
    asked = inspect.signature(kernels.varlen_attn)

    def reference(*args, **kwargs):
        bound = asked.bind(*args, **kwargs).arguments  # a name that torch changes is found here
        assert set(bound) == {"query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"}
        assert bound["cu_seq_q"].dtype == bound["cu_seq_k"].dtype == torch.int32
        assert (bound["max_q"], bound["max_k"]) == (12, 12)
        lengths = bound["cu_seq_q"].diff().tolist()
        return by_hand(bound["query"], bound["key"], bound["value"], *lengths)

    monkeypatch.setattr(kernels, "varlen_attn", reference)
    torch.testing.assert_close(
        attend(*heads(21), at(*LENGTHS), backend="varlen"),
        attend(*heads(21), at(*LENGTHS), backend="sdpa"),
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("device", ["meta", "cuda"])
def test_an_encoder_on_the_variable_length_kernel_has_the_right_shapes_without_a_gpu(device):
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with FakeTensorMode() if device == "cuda" else nullcontext(), torch.device(device):
            model = Encoder(config(attention="varlen"))
            cu_seqlens, ids = torch.empty(5, dtype=torch.int32), torch.empty(21, dtype=torch.int32)
            places = torch.empty(7, dtype=torch.int64)
            losses = model.losses(ids, cu_seqlens, 12, places, places)
            assert (losses.shape, losses.dtype, losses.device.type) == ((7,), torch.float32, device)
            if device == "meta":  # the backward pass of a fake GPU wants a real one
                losses.sum().backward()
                assert all(p.grad.shape == p.shape for p in model.parameters())
    finally:
        torch.set_default_dtype(previous)


def test_auto_takes_what_the_device_the_format_and_dropout_allow(monkeypatch):
    def found(device, dtype, training=True, capability=(9, 0), **fields):
        monkeypatch.setattr("trainer.attention._has_flash", lambda _: capability >= (8, 0))
        return backend_for(config(**fields), device, dtype, training)

    half, brain, single = torch.float16, torch.bfloat16, torch.float32
    assert found(CPU, single) == found(CPU, half) == "sdpa"
    assert found(GPU, brain) == found(GPU, half) == "varlen"
    assert found(GPU, single) == "sdpa"
    assert found(GPU, brain, attention_dropout=0.1) == "sdpa"
    assert found(GPU, brain, attention_dropout=0.1, training=False) == "varlen"
    assert found(GPU, brain, head_size=12) == "sdpa"
    assert found(GPU, half, capability=(7, 0)) == "baddbmm"  # a V100
    assert found(GPU, brain, capability=(7, 5)) == "sdpa"
    assert found(GPU, brain, attention="baddbmm") == "baddbmm"


def test_fp16_scores_overflow_when_scaled_after_the_product_and_not_in_any_back_end():
    # 60 * 60 * 128 = 460,800 is beyond FP16's 65,504; over sqrt(128) it is 40,729, which is not.
    q = torch.full((4, 1, 128), 60.0, dtype=torch.float16)
    v = torch.arange(4.0, dtype=torch.float16)[:, None, None].expand(4, 1, 128)
    naive = (q.transpose(0, 1) @ q.permute(1, 2, 0)) / math.sqrt(128)
    assert naive.isinf().all()
    for backend in ("sdpa", "baddbmm"):
        out = attend(q, q, v, at(4), backend=backend)
        assert out.dtype == torch.float16
        assert (out == 1.5).all()  # equal scores: the mean of 0, 1, 2, 3


@pytest.mark.parametrize("backend", ["sdpa", "baddbmm"])
def test_dropout_takes_weights_away_and_is_off_unless_asked_for(backend):
    torch.manual_seed(0)
    q, k, _ = heads(4096)
    v = torch.ones_like(q)
    lengths = (64,) * 64
    assert (attend(q, k, v, at(*lengths), backend=backend) - 1).abs().max() < 1e-12
    out = attend(q, k, v, at(*lengths), backend=backend, dropout=0.5)
    assert out.std() > 0.05
    assert abs(out.mean().item() - 1) < 0.02  # what stays is doubled


@pytest.mark.parametrize("backend", ["sdpa", "baddbmm", "varlen"])
def test_no_documents_are_no_work(backend):
    out = attend(*heads(0), at(), backend=backend)
    assert out.shape == (0, 3, 8)
    assert out.requires_grad


def test_places_begin_at_0_in_every_document():
    found = at(3, 1, 2)
    assert found.place.tolist() == [0, 1, 2, 0, 0, 1]
    assert found.document.tolist() == [0, 0, 0, 1, 2, 2]
    assert found.lengths == [3, 1, 2]


@pytest.mark.parametrize(("longest", "tokens"), [(3, 7), (5, 7), (4, 6), (4, 8)])
def test_edges_that_contradict_the_rest_are_refused(longest, tokens):
    with pytest.raises(ValueError, match=f"max_seqlen is {longest} and there are {tokens} ids; .* 4 and 7"):
        Documents(torch.tensor([0, 4, 7]), longest, tokens, CPU)


def test_the_whole_encoder_is_the_same_with_either_back_end_of_the_cpu():
    given = documents(*LENGTHS)
    losses = [encoder(attention=name).losses(*given) for name in ("sdpa", "baddbmm")]
    torch.testing.assert_close(losses[0], losses[1], rtol=0, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_on_a_gpu_the_kernel_gives_what_the_cpu_gives(dtype):
    tolerance = {torch.bfloat16: 2e-2, torch.float16: 3e-3}[dtype]
    wanted = heads(21, dtype=dtype)
    wanted = [x.detach().double().requires_grad_() for x in wanted]
    expected = attend(*wanted, at(*LENGTHS), backend="sdpa")
    expected.sum().backward()
    for backend in ("varlen", "sdpa", "baddbmm"):
        ours = heads(21, dtype=dtype, device=GPU)
        out = attend(*ours, at(*LENGTHS, device=GPU), backend=backend)
        out.sum().backward()
        torch.testing.assert_close(out.cpu().double(), expected, rtol=0, atol=tolerance)
        for x, y in zip(ours, wanted, strict=True):
            torch.testing.assert_close(x.grad.cpu().double(), y.grad, rtol=0, atol=5 * tolerance)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_an_encoder_trains_alike_with_every_back_end_and_compiled():
    given = documents(*LENGTHS).to("cuda")
    wanted = encoder(dtype=torch.bfloat16).to("cuda").losses(*given)
    for fields in (
        {"attention": "sdpa"},
        {"attention": "baddbmm"},
        {"compile": True},
        {"checkpointing": True},
    ):
        model = encoder(dtype=torch.bfloat16, **fields).to("cuda")
        losses = model.losses(*given)
        losses.sum().backward()
        torch.testing.assert_close(losses, wanted, rtol=0, atol=5e-2)
