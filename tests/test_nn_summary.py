"""The table of a model: shapes, parameters, FLOPs."""

import pytest

import minigen as mg
from minigen import nn


def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.Sequential(nn.ReLU(), nn.Dropout(0.5)),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10),
    )


def test_the_table():
    net = network()
    net[0].requires_grad_(False)
    assert str(net.summary(mg.zeros(3, 1, 8, 8))) == "\n".join([
        "module  kind         output        parameters   FLOPs",
        "        Sequential   (3, 10)            1,386  14,592",
        "  0     Conv2d       (3, 8, 4, 4)          80   6,912",
        "  1     BatchNorm2d  (3, 8, 4, 4)          16",
        "  2     Sequential   (3, 8, 4, 4)",
        "    0   ReLU         (3, 8, 4, 4)",
        "    1   Dropout      (3, 8, 4, 4)",
        "  3     Flatten      (3, 128)",
        "  4     Linear       (3, 10)            1,290   7,680",
        "1,386 parameters (1,306 trained, 80 frozen), 0.01 MB with buffers, 14,592 FLOPs of a "
        "forward pass",
    ])  # fmt: skip


def test_without_inputs_and_to_a_depth():
    assert str(network().summary(depth=0)) == "\n".join([
        "module  kind        parameters",
        "        Sequential       1,386",
        "1,386 parameters, 0.01 MB with buffers",
    ])  # fmt: skip
    assert len(network().summary(depth=1).rows) == 6
    with nn.meta():
        layer = nn.Linear(20_000, 50_000, bias=False)
    summary = layer.summary()
    assert (summary.parameters, summary.bytes, summary.flops) == (10**9, 4 * 10**9, None)
    with pytest.raises(RuntimeError, match="has no values"):
        layer.summary(mg.zeros(1, 20_000))


FLOPS = {    # name -> module, shapes of inputs, 2 · multiply-adds counted by hand
    "Linear": (nn.Linear(5, 7), [(2, 3, 5)], 2 * 6 * 5 * 7),
    "Conv2d in groups": (nn.Conv2d(4, 6, 3, groups=2), [(1, 4, 5, 5)], 2 * 6 * 9 * 2 * 9),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 3, 2), [(2, 4, 5)], 2 * 2 * 5 * 4 * 6 * 3),
    # projections of 3 queries, 5 keys, 5 values and 3 outputs; scores and mixtures
    "MultiheadAttention": (
        nn.MultiheadAttention(8, 2), [(3, 1, 8), (5, 1, 8), (5, 1, 8)],
        2 * 8 * 8 * (3 + 5 + 5 + 3) + 2 * 2 * (3 * 5 * (4 + 5) + 3 * 5 * 4),
    ),
    # what PyTorch 2.13's FlopCounterMode gives
    "TransformerEncoderLayer": (
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), [(2, 5, 16)], 44_160
    ),
}    # fmt: skip


@pytest.mark.parametrize("name", FLOPS)
def test_flops(name):
    module, shapes, expected = FLOPS[name]
    assert module.summary(*[mg.zeros(*shape) for shape in shapes]).flops == expected


def test_a_model_stays_as_it_was():
    net = network()
    net[2].eval()
    mean, modes = net[1].running_mean.tolist(), [m.training for m in net.modules()]
    net.summary(mg.ones(2, 1, 8, 8))
    with pytest.raises(ValueError, match="conv"):
        net.summary(mg.ones(2, 3, 8, 8))  # fails in the middle
    assert net[1].running_mean.tolist() == mean
    assert [m.training for m in net.modules()] == modes
    assert not any(m._hooks for m in net.modules())


def test_what_is_shared_counts_once_as_parameters_and_twice_as_work():
    layer = nn.Linear(4, 4)
    summary = nn.Sequential(layer, layer).summary(mg.zeros(1, 4))
    assert (summary.parameters, summary.flops) == (20, 64)
    assert [(row.name, row.flops) for row in summary.rows] == [("", 64), ("0", 64)]


def test_outputs_that_are_no_tensor():
    class Named(nn.Module):
        def forward(self, x):
            return {"x": x}

    assert Named().summary(mg.zeros(1)).rows[0].output == "dict"
    attention = nn.MultiheadAttention(4, 2).summary(*[mg.zeros(3, 2, 4)] * 3)
    assert attention.rows[0].output == "(3, 2, 4), (2, 3, 3)"
