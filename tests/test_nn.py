"""Modules: what is found, in which order and under which name; saving, moving, containers."""

import copy
from itertools import pairwise

import numpy as np
import pytest

import minigen as mg
from minigen import Generator, nn, ops
from minigen.nn import init


def random(*shape, seed=0):
    """Normal numbers as a float32 array."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def close(tensor, expected, rtol=1e-5):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=rtol, atol=rtol)


class Block(nn.Module):
    """One of everything that a module can own, not in the order of kinds."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.scale = nn.Parameter(mg.ones(3))
        self.register_buffer("count", mg.zeros((), dtype="int64"))
        self.note = "not a tensor"
        self.plain = mg.ones(2)
        self.register_buffer("cache", mg.zeros(2), persistent=False)
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(3, 2, bias=False))
        self.offset = nn.Parameter(mg.zeros(3))

    def forward(self, x):
        return self.last(self.first(x) * self.scale + self.offset)


def mlp(*sizes):
    """Linear layers with a ReLU between each two."""
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return nn.Sequential(*[m for layer in layers for m in (layer, nn.ReLU())][:-1])


def count(module):
    return sum(p.numel() for p in module.parameters())


# ---- the tree


def test_names_come_in_order_of_definition_own_tensors_before_those_below():
    block = Block()
    names = ["scale", "offset", "first.weight", "first.bias", "last.1.weight"]
    assert [name for name, _ in block.named_parameters()] == names
    assert [name for name, _ in block.named_buffers()] == ["count", "cache"]
    modules = ["", "first", "last", "last.0", "last.1"]
    assert [name for name, _ in block.named_modules()] == modules
    assert [name for name, _ in block.named_children()] == ["first", "last"]
    assert list(block.modules())[2] is block.last
    assert list(block.children()) == [block.first, block.last]
    # parameters, then saved buffers, then the modules below: PyTorch's order; `cache` is not saved
    assert list(block.state_dict()) == ["scale", "offset", "count", *names[2:]]


def test_a_new_value_keeps_the_place_and_none_empties_it():
    block = Block()
    block.scale = nn.Parameter(mg.zeros(3))
    assert [name for name, _ in block.named_parameters()][:2] == ["scale", "offset"]
    block.scale = None
    block.count = None
    assert next(block.named_parameters())[0] == "offset"
    assert "count" not in block.state_dict()
    del block.offset
    assert next(block.named_parameters())[0] == "first.weight"


def test_what_is_shared_is_counted_once_and_saved_under_each_name():
    tied = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3), nn.Linear(3, 4, bias=False))
    tied[2].weight = tied[0].weight
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [name for name, _ in tied.named_parameters()] == names
    assert list(tied.state_dict())[-1] == "2.weight"
    layer = nn.Linear(2, 2)
    twice = nn.Sequential(layer, nn.Sequential(layer))
    assert count(twice) == 6
    assert [name for name, _ in twice.named_modules()] == ["", "0", "1"]
    assert "1.0.weight" in twice.state_dict()
    twice(mg.ones(1, 2)).sum().backward()
    # used twice: y = W(Wx + b) + b, so dy/db = Wᵀ1 + 1
    close(layer.bias.grad, layer.weight.detach().numpy().sum(0) + 1)


def test_register_by_name():
    module = nn.Module()
    module.register_parameter("weight", nn.Parameter(mg.ones(2)))
    module.register_parameter("bias", None)
    assert [name for name, _ in module.named_parameters()] == ["weight"]
    assert module.bias is None
    module.bias = nn.Parameter(mg.ones(1))
    assert list(module.state_dict()) == ["weight", "bias"]
    module.register_buffer("mean", mg.zeros(2))
    module.mean = mg.ones(2)  # still the buffer
    close(dict(module.named_buffers())["mean"], [1, 1])
    module.mean = nn.Parameter(mg.ones(2))  # no longer
    assert not list(module.buffers())
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias", "mean"]


@pytest.mark.parametrize("name", ["", "a.b", "forward", "training", 3])
def test_names_that_cannot_be_registered(name):
    with pytest.raises(ValueError, match="cannot name a tensor of Module"):
        nn.Module().register_buffer(name, mg.zeros(1))
    with pytest.raises(ValueError, match="cannot name a tensor of Module"):
        nn.Module().register_parameter(name, None)


def test_wrong_kinds_are_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"Linear.weight is a Parameter; Tensor there would not be"):
        layer.weight = layer.weight * 2
    with pytest.raises(TypeError, match="scale is a Tensor, not an nn"):
        layer.register_parameter("scale", mg.ones(2))
    with pytest.raises(TypeError, match="mean is a ndarray, expected a plain Tensor"):
        layer.register_buffer("mean", np.ones(2))
    norm = nn.BatchNorm1d(2)
    with pytest.raises(TypeError, match=r"running_mean is a buffer.*minigen.assign"):
        norm.running_mean = 0.0
    with pytest.raises(TypeError, match="expected an array"):
        nn.Parameter([1.0])
    with pytest.raises(TypeError, match="int64 cannot require grad"):
        nn.Parameter(mg.arange(3))


def test_forgetting_super_init_is_named():
    class Forgot(nn.Module):
        def __init__(self):
            self.width = 3  # ordinary attributes may come before
            self.layer = nn.Linear(3, 3)

    with pytest.raises(AttributeError, match=r"Forgot: its __init__ must call super\(\).__init__"):
        Forgot()

    class Empty(nn.Module):
        def __init__(self):
            pass

    with pytest.raises(AttributeError, match="Empty: its __init__ must call"):
        _ = Empty().training
    with pytest.raises(AttributeError, match="Empty: its __init__ must call"):
        Empty().register_buffer("mean", mg.zeros(1))


def test_a_missing_attribute_or_forward_is_named():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        _ = nn.Linear(2, 2).wieght
    with pytest.raises(NotImplementedError, match="ModuleList has no forward method"):
        nn.ModuleList()(1)


def test_train_eval_freeze_and_apply_reach_everything():
    block = Block()
    assert block.training
    assert block.eval() is block
    assert not any(m.training for m in block.modules())
    assert all(m.training for m in block.train().modules())
    assert block.requires_grad_(False) is block
    assert not any(p.requires_grad for p in block.parameters())
    block.requires_grad_()
    seen = []
    assert block.apply(seen.append) is block
    assert seen == [block.first, block.last[0], block.last[1], block.last, block]
    block(mg.ones(1, 2)).sum().backward()
    assert all(p.grad is not None for p in block.parameters())
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_a_module_may_decide_how_it_trains():
    class Frozen(nn.BatchNorm2d):
        def train(self, mode=True):
            return super().train(False)

    assert not nn.Sequential(Frozen(3)).train()[0].training


def test_to_casts_floats_and_keeps_the_objects():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weight = net[0].weight
    net(mg.ones(2, 2)).sum().backward()
    assert net.to("float64") is net
    assert net[0].weight is weight
    assert isinstance(weight, nn.Parameter)
    assert weight.requires_grad
    dtypes = [t.dtype.name for t in (weight, weight.grad, net[1].running_mean)]
    assert dtypes == ["float64"] * 3
    assert net[1].num_batches_tracked.dtype == np.int64
    assert net(mg.ones(2, 2, dtype="float64")).dtype == np.float64
    net.to("cpu")
    assert net[0].weight.device == "cpu"
    with pytest.raises(TypeError, match="expected a device or a float dtype"):
        net.to("int64")
    assert weight.dtype == np.float64


def test_parameter_shares_memory():
    array = random(3)
    parameter = nn.Parameter(mg.from_numpy(array))
    array[0] = 7
    assert parameter.tolist()[0] == 7
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert not nn.Parameter(array, requires_grad=False).requires_grad


def test_a_deep_copy_is_independent():
    block = Block()
    twin = copy.deepcopy(block)
    assert list(twin.state_dict()) == list(block.state_dict())
    mg.assign(twin.scale, 5.0)
    close(block.scale, [1, 1, 1])
    assert isinstance(twin.scale, nn.Parameter)
    assert twin.scale.requires_grad


# ---- saving


def test_state_dict_shares_memory_and_loads_in_place():
    source, target = Block(), Block()
    state = source.state_dict()
    assert not any(t.requires_grad for t in state.values())
    mg.assign(source.scale, 3.0)
    close(state["scale"], [3, 3, 3])
    weight = target.first.weight
    target.load_state_dict({name: t.numpy() for name, t in state.items()})  # arrays
    assert target.first.weight is weight
    x = mg.tensor(random(4, 2))
    close(target(x), source(x).detach().numpy(), 0)
    mg.assign(source.scale, 1.0)
    close(target.scale, [3, 3, 3])  # copied, not shared
    target.load_state_dict({**source.state_dict(), "count": 5})  # Tensors, and a number
    assert target.count.item() == 5


def test_loading_lists_every_problem_and_changes_nothing():
    block = Block()
    state = {name: np.zeros(t.shape) for name, t in block.state_dict().items()}
    del state["offset"], state["first.bias"]
    state["extra.weight"] = np.ones((2, 2))
    state["last.1.weight"] = np.ones((3, 2))
    with pytest.raises(ValueError, match="does not fit this Block") as error:
        block.load_state_dict(state)
    assert str(error.value).splitlines()[1:] == [
        "  missing: offset (3,)",
        "  missing: first.bias (3,)",
        "  unexpected: extra.weight (2, 2)",
        "  mis-shaped: last.1.weight is (3, 2), expected (2, 3)",
    ]
    close(block.scale, [1, 1, 1])


def test_a_state_is_a_dict_and_not_a_file():
    with pytest.raises(TypeError, match=r"got str; nn\.load_weights\(module, path\) reads a file"):
        nn.Linear(2, 2).load_state_dict("weights.safetensors")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(2, 3.0), r"Linear: out_features must be a whole number .*, not 3\.0"),
        (lambda: nn.Conv2d(3.0, 4, 3), r"Conv2d: in_channels must be a whole number .*, not 3\.0"),
        (lambda: nn.Conv2d(3, 0, 3), "Conv2d: out_channels must be a whole number >= 1, not 0"),
        (lambda: nn.Conv2d(3, 4, 3.0), r"Conv2d: kernel_size must be .*, not \(3\.0, 3\.0\)"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, 0), "ConvTranspose1d: stride must be a .* >= 1"),
        (lambda: nn.Conv1d(3, 4, 3, padding=-1), "Conv1d: padding must be a .* >= 0"),
    ],
)
def test_sizes_of_a_layer_are_whole_and_positive(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_write_after_the_forward_pass_is_noticed_by_backward():
    layer = nn.Linear(2, 2)
    loss = layer(mg.tensor(random(1, 2), requires_grad=True)).sum()
    layer.load_state_dict({"weight": np.ones((2, 2)), "bias": np.ones(2)})
    with pytest.raises(RuntimeError, match="overwritten since"):
        loss.backward()


# ---- showing, containers


def test_repr_is_nested_and_shows_settings():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.Sequential(nn.BatchNorm2d(8), nn.LeakyReLU(0.2)),
        nn.ModuleList(),
        nn.ConvTranspose2d(8, 4, (3, 4), 2, output_padding=1, groups=2, bias=False),
    )
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))\n"
        "  (1): Sequential(\n"
        "    (0): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
        "    (1): LeakyReLU(negative_slope=0.2)\n"
        "  )\n"
        "  (2): ModuleList()\n"
        "  (3): ConvTranspose2d(8, 4, kernel_size=(3, 4), stride=(2, 2), output_padding=(1, 1), "
        "groups=2, bias=False)\n"
        ")"
    )
    assert repr(nn.Conv1d(2, 2, 3, padding="same", dilation=2)) == (
        "Conv1d(2, 2, kernel_size=(3,), stride=(1,), padding='same', dilation=(2,))"
    )


def test_sequential_and_module_list_are_lists():
    net = mlp(4, 3, 2)
    assert len(net) == 3
    assert net[-1] is list(net)[2]
    head = net[:2]
    assert isinstance(head, nn.Sequential)
    assert len(head) == 2
    assert head[0] is net[0]
    assert net.append(nn.Tanh()) is net
    assert [name for name, _ in net.named_children()] == ["0", "1", "2", "3"]
    blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(12))
    assert isinstance(blocks[::2], nn.ModuleList)
    assert [name for name, _ in blocks.named_parameters()][-1] == "11.bias"
    assert list(blocks)[11] is blocks[11]
    x = mg.ones(1, 2)
    assert nn.Sequential()(x) is x
    assert nn.Identity()(x) is x
    with pytest.raises(IndexError):
        net[7]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (nn.ReLU, r"Sequential: item 1 is .*ReLU.*did you mean ReLU\(\)\?"),
        ([nn.ReLU()], r"did you mean Sequential\(\*layers\)\?"),
        (ops.relu, "item 1 is <function relu.*expected a module"),
    ],
)
def test_sequential_refuses_what_is_no_module(item, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(nn.Identity(), item)


def test_parameter_counts_of_the_first_auto_encoders():
    assert count(mlp(784, 128, 32, 128, 784)) == 209_968
    assert count(mlp(784, 1000, 500, 250, 30, 250, 500, 1000, 784)) == 2_837_314


@pytest.mark.gpu
def test_a_network_moves_to_the_gpu_and_computes_the_same():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.ConvTranspose2d(4, 2, 4, 2, 1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * 4 * 4, 3),
    )
    x = mg.tensor(random(5, 1, 8, 8))
    twin = copy.deepcopy(net).to("gpu")
    assert {t.device for t in twin.state_dict().values()} == {"gpu"}
    for network, inputs in ((net, x), (twin, x.to("gpu"))):
        network(inputs).square().sum().backward()
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        close(theirs.grad.to("cpu"), ours.grad.numpy(), 1e-3)
    twin.load_state_dict(net.state_dict())  # from the CPU
    close(twin.eval()(x.to("gpu")).to("cpu"), net.eval()(x).detach().numpy(), 1e-4)
    init.normal_(twin[6].weight, rng=Generator(0))
    close(twin.to("cpu")[6].weight, Generator(0).normal((3, 32)).numpy())
