"""Parameter groups as papers ask for them: what decays, and how fast each layer learns.

Idea: weight decay pulls a matrix towards a simpler map, but a bias or the gain of a norm only off
its scale; those have fewer than two dimensions, and are left out. And when a pretrained network
is tuned, its first layers are general already: each layer learns slower than the one after it.

    optim.AdamW(parameter_groups(gpt, lr=6e-4, weight_decay=0.1))
    optim.LARS(parameter_groups(net, lr=0.2, weight_decay=1.5e-6, vectors={"adapt": False}))
    optim.AdamW(parameter_groups(vit.patches, *vit.blocks, vit.head, lr=1e-3, layer_decay=0.75))

Sources: Grill et al., Bootstrap Your Own Latent, NeurIPS 2020 (vectors apart); Clark et al.,
ELECTRA, ICLR 2020 (layer-wise decay).
Read next: optimizer.py.
"""

from collections.abc import Iterable

from minigen.nn.module import Module
from minigen.tensor import Tensor


def parameter_groups(*layers, lr, layer_decay=1.0, vectors=None, **settings):
    """Groups for an optimizer: of each layer one of matrices and one of vectors, if it has them.

    layers: modules, parameters, or lists of these, from the input to the output; or one model. The
    last one's rate is lr, that of each before is layer_decay times the next one's. settings: of
    all groups (weight_decay ...); vectors: others for parameters of fewer than two dimensions, on
    top of weight_decay 0. Frozen parameters are left out; a shared one goes with its first layer.
    ValueError without layers, or for a layer_decay of 0 or less; TypeError for another thing.
    """
    if not layers:
        raise ValueError("parameter_groups: no layers; give a model, or its layers in order")
    if not layer_decay > 0:
        raise ValueError(f"parameter_groups: layer_decay must be above 0, not {layer_decay}")
    groups, taken = [], set()
    for height, layer in enumerate(layers, start=1):
        rate = {"lr": lr * layer_decay ** (len(layers) - height)}
        matrix = {"params": [], **settings, **rate}
        vector = {"params": [], **settings, **rate, "weight_decay": 0.0, **(vectors or {})}
        for p in _parameters(layer):
            if p.requires_grad and id(p) not in taken:
                taken.add(id(p))
                (matrix if p.ndim >= 2 else vector)["params"].append(p)
        groups += [group for group in (matrix, vector) if group["params"]]
    return groups


def _parameters(layer):
    """The parameters of a module, of a list of modules and parameters, or the one itself."""
    if isinstance(layer, Tensor):
        return [layer]
    if isinstance(layer, Module):
        return list(layer.parameters())
    if isinstance(layer, Iterable) and not isinstance(layer, (str, tuple)):
        return [p for part in layer for p in _parameters(part)]
    kind = type(layer).__name__
    raise TypeError(f"parameter_groups: a layer is a module, a parameter, or a list, not a {kind}")
