"""Every op, under the name it has in PyTorch.

Idea: a file a family; what is not here with an underscore is public, and has a row in
tests/cases.py. Read next: elementwise.py.
"""

from types import ModuleType as _ModuleType

from minigen.ops.activations import (
    gelu,
    leaky_relu,
    relu,
    silu,
    softplus,
)
from minigen.ops.conv import (
    conv,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from minigen.ops.creation import (
    arange,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    meshgrid,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from minigen.ops.elementwise import (
    abs,
    add,
    alias,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cast,
    clamp,
    div,
    eq,
    ge,
    gt,
    isfinite,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    sign,
    square,
    sub,
    where,
)
from minigen.ops.functions import (
    cos,
    erf,
    exp,
    log,
    rsqrt,
    sigmoid,
    sin,
    sqrt,
    tanh,
)
from minigen.ops.gather import (
    gather,
    put,
    scatter_add,
)
from minigen.ops.index import (
    index,
)
from minigen.ops.layer_norm import (
    layer_norm,
    rms_norm,
)
from minigen.ops.linalg import (
    linear,
    matmul,
)
from minigen.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
)
from minigen.ops.norm import (
    batch_norm,
    group_norm,
    instance_norm,
)
from minigen.ops.normalize import (
    local_response_norm,
    normalize,
)
from minigen.ops.padding import (
    pad,
)
from minigen.ops.pool import (
    avg_pool2d,
    max_pool2d,
)
from minigen.ops.random import (
    dropout,
    normal,
    permutation,
    randint,
    uniform,
)
from minigen.ops.reduce import (
    amax,
    amin,
    argmax,
    argmin,
    max,
    mean,
    min,
    std,
    sum,
    var,
)
from minigen.ops.shape import (
    broadcast_to,
    cat,
    chunk,
    expand,
    flatten,
    flip,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    to_device,
    transpose,
    unflatten,
    unsqueeze,
    view,
)
from minigen.ops.softmax import (
    log_softmax,
    logsumexp,
    softmax,
)

# the submodules have names too (random, norm ...): those are not for `import *`
__all__ = [
    name for name in dir() if name[0] != "_" and not isinstance(globals()[name], _ModuleType)
]
