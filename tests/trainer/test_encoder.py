"""The encoder: what it computes, that packing changes nothing, and that 16 bits do not break it."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from tests.trainer.encoders import (  # noqa: E402
    VOCABULARY,
    Given,
    assert_equal,
    documents,
    encoder,
    gradients,
    one_by_one,
)
from trainer.batches import Pieces  # noqa: E402
from trainer.encoder import Norm  # noqa: E402
from trainer.errors import ConfigError  # noqa: E402

LENGTHS = (5, 1, 12, 3)


# ---- what it computes


def by_hand(model, ids: torch.Tensor) -> torch.Tensor:
    """Logits of one document, written down from the paper's text with the model's weights."""
    weight = dict(model.named_parameters())

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.pow(2).mean(-1, keepdim=True)
        return centred / (variance + 1e-5).sqrt() * weight[f"{name}.weight"] + weight[f"{name}.bias"]

    def linear(x, name):
        return x @ weight[f"{name}.weight"].T + weight[f"{name}.bias"]

    def gelu(x):
        return x * (1 + torch.erf(x / math.sqrt(2))) / 2

    x = weight["tokens.weight"][ids.long()] + weight["places.weight"][: len(ids)]
    for layer in ("blocks.0", "blocks.1"):
        q, k, v = linear(norm(x, f"{layer}.attention_norm"), f"{layer}.attention.qkv").chunk(3, -1)
        heads = [slice(8 * n, 8 * n + 8) for n in range(3)]
        seen = [(q[:, h] @ k[:, h].T / math.sqrt(8)).softmax(-1) @ v[:, h] for h in heads]
        x = x + linear(torch.cat(seen, -1), f"{layer}.attention.out")
        wide = gelu(linear(norm(x, f"{layer}.feed_forward_norm"), f"{layer}.feed_forward.wide"))
        x = x + linear(wide, f"{layer}.feed_forward.out")
    x = norm(gelu(linear(norm(x, "norm"), "head.dense")), "head.norm")
    return x @ weight["tokens.weight"].T + weight["head.vocabulary.bias"]


def test_the_logits_are_those_of_the_paper_s_text_written_down_anew():
    model, given = encoder(), documents(7)
    with torch.no_grad():  # norms and biases that do something
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    logits = model.logits(model.hidden(*given[:3]))
    torch.testing.assert_close(logits, by_hand(model, given.ids), rtol=0, atol=1e-10)


def test_the_loss_is_the_sum_of_the_losses_and_those_are_cross_entropies_in_nats():
    model, given = encoder(), documents(*LENGTHS)
    losses = model.losses(*given)
    logits = model.logits(model.hidden(*given[:3]))[given.positions]
    wanted = [logits[n].logsumexp(0) - logits[n, label] for n, label in enumerate(given.labels)]
    torch.testing.assert_close(losses, torch.stack(wanted), rtol=0, atol=1e-12)
    torch.testing.assert_close(model(*given), losses.sum())
    assert losses.shape == given.labels.shape == (7,)


def test_the_loss_of_an_untrained_model_is_that_of_guessing():
    given = documents(*[12] * 50)
    loss = encoder(dtype=torch.float32)(*given).item() / len(given.labels)
    assert loss == pytest.approx(math.log(VOCABULARY), abs=0.05)


def test_the_head_is_tied_to_the_embedding_one_parameter_with_the_gradients_of_both():
    model, given = encoder(), documents(*LENGTHS)
    assert model.head.vocabulary.weight is model.tokens.weight
    assert sum(p.shape == (VOCABULARY, 16) for p in model.parameters()) == 1
    with torch.no_grad():
        model.tokens.weight += 1
    assert (model.head.vocabulary.weight == model.tokens.weight).all()
    model(*given).backward()
    unseen = sorted(set(range(VOCABULARY)) - set(given.ids.tolist()) - set(given.labels.tolist()))
    assert len(unseen) > 20
    assert (model.tokens.weight.grad[unseen].abs().sum(-1) > 0).all()  # through the softmax alone


def test_the_head_is_computed_for_the_positions_alone():
    model, given = encoder(), documents(*LENGTHS)
    shapes = []
    model.head.register_forward_hook(lambda _module, _given, logits: shapes.append(tuple(logits.shape)))
    model(*given)
    assert shapes == [(7, VOCABULARY)]


def test_weights_begin_as_the_configuration_says_and_last_projections_smaller():
    model = encoder(hidden=64, inner=256, layers=8, heads=8, init_std=0.02)
    attention = model.blocks[0].attention
    assert attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert attention.out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)  # sqrt(2 * 8) = 4
    assert model.places.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not attention.qkv.bias.any()
    assert not model.head.vocabulary.bias.any()


def test_it_learns_one_batch_by_heart():
    model, given = encoder(dtype=torch.float32), documents(*LENGTHS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model(*given)
        loss.backward()
        optimizer.step()
    assert loss.item() / len(given.labels) < 0.1


# ---- packing


@pytest.mark.parametrize("attention", ["sdpa", "baddbmm"])
def test_packed_documents_have_the_losses_and_gradients_of_documents_one_by_one(attention):
    packed, alone, given = encoder(attention=attention), encoder(attention=attention), documents(*LENGTHS)
    losses = packed.losses(*given)
    losses.sum().backward()
    parts = [alone.losses(*part) for part in one_by_one(given)]
    torch.testing.assert_close(losses, torch.cat(parts), rtol=0, atol=1e-12)
    for part in parts:
        part.sum().backward()
    assert_equal(gradients(packed), gradients(alone))


@pytest.mark.parametrize("attention", ["sdpa", "baddbmm"])
@pytest.mark.parametrize("changed", range(len(LENGTHS)))
def test_a_document_that_is_changed_leaves_the_logits_of_all_others_to_the_last_bit(attention, changed):
    model, given = encoder(attention=attention), documents(*LENGTHS)
    document = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))
    ids = torch.where(document == changed, (given.ids + 1) % VOCABULARY, given.ids)
    before, after = (model.logits(model.hidden(x, *given[1:3])) for x in (given.ids, ids))
    moved = (before != after).any(-1)
    assert moved.tolist() == (document == changed).tolist()


def test_the_order_of_documents_does_not_matter():
    model, one, other = encoder(), documents(5, 7), documents(7, 5)
    ids = torch.cat([one.ids[5:], one.ids[:5]])
    hidden = model.hidden(*one[:3])
    swapped = model.hidden(ids, *other[1:3])
    torch.testing.assert_close(torch.cat([hidden[5:], hidden[:5]]), swapped, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ids", [torch.int32, torch.int64])
@pytest.mark.parametrize("edges", [torch.int32, torch.int64])
def test_ids_and_edges_may_be_of_32_or_64_bits(ids, edges):
    model, given = encoder(), documents(*LENGTHS)
    wanted = model(*given)
    assert model(given.ids.to(ids), given.cu_seqlens.to(edges), *given[2:]) == wanted


def test_a_microbatch_of_the_stream_is_taken_without_a_copy():
    cu_seqlens = np.array([0, 4, 7], np.int32)
    part = Pieces(
        ids=np.array([1, 60, 61, 2, 1, 62, 2], np.int32),
        cu_seqlens=cu_seqlens,
        positions=np.array([1, 5]),
        labels=np.array([70, 71]),
        seq_ids=np.array([0, 1]),
        piece=np.zeros(2, np.int32),
        lang=np.zeros(2, np.int16),
        form=np.zeros(2, np.int8),
    )
    arrays = [torch.from_numpy(x) for x in (part.ids, part.cu_seqlens, part.positions, part.labels)]
    loss = encoder()(arrays[0], arrays[1], part.max_seqlen, arrays[2], arrays[3])
    assert loss.item() / 2 == pytest.approx(math.log(VOCABULARY), abs=0.5)


@pytest.mark.parametrize(
    ("attention", "lengths"),
    [("sdpa", LENGTHS), ("baddbmm", LENGTHS), ("sdpa", ()), ("baddbmm", ()), ("varlen", ())],
)
def test_without_positions_the_loss_is_a_zero_that_every_parameter_hangs_on(attention, lengths):
    nothing, given = torch.zeros(0, dtype=torch.int64), documents(*lengths)
    model = encoder(attention=attention)
    loss = model(*given[:3], nothing, nothing)
    loss.backward()
    assert loss == 0
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_a_document_longer_than_the_positions_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"model\.positions is 12, accepted: at least 13"):
        encoder()(*documents(3, 13))
    assert encoder()(*documents(3, 12)) > 0


# ---- 16 bits


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_16_bit_models_are_in_fp32_and_finer_than_16_bits(dtype):
    model, given = encoder(dtype=dtype), documents(*LENGTHS)
    losses = model.losses(*given)
    assert losses.dtype == torch.float32
    logits = model.logits(model.hidden(*given[:3])[given.positions])
    assert logits.dtype == dtype
    wanted = F.cross_entropy(logits.double(), given.labels, reduction="none")
    assert (losses - wanted).abs().max() < 1e-5
    naive = F.cross_entropy(logits, given.labels, reduction="none")
    assert (naive - wanted).abs().max() > 1e-4
    model(*given).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_the_variance_of_a_norm_is_in_fp32_where_fp16_overflows():
    # 300 squared is 90,000, beyond 65,504; of x = +-300 the norm is +-1.
    x = torch.tensor([[300.0, -300.0] * 8], dtype=torch.float16)
    assert x.pow(2).mean(-1).isinf().all()
    norm = Norm(16).half()
    assert norm(x).tolist() == [[1.0, -1.0] * 8]
    wide = torch.randn(64, 256, generator=torch.Generator().manual_seed(0)) * 3000
    for dtype, step in ((torch.float16, 2**-10), (torch.bfloat16, 2**-7)):
        found = F.layer_norm(wide.to(dtype), (256,))
        wanted = F.layer_norm(wide.to(dtype).float(), (256,))
        assert ((found.float() - wanted).abs() <= step * wanted.abs().clamp(min=1)).all()
    x.requires_grad_()
    norm(x).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("dtype", "step"), [(torch.float16, 2**-10), (torch.bfloat16, 2**-7)])
def test_on_a_gpu_the_variance_is_in_fp32_too(dtype, step):
    wide = (torch.randn(64, 256, generator=torch.Generator().manual_seed(0)) * 3000).to("cuda", dtype)
    found = Norm(256).to("cuda", dtype)(wide).float()
    wanted = F.layer_norm(wide.float(), (256,))
    assert ((found - wanted).abs() <= step * wanted.abs().clamp(min=1)).all()


def test_an_fp16_model_with_large_activations_stays_finite_forward_and_backward():
    # Queries and keys of 60, as in tests/trainer/test_attention.py, and a residual stream of some thousands.
    for attention in ("sdpa", "baddbmm"):
        model = encoder(dtype=torch.float16, attention=attention)
        with torch.no_grad():
            model.places.weight.mul_(1e5)
            model.blocks[0].attention.qkv.weight.mul_(500)
        given = documents(*LENGTHS)
        hidden = []
        model.blocks[0].attention_norm.register_forward_hook(lambda _m, x, _y, at=hidden: at.append(x[0]))
        model.blocks[0].attention.qkv.register_forward_hook(lambda _m, _x, y, at=hidden: at.append(y))
        loss = model(*given) / len(given.labels)
        stream, qkv = hidden
        assert stream.pow(2).mean(-1).isinf().any()
        q, k = qkv.view(-1, 3, 3, 8)[:, :2].unbind(1)
        assert (q.transpose(0, 1) @ k.permute(1, 2, 0)).abs().max() > 1000
        loss.backward()
        assert loss.isfinite()
        assert all(p.grad.isfinite().all() for p in model.parameters())


# ---- options


@pytest.mark.parametrize("attention", ["sdpa", "baddbmm"])
def test_checkpointing_gives_the_same_losses_and_gradients_with_dropout_too(attention):
    models = [encoder(dropout=0.1, attention=attention, checkpointing=on) for on in (False, True)]
    losses = []
    for model in models:
        torch.manual_seed(7)
        loss = model(*documents(*LENGTHS))
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == losses[1]
    assert_equal(*map(gradients, models))


def test_checkpointing_computes_each_block_twice():
    model, calls = encoder(checkpointing=True), []
    for number, block in enumerate(model.blocks):
        block.register_forward_pre_hook(lambda _module, _given, number=number: calls.append(number))
    model(*documents(*LENGTHS)).backward()
    assert calls == [0, 1, 1, 0]
    with torch.no_grad():
        model(*documents(*LENGTHS))
    assert calls == [0, 1, 1, 0, 0, 1]


def test_dropout_is_drawn_in_training_and_not_in_evaluation():
    model, given = encoder(dropout=0.3, attention_dropout=0.3), documents(*LENGTHS)
    assert model(*given) != model(*given)
    model.eval()
    assert model(*given) == model(*given) == encoder()(*given)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own use of it
def test_a_compiled_encoder_has_the_same_names_and_compiles_nothing_before_its_first_step():
    plain, compiled = encoder(), encoder(compile=True)
    assert plain.state_dict().keys() == compiled.state_dict().keys()
    assert all(block._compiled_call_impl is not None for block in compiled.blocks)
    assert all(block._compiled_call_impl is None for block in plain.blocks)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's compiler has deprecations of its own
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_compiled_encoder_gives_the_same_losses_for_batches_of_all_shapes(checkpointing):
    plain, compiled = encoder(), encoder(compile=True, checkpointing=checkpointing)
    for seed, lengths in enumerate([(5, 1, 12, 3), (4, 4), (9,), (2, 3, 5, 7, 11), (12, 12)]):
        given = documents(*lengths, seed=seed)
        torch.testing.assert_close(plain.losses(*given), compiled.losses(*given), rtol=0, atol=1e-10)
        for model in (plain, compiled):
            model.zero_grad()
            model(*given).backward()
        assert_equal(gradients(plain), gradients(compiled), atol=1e-10)


def test_a_given_batch_is_what_the_tests_think_it_is():
    given = documents(*LENGTHS)
    assert isinstance(given, Given)
    assert given.cu_seqlens.tolist() == [0, 5, 6, 18, 21]
    assert given.positions.tolist() == [1, 4, 7, 10, 13, 16, 19]
    assert [len(part.labels) for part in one_by_one(given)] == [2, 0, 4, 1]
