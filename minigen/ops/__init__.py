"""Every op, under the name it has in PyTorch.

Idea: a file a family; what is not here with an underscore is public, and has a row in
tests/cases.py. Read next: elementwise.py.
"""

from types import ModuleType as _ModuleType

from minigen.ops.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    selu,
    silu,
    softplus,
    softsign,
)
from minigen.ops.attention import (
    scaled_dot_product_attention,
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
from minigen.ops.cross_entropy import (
    cross_entropy,
    nll_loss,
)
from minigen.ops.decompositions import (
    cholesky,
    eigh,
    qr,
    svd,
)
from minigen.ops.diagonal import (
    diag,
    diagonal,
    tril,
    triu,
)
from minigen.ops.distance import (
    cdist,
    cosine_similarity,
    pairwise_distance,
)
from minigen.ops.einsum import (
    einsum,
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
    ceil,
    clamp,
    div,
    eq,
    floor,
    ge,
    gt,
    isfinite,
    isnan,
    le,
    lerp,
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
    reciprocal,
    round,
    sign,
    square,
    sub,
    where,
    xlogy,
)
from minigen.ops.embedding import (
    embedding,
)
from minigen.ops.functions import (
    acos,
    asin,
    atan,
    atan2,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    expm1,
    log,
    log1p,
    log2,
    logaddexp,
    rsqrt,
    sigmoid,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from minigen.ops.gather import (
    gather,
    index_select,
    masked_fill,
    one_hot,
    put,
    scatter_add,
    take_along_dim,
)
from minigen.ops.grid_sample import (
    affine_grid,
    grid_sample,
)
from minigen.ops.index import (
    index,
)
from minigen.ops.layer_norm import (
    layer_norm,
    rms_norm,
)
from minigen.ops.linalg import (
    dot,
    linear,
    matmul,
    outer,
    tensordot,
)
from minigen.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
    triplet_margin_loss,
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
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from minigen.ops.random import (
    normal,
    permutation,
    randint,
    uniform,
)
from minigen.ops.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    sum,
    var,
)
from minigen.ops.resample import (
    interpolate,
)
from minigen.ops.sampling import (
    bernoulli,
    dropout,
    dropout2d,
    gumbel_softmax,
    multinomial,
)
from minigen.ops.scan import (
    cumprod,
    cumsum,
)
from minigen.ops.shape import (
    broadcast_to,
    cat,
    chunk,
    expand,
    flatten,
    flip,
    movedim,
    permute,
    repeat_interleave,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    tile,
    to_device,
    transpose,
    unbind,
    unflatten,
    unsqueeze,
    view,
)
from minigen.ops.signal import (
    istft,
    stft,
)
from minigen.ops.softmax import (
    log_softmax,
    logsumexp,
    softmax,
)
from minigen.ops.sort import (
    argsort,
    bincount,
    quantile,
    searchsorted,
    sort,
    topk,
)
from minigen.ops.systems import (
    det,
    inv,
    slogdet,
    solve,
    solve_triangular,
)
from minigen.ops.unfold import (
    fold,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
)

# the submodules have names too (random, norm ...): those are not for `import *`
__all__ = [
    name for name in dir() if name[0] != "_" and not isinstance(globals()[name], _ModuleType)
]
