"""The whole engine through its kernels: what NumPy trains, the CUDA source trains too, on this CPU.

Idea: with `emulated_kernels()` the ops on CPU arrays launch the source of their kernels. A model
trained so must have the losses of NumPy, to rounding, at every step: forward, backward and the
optimizer's update all took part. The op table runs this way too, where MINIGEN_EMULATE=1 is set.
Read next: ../kernels/README.md, test_kernels.py.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from needs import needs

import minigen as mg
from minigen import ops, optim
from minigen.backend import emulator, kernels
from minigen.models.autoencoders import conv

pytestmark = needs(emulator)


@pytest.fixture
def launched(monkeypatch):
    """Names of the kernels that were launched."""
    names, launch = set(), kernels._emulated

    def noted(plan, *rest):
        names.add(plan.kernel.name)
        return launch(plan, *rest)

    monkeypatch.setattr(kernels, "_emulated", noted)
    return names


def losses(steps=4):
    """Of a small convolutional auto-encoder, by Adam, from the same start every time."""
    rng = mg.Generator(0)
    model = conv.ConvAutoEncoder(conv.Config(size=8, widths=(4, 8), latent=5), rng=rng)
    x = mg.tensor(np.random.default_rng(1).random((6, 1, 8, 8), "float32"))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ops.mse_loss(model(x), x)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_a_conv_autoencoder_trains_through_the_kernels(launched):
    ours = losses()
    assert not launched
    with mg.emulated_kernels():
        theirs = losses()
    np.testing.assert_allclose(theirs, ours, rtol=1e-5)
    assert ours[-1] < ours[0]
    for part in ("conv", "gemm", "bias_activation", "adam"):
        assert any(part in name for name in launched), f"no kernel of {part} in {launched}"


def test_the_checker_sees_a_whole_training_step():
    with mg.emulated_kernels(check=True, order="shuffled", seed=3):
        assert np.isfinite(losses(1)).all()


def test_the_environment_switches_it_on():
    program = (
        "import minigen as mg; from minigen.backend import kernels; "
        "print(kernels.active(mg.zeros(3).data), kernels.active(mg.arange(3).data))"
    )
    for value, said in (("1", "True False"), ("0", "False False"), ("", "False False")):
        environment = {**os.environ, "MINIGEN_EMULATE": value}
        run = [sys.executable, "-c", program]
        made = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
        assert made.stdout.split("\n")[0] == said


def test_results_do_not_depend_on_the_order_of_threads():
    x = mg.Generator(2).normal((5, 300))
    made = []
    for order in ("ascending", "descending", "shuffled"):
        with mg.emulated_kernels(order=order):
            made.append(ops.softmax(x, 1).numpy())
    assert (made[0] == made[1]).all() and (made[0] == made[2]).all()


def test_a_wrong_order_is_said():
    with pytest.raises(ValueError, match="order 'random' is not one of ascending, descending"):
        mg.emulated_kernels(order="random").__enter__()
