"""GRU cell, drop path, multi-head attention and transformer blocks.

Oracles: loops written from the definition, identities, and values that PyTorch 2.13 gave for
weights and inputs that a formula makes (`filled`, `waves`).
"""

import math

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops


def waves(*shape):
    """cos(0.9·i), i counting the elements."""
    return mg.tensor(np.cos(np.arange(math.prod(shape)) * 0.9).reshape(shape).astype(np.float32))


def filled(module):
    """The module, the k-th tensor of its state dict ½·sin(0.7·i + k)."""
    for k, tensor in enumerate(module._state().values()):
        mg.assign(tensor, np.sin(np.arange(tensor.numel()) * 0.7 + k).reshape(tensor.shape) / 2)
    return module


def close(tensor, expected, rtol=1e-5):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=rtol, atol=rtol)


def drawn(*shape, seed=0):
    return mg.Generator(seed).normal(shape)


# ---- values of PyTorch

VALUES = {    # name -> what is computed, and PyTorch's numbers
    "GRUCell": (
        lambda: filled(nn.GRUCell(3, 2))(waves(2, 3), waves(2, 2)),
        [0.3191045, -0.2076273, -0.4184736, 0.0644005],
    ),
    "MultiheadAttention": (
        lambda: filled(nn.MultiheadAttention(4, 2))(*[waves(n, 1, 4) for n in (2, 3, 3)])[0],
        [[0.1327448, -0.4841278, -0.1248972, -0.9049565],
         [0.0627731, -0.4870126, -0.0494893, -1.0441737]],
    ),
    "its weights": (
        lambda: filled(nn.MultiheadAttention(4, 2))(*[waves(n, 1, 4) for n in (2, 3, 3)])[1],
        [0.5112134, 0.2240667, 0.2647198, 0.1161211, 0.5623134, 0.3215655],
    ),
    "pre-norm encoder": (
        lambda: filled(
            nn.TransformerEncoderLayer(4, 2, 3, 0.0, activation="gelu", norm_first=True)
        )(waves(2, 1, 4)),
        [[1.5291681, 0.5100808, 0.2060488, -1.7394893],
         [-0.2958716, -0.3684654, 1.0353804, 0.2465232]],
    ),
    "post-norm encoder": (
        lambda: filled(nn.TransformerEncoderLayer(4, 2, 3, 0.0))(waves(2, 1, 4)),
        [[-0.928066, -0.4100588, 0.4321758, 0.3699269],
         [-0.6905811, -0.9831655, 0.3863401, 0.4654354]],
    ),
    "post-norm decoder": (
        lambda: filled(nn.TransformerDecoderLayer(4, 2, 3, 0.0))(waves(2, 1, 4), waves(3, 1, 4)),
        [[-0.2413647, -0.521349, -0.6871046, -0.0670482],
         [-0.3663114, 0.0217989, -0.8498704, -0.1016961]],
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_weights_of_pytorch_give_values_of_pytorch(name):
    compute, expected = VALUES[name]
    close(compute().reshape(-1), np.ravel(expected))


def names(prefix, *parts):
    return [f"{prefix}.{part}" for part in parts]


def test_names_and_layouts_are_pytorchs():
    attention = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    layers = ("linear1", "linear2", "norm1", "norm2")
    rest = [f"{name}.{part}" for name in layers for part in ("weight", "bias")]
    layer = nn.TransformerEncoderLayer(4, 2, 6)
    assert list(layer.state_dict()) == names("self_attn", *attention) + rest
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6), 2, nn.LayerNorm(4))
    own, read = names("self_attn", *attention), names("multihead_attn", *attention)
    block = [*own, *read, *rest, "norm3.weight", "norm3.bias"]
    expected = names("layers.0", *block) + names("layers.1", *block) + ["norm.weight", "norm.bias"]
    assert list(decoder.state_dict()) == expected
    apart = nn.MultiheadAttention(4, 2, kdim=3, vdim=5)
    shapes = {name: t.shape for name, t in apart.state_dict().items() if "_weight" in name}
    assert shapes == {
        "q_proj_weight": (4, 4), "k_proj_weight": (4, 3), "v_proj_weight": (4, 5)
    }  # fmt: skip
    cell = nn.GRUCell(5, 2)
    assert {name: t.shape for name, t in cell.state_dict().items()} == {
        "weight_ih": (6, 5), "weight_hh": (6, 2), "bias_ih": (6,), "bias_hh": (6,)
    }  # fmt: skip
    # the count of a block: 4d² + 4d of attention, 2·d·f + f + d, two norms
    assert sum(p.numel() for p in nn.TransformerEncoderLayer(512, 8).parameters()) == 3_152_384


def test_first_weights():
    layer, bound = nn.MultiheadAttention(60, 2, rng=mg.Generator(0)), math.sqrt(6 / (4 * 60))
    weight = layer.in_proj_weight.detach().numpy()  # Xavier, of all three as one matrix
    assert 0.99 * bound < abs(weight).max() <= bound
    np.testing.assert_allclose(weight.std(), bound / math.sqrt(3), rtol=0.02)
    assert not layer.in_proj_bias.data.any() and not layer.out_proj.bias.data.any()
    weight = nn.GRUCell(9, 100, rng=mg.Generator(0)).weight_hh.detach().numpy()
    assert 0.099 < abs(weight).max() <= 0.1


# ---- the GRU cell


def test_gates_of_the_gru():
    """z near 1 keeps the state; z near 0 and r near 0 forget it."""
    cell, h = nn.GRUCell(2, 3), drawn(1, 3)
    mg.assign(cell.bias_ih, np.repeat([0.0, 50.0, 0.0], 3))
    close(cell(mg.ones(1, 2), h), h.numpy())
    mg.assign(cell.bias_ih, np.repeat([-50.0, -50.0, 0.0], 3))
    proposal = cell.weight_ih[6:].sum(1) + cell.bias_ih[6:]
    close(cell(mg.ones(1, 2), h)[0], np.tanh(proposal.detach().numpy()), 1e-4)
    close(cell(mg.ones(2))[None], cell(mg.ones(1, 2), mg.zeros(1, 3)).detach().numpy(), 1e-6)
    with pytest.raises(ValueError, match=r"GRUCell\(2, 3\) got x \(4, 1, 2\).*one step, not a seq"):
        cell(mg.ones(4, 1, 2))
    with pytest.raises(ValueError, match=r"h \(1, 3\)"):
        cell(mg.ones(4, 2), mg.ones(1, 3))


# ---- drop path


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    drop, x = nn.DropPath(0.25, rng=mg.Generator(0)), mg.ones(4000, 2, 3)
    y = drop(x).numpy()
    per_sample = y.reshape(4000, -1)
    assert (per_sample == per_sample[:, :1]).all()
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)
    assert abs(y.mean() - 1) < 0.03
    assert drop.eval()(x) is x
    assert nn.DropPath()(x) is x
    assert repr(drop) == "DropPath(p=0.25)"


# ---- attention


def by_loops(layer, x, allowed):
    """Self-attention of one sample (L, E), a query, a head and a key at a time."""
    w, b = layer.in_proj_weight.detach().numpy(), layer.in_proj_bias.detach().numpy()
    q, k, v = np.split(x @ w.T + b, 3, -1)
    d = layer.embed_dim // layer.num_heads
    read = np.zeros_like(x)
    for i in range(len(x)):
        for h in range(layer.num_heads):
            part = slice(h * d, (h + 1) * d)
            keys = [j for j in range(len(x)) if allowed[i, j]]
            scores = np.array([np.exp(q[i, part] @ k[j, part] / np.sqrt(d)) for j in keys])
            read[i, part] = scores / scores.sum() @ v[keys, part]
    return read @ layer.out_proj.weight.detach().numpy().T + layer.out_proj.bias.detach().numpy()


def test_masks_by_loops():
    layer = nn.MultiheadAttention(6, 3, batch_first=True, rng=mg.Generator(1))
    x = drawn(2, 4, 6)
    hidden = np.random.default_rng(0).random((4, 4)) < 0.4
    hidden[:, 0] = False
    padding = np.array([[False] * 4, [False, False, True, True]])
    for mask, pad, causal in (
        (None, None, False), (hidden, None, False), (None, padding, False),
        (None, None, True), (hidden, padding, True),
    ):  # fmt: skip
        tensors = [None if m is None else mg.tensor(m) for m in (mask, pad)]
        options = {"attn_mask": tensors[0], "key_padding_mask": tensors[1], "is_causal": causal}
        y, weights = layer(x, x, x, **options)
        for n in range(2):
            off = np.zeros((4, 4), bool) if mask is None else hidden
            off = off | (np.zeros(4, bool) if pad is None else padding[n])
            off = off | (~np.tri(4, dtype=bool) if causal else False)
            close(y[n], by_loops(layer, x.numpy()[n], ~off))
            assert not weights.detach().numpy()[n][off].any()
        close(weights.sum(-1), np.ones((2, 4)))
        close(layer(x, x, x, need_weights=False, **options)[0], y.detach().numpy(), 1e-6)
        floats = [None if t is None else ops.where(t, -math.inf, 0.0) for t in tensors]
        options |= {"attn_mask": floats[0], "key_padding_mask": floats[1]}
        close(layer(x, x, x, **options)[0], y.detach().numpy(), 1e-6)


def test_causal_queries_fewer_than_keys_look_at_the_first():
    layer, x = nn.MultiheadAttention(4, 1, batch_first=True), drawn(1, 3, 4)
    for options in ({}, {"key_padding_mask": mg.zeros(1, 3) > 0}):
        _, weights = layer(x[:, :1], x, x, is_causal=True, **options)
        close(weights, [[[1, 0, 0]]])
        assert layer(x[:, :2], x, x, is_causal=True, **options)[1][0, 1].tolist()[2] == 0


def test_a_mask_for_each_head_and_a_query_that_may_look_at_nothing():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, rng=mg.Generator(1))
    x, hidden = drawn(1, 3, 4), np.zeros((2, 3, 3), bool)
    hidden[1, :, 1:] = True
    _, weights = layer(x, x, x, attn_mask=mg.tensor(hidden), average_attn_weights=False)
    close(weights[0, 1], [[1, 0, 0]] * 3)
    assert (weights[0, 0].detach().numpy() > 0).all()
    y, weights = layer(x, x, x, key_padding_mask=mg.tensor([[True] * 3]))
    close(weights, np.zeros((1, 3, 3)))
    close(y[0], [layer.out_proj.bias.detach().numpy()] * 3)


def test_layouts_agree():
    first = nn.MultiheadAttention(6, 2, batch_first=True, rng=mg.Generator(1))
    second = nn.MultiheadAttention(6, 2)
    second.load_state_dict(first.state_dict())
    q, k = drawn(2, 3, 6), drawn(2, 5, 6, seed=1)
    y, weights = first(q, k, k)
    swapped, others = second(q.transpose(0, 1), k.transpose(0, 1), k.transpose(0, 1))
    close(swapped.transpose(0, 1), y.detach().numpy(), 1e-6)
    close(others, weights.detach().numpy(), 1e-6)
    for layer in (first, second):
        one, weights_of_one = layer(q[1], k[1], k[1])
        close(one, y[1].detach().numpy(), 1e-6)
        close(weights_of_one, weights[1].detach().numpy(), 1e-6)


def test_dropout_of_weights_only_in_training():
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, rng=mg.Generator(1))
    x = drawn(5, 1, 4)
    _, weights = layer(x, x, x)
    assert abs((weights.sum(-1) - 1).detach().numpy()).max() > 0.1
    close(layer.eval()(x, x, x)[1].sum(-1), np.ones((1, 5)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: m(x, x), "give key and value, or neither"),
        (lambda m, x: m(x), r"attention to itself is attention\(x, x, x\)"),
        (lambda m, x: m(x, x[..., :3], x), r"key \(5, 2, 3\).*expected \(L, N, width\) of width 4"),
        (lambda m, x: m(x, x[:, :1], x), r"key \(5, 1, 4\).*with one N"),
        (lambda m, x: m(x, x, x, mg.ones(5, 2) > 0), r"padding_mask \(5, 2\), expected \(2, 5\)"),
        (lambda m, x: m(x, x, x, attn_mask=mg.ones(5, 4)), r"expected \(5, 5\) or \(4, 5, 5\)"),
        (lambda m, x: m(x, x, x, attn_mask=mg.ones(5, 5).long()), "True: may not look"),
        (lambda m, x: m(x, x, x, np.ones((2, 5)) > 0), "key_padding_mask is a ndarray, expected"),
        (lambda m, x: m(x, x, x[:3]), r"key \(5, 2, 4\) and value \(3, 2, 4\) differ in length"),
        (lambda m, x: m(*[x[..., :3]] * 3), r"\): query \(5, 2, 3\): expected"),
        (lambda m, x: nn.MultiheadAttention(4, 2, 1.5), "dropout is a probability.*not 1.5"),
        (lambda m, x: nn.MultiheadAttention(4, 2, vdim=0), "vdim must be a whole number >= 1"),
        (lambda m, x: nn.MultiheadAttention(4, 3), "num_heads 3 must divide embed_dim 4"),
    ],
)  # fmt: skip
def test_wrong_calls_are_named(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(nn.MultiheadAttention(4, 2), drawn(5, 2, 4))


# ---- the cache


@pytest.mark.parametrize("batch_first", [True, False])
def test_with_a_cache_a_causal_stack_gives_what_it_gives_at_once(batch_first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=batch_first, rng=mg.Generator(1))
    stack, x = nn.TransformerEncoder(layer, 3), drawn(2, 7, 8)
    place = 1 if batch_first else 0
    x = x if batch_first else x.transpose(0, 1)
    whole = stack(x, is_causal=True).detach().numpy()
    cache = [nn.KVCache() for _ in stack.layers]
    parts = [stack(part, is_causal=True, cache=cache) for part in ops.split(x, [3, 1, 2, 1], place)]
    close(ops.cat(parts, place), whole)
    assert len(cache[0]) == 7
    with pytest.raises(ValueError, match="1 caches for 3 layers"):
        stack(x, cache=cache[:1])


def test_a_decoder_with_a_cache_projects_memory_once():
    layer = nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True, rng=mg.Generator(1))
    stack, x, memory = nn.TransformerDecoder(layer, 2), drawn(2, 4, 8), drawn(2, 5, 8, seed=1)
    whole = stack(x, memory, tgt_is_causal=True).detach().numpy()
    cache = [(nn.KVCache(), nn.KVCache()) for _ in stack.layers]
    steps = [stack(x[:, i : i + 1], memory, cache=cache) for i in range(4)]
    close(ops.cat(steps, 1), whole)
    assert [len(c) for c in cache[1]] == [4, 5]
    close(stack(x[:, 3:], None, cache=[(nn.KVCache(), c[1]) for c in cache]),
          stack(x[:, 3:], memory).detach().numpy())  # fmt: skip


# ---- blocks


def test_a_causal_block_does_not_see_the_future():
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, norm_first=True, batch_first=True)
    x = drawn(1, 5, 4).requires_grad_()
    layer(x, is_causal=True)[0, 2].sum().backward()
    reached = np.abs(x.grad.numpy()[0]).max(1) > 0
    assert reached.tolist() == [True, True, True, False, False]


def test_without_positions_a_block_permutes_with_its_input():
    layer = nn.TransformerEncoderLayer(6, 3, 8, 0.0, batch_first=True)
    x, order = drawn(2, 5, 6), [3, 1, 4, 0, 2]
    close(layer(x[:, order]), layer(x)[:, order].detach().numpy())


def test_padded_positions_might_as_well_not_be_there():
    encoder = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, rng=mg.Generator(1))
    encoder = nn.TransformerEncoder(encoder, 2)
    decoder = nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True, rng=mg.Generator(2))
    decoder = nn.TransformerDecoder(decoder, 2)
    x, memory = drawn(1, 4, 8), drawn(1, 5, 8, seed=1)
    off, off_memory = mg.arange(4)[None] >= 3, mg.arange(5)[None] >= 2
    close(encoder(x, src_key_padding_mask=off)[:, :3], encoder(x[:, :3]).detach().numpy())
    expected = decoder(x[:, :3], memory[:, :2]).detach().numpy()
    masks = {"tgt_key_padding_mask": off, "memory_key_padding_mask": off_memory}
    close(decoder(x, memory, **masks)[:, :3], expected)
    masks = {"tgt_mask": off.expand(4, 4), "memory_mask": off_memory.expand(4, 5)}
    close(decoder(x, memory, **masks)[:, :3], expected)
    close(encoder(x, off.expand(4, 4))[:, :3], encoder(x[:, :3]).detach().numpy())
    causal = decoder(x, memory, tgt_is_causal=True, memory_is_causal=True)
    later = mg.tensor([[False, True], [False, False]])
    expected = decoder(x[:, :2], memory[:, :2], later, later).detach().numpy()
    close(causal[:, :2], expected)


@pytest.mark.parametrize("norm_first", [True, False])
def test_where_a_block_drops(norm_first):
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, norm_first=norm_first, rng=mg.Generator(1))
    x = drawn(3, 1, 4)
    post = (lambda y: y) if norm_first else layer.norm1
    layer.dropout1.p = 1.0  # no attention
    without = post(x)
    rest = layer.norm2(without) if norm_first else without
    rest = without + layer.linear2(ops.relu(layer.linear1(rest)))
    close(layer(x), (rest if norm_first else layer.norm2(rest)).detach().numpy())
    layer.dropout.p = 1.0  # nothing behind the activation
    rest = without + layer.linear2.bias
    close(layer(x), (rest if norm_first else layer.norm2(rest)).detach().numpy())
    layer.dropout2.p = 1.0
    close(layer(x), (x if norm_first else layer.norm2(without)).detach().numpy())
    assert nn.TransformerDecoderLayer(4, 2, dropout=0.3).multihead_attn.dropout == 0.3


def test_layers_of_a_stack_start_alike_and_drop_unlike():
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.5, rng=mg.Generator(1))
    stack = nn.TransformerEncoder(layer, 2)
    close(stack.layers[0].linear1.weight, stack.layers[1].linear1.weight.detach().numpy(), 0)
    assert stack.layers[0].linear1.weight is not layer.linear1.weight
    x = drawn(6, 1, 4)
    first, second = (one(x).detach().numpy() for one in stack.layers)
    assert np.abs(first - second).max() > 0.1
    assert stack.layers[0].dropout.rng is stack.layers[1].dropout1.rng


def test_a_stack_is_made_of_one_layer():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    with pytest.raises(TypeError, match=r"TransformerEncoder: expected one layer.* got list"):
        nn.TransformerEncoder([layer], 1)
    with pytest.raises(ValueError, match="num_layers must be a whole number >= 1, not 0"):
        nn.TransformerDecoder(layer, 0)


def test_activations():
    layer = nn.TransformerEncoderLayer(4, 2, 8, activation=ops.silu)
    assert layer.activation is ops.silu
    with pytest.raises(ValueError, match=r"activation is .* or a function, not 'swish'"):
        nn.TransformerEncoderLayer(4, 2, activation="swish")
