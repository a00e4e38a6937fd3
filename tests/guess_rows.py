"""Forwards as courses write them, with the inputs that argument names alone should suggest.

Idea: a row is a tiny but real forward (it indexes, unpacks and multiplies as students do) whose
name is the pair's, and for every argument a shape, or the fixed value. Whole numbers and truth
values are named by their dtype. test_gradcheck_inputs.py reads them.
"""

import numpy as np

ROWS = []       # (forward, argument -> shape, or (shape, dtype), or fixed value)


def row(**expected):
    """Register a forward with what its arguments should look like."""
    return lambda forward: ROWS.append((forward, expected)) or forward


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Elementwise ------------------------------------------------------------------------------------


@row(x=(4, 5))
def relu(x):
    return np.maximum(0, x)


@row(Z=(4, 5))
def sigmoid_dlai(Z):
    return sigmoid(Z)


@row(x=(4, 5), alpha=0.1)
def leaky_relu(x, alpha):
    return np.where(x > 0, x, alpha * x)


@row(inputs=(4, 5))
def softmax_rows(inputs):
    return softmax(inputs)


@row(x=(4, 5), beta=1.5)
def swish(x, beta):
    return x * sigmoid(beta * x)


@row(x=(4, 5))
def log(x):
    return np.log(x)


@row(a=(4, 5), b=(4, 5))
def mul(a, b):
    return a * b


@row(a=(4, 5), b=(5, 3))
def matmul(a, b):
    return a @ b


@row(x=(4, 5), b=(5,))
def bias(x, b):
    return x + b


# Dense ------------------------------------------------------------------------------------------


@row(x=(4, 5), w=(5, 3), b=(3,))
def affine(x, w, b):
    return x.reshape(x.shape[0], -1) @ w + b


@row(X=(4, 5), W=(5, 3), b=(3,))
def dense(X, W, b):
    return np.dot(X, W) + b


@row(x=(4, 5), weight=(3, 5), bias=(3,))
def torch_linear(x, weight, bias=None):
    y = x @ weight.T
    return y if bias is None else y + bias


@row(A=(5, 4), W=(3, 5), b=(3, 1))
def linear_columns(A, W, b):
    Z = np.dot(W, A) + b
    assert Z.shape == (W.shape[0], A.shape[1])
    return Z


@row(A_prev=(5, 4), W=(3, 5), b=(3, 1), activation="relu")
def linear_activation(A_prev, W, b, activation):
    Z = np.dot(W, A_prev) + b
    return sigmoid(Z) if activation == "sigmoid" else np.maximum(Z, 0)


@row(x=(4, 5), W1=(5, 6), b1=(6,), W2=(6, 3), b2=(3,))
def two_layer_net(x, W1, b1, W2, b2):
    return np.tanh(x @ W1 + b1) @ W2 + b2


@row(x=(5,), w=(5,), b=())
def neuron(x, w, b):
    return sigmoid(float(np.dot(x, w)) + b)


# Normalisation and dropout ----------------------------------------------------------------------


@row(x=(4, 5), gamma=(5,), beta=(5,), bn_param={"mode": "train"})
def batchnorm(x, gamma, beta, bn_param):
    mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
    if bn_param["mode"] == "train":
        mean = x.mean(0)
    return gamma * (x - mean) / np.sqrt(x.var(0) + bn_param.get("eps", 1e-5)) + beta


@row(x=(4, 5), gamma=(5,), beta=(5,), ln_param={})
def layernorm(x, gamma, beta, ln_param):
    eps = ln_param.get("eps", 1e-5)
    return gamma * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps) + beta


@row(x=(3, 4, 2, 5), gamma=(4,), beta=(4,), bn_param={"mode": "train"})
def spatial_batchnorm(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
    flat = gamma * (flat - flat.mean(0)) / flat.std(0) + beta
    return flat.reshape(N, H, W, C).transpose(0, 3, 1, 2)


@row(x=(3, 4, 2, 5), gamma=(1, 4, 1, 1), beta=(1, 4, 1, 1), G=2, gn_param={})
def spatial_groupnorm(x, gamma, beta, G, gn_param):
    N, C, H, W = x.shape
    y = x.reshape(N, G, C // G, H, W)
    y = (y - y.mean((2, 3, 4), keepdims=True)) / y.std((2, 3, 4), keepdims=True)
    return y.reshape(x.shape) * gamma + beta


@row(x=(4, 5), weight=(5,))
def rms_norm(x, weight, eps=1e-6):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


@row(Z=(5, 4), gamma=(5, 1), beta=(5, 1))
def batch_norm_columns(Z, gamma, beta, epsilon=1e-8):
    assert gamma.shape == (Z.shape[0], 1)
    mu = Z.mean(axis=1, keepdims=True)
    return gamma * (Z - mu) / np.sqrt(Z.var(axis=1, keepdims=True) + epsilon) + beta


@row(x=(4, 5), dropout_param={"p": 0.5, "mode": "train", "seed": 123})
def dropout(x, dropout_param):
    rng = np.random.default_rng(dropout_param["seed"])
    return x * (rng.random(x.shape) < dropout_param["p"]) / dropout_param["p"]


@row(A=(4, 5), keep_prob=0.8)
def inverted_dropout(A, keep_prob):
    return A * (np.random.rand(*A.shape) < keep_prob) / keep_prob


@row(x=(4, 5), p=0.5, seed=0)
def seeded_dropout(x, p, seed, training=True):
    return x * (np.random.default_rng(seed).random(x.shape) > p) / (1 - p)


@row(x=(4, 5), mask=((4, 5), "bool"))
def masked(x, mask):
    return x * mask


# Convolution and pooling ------------------------------------------------------------------------


def windows(x, k, stride, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    v = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))
    return v[:, :, ::stride, ::stride]


@row(x=(2, 3, 5, 7), w=(4, 3, 3, 3), b=(4,), conv_param={"stride": 1, "pad": 1})
def conv_naive(x, w, b, conv_param):
    (_N, _C, _H, _W), (F, _, K, _) = x.shape, w.shape
    v = windows(x, K, conv_param["stride"], conv_param["pad"])
    return np.einsum("nchwkl,fckl->nfhw", v, w) + b.reshape(1, F, 1, 1)


@row(x=(2, 3, 5, 7), weight=(4, 3, 3, 3), bias=(4,), stride=1, padding=1)
def conv2d(x, weight, bias, stride, padding):
    v = windows(x, weight.shape[2], stride, padding)
    return np.einsum("nchwkl,fckl->nfhw", v, weight) + bias[:, None, None]


@row(A_prev=(2, 5, 7, 2), W=(3, 3, 2, 4), b=(1, 1, 1, 4), hparameters={"stride": 1, "pad": 1})
def conv_dlai(A_prev, W, b, hparameters):
    (_m, _h, _w, _), (f, f, _, n_C) = A_prev.shape, W.shape
    v = windows(A_prev.transpose(0, 3, 1, 2), f, hparameters["stride"], hparameters["pad"])
    return np.stack([(v * W[:, :, :, c].transpose(2, 0, 1)[None, :, None, None]).sum((1, 4, 5))
                     + float(b[0, 0, 0, c]) for c in range(n_C)], -1)


@row(x=(2, 2, 7), w=(4, 2, 3), b=(4,))
def conv1d(x, w, b):
    (_N, C, _L), (_F, C2, K) = x.shape, w.shape
    v = np.lib.stride_tricks.sliding_window_view(x, K, 2)
    assert C == C2
    return np.einsum("nclk,fck->nfl", v, w) + b[:, None]


@row(image=(5, 7), kernel=(3, 3))
def convolve(image, kernel):
    (H, W), (K, _) = image.shape, kernel.shape
    return np.array([[(image[i : i + K, j : j + K] * kernel).sum() for j in range(W - K + 1)]
                     for i in range(H - K + 1)])


@row(x=(2, 4, 4, 6), pool_param={"pool_height": 2, "pool_width": 2, "stride": 2})
def max_pool_naive(x, pool_param):
    N, C, H, W = x.shape
    k = pool_param["pool_height"]
    return x.reshape(N, C, H // k, k, W // k, k).max((3, 5))


@row(A_prev=(2, 4, 6, 3), hparameters={"f": 2, "stride": 2})
def pool_dlai(A_prev, hparameters, mode="max"):
    m, n_H, n_W, n_C = A_prev.shape
    f = hparameters["f"]
    return A_prev.reshape(m, n_H // f, f, n_W // f, f, n_C).max((2, 4))


@row(x=(2, 4, 4, 6), kernel_size=2, stride=2)
def avg_pool2d(x, kernel_size, stride):
    return windows(x, kernel_size, stride, 0).mean((4, 5))


@row(x=(2, 4, 4, 6), scale_factor=2)
def upsample_nearest(x, scale_factor):
    return x.repeat(scale_factor, 2).repeat(scale_factor, 3)


@row(x=(2, 4, 4, 6))
def global_avg_pool(x):
    return x.mean((2, 3))


# Losses -----------------------------------------------------------------------------------------


@row(x=(4, 7), y=((4,), "int64"))
def softmax_loss(x, y):
    return -np.log(softmax(x)[np.arange(len(y)), y]).mean()


@row(logits=(4, 7), labels=((4,), "int64"))
def cross_entropy(logits, labels):
    return float(-np.log(softmax(logits)[range(labels.shape[0]), labels]).mean())


@row(y_pred=(4, 7), y_true=((4, 7), "one in each row"))
def mse(y_pred, y_true):
    return ((y_pred - y_true) ** 2).mean()


@row(AL=(4, 7), Y=((4, 7), "one in each row"))
def compute_cost(AL, Y):
    return -np.mean(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))


@row(scores=(4, 7), y=((4,), "int64"))
def svm_loss(scores, y):
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    return margins.sum() / len(y)


@row(Z=(4, 7), Y=((4, 7), "one in each column"))
def softmax_entropy_columns(Z, Y):
    return -(Y * np.log(softmax(Z, 0))).sum() / Z.shape[1]


@row(Z=(4, 7), Y=((4, 7), "one in each row"))
def softmax_entropy_rows(Z, Y):
    return -(Y * np.log(softmax(Z, 1))).sum() / Z.shape[0]


@row(Z=(7, 4), Y=((4,), "int64"))
def nll_columns(Z, Y):
    return -np.log(softmax(Z, 0)[Y, np.arange(Y.size)]).sum()


@row(x=(2, 3, 5), y=((2, 3), "int64"), mask=((2, 3), "bool"))
def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    p = softmax(x.reshape(-1, V))
    return -(mask.ravel() * np.log(p[np.arange(N * T), y.ravel()])).sum() / N


@row(p=(4, 7), q=(4, 7))
def kl_divergence(p, q):
    return (p * np.log(p / q)).sum()


# Generative and self-supervised -----------------------------------------------------------------


@row(mu=(4, 5), logvar=(4, 5))
def vae_kl(mu, logvar):
    return -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum(1).mean()


@row(mu=(4, 5), log_var=(4, 5), eps=(4, 5))
def reparameterize(mu, log_var, eps):
    return mu + np.exp(log_var / 2) * eps


@row(x_hat=(4, 6), x=(4, 6), mu=(4, 5), logvar=(4, 5))
def vae_loss(x_hat, x, mu, logvar):
    bce = -(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)).sum()
    return bce - 0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()


@row(z_i=(4, 5), z_j=(4, 5), temperature=0.5)
def nt_xent(z_i, z_j, temperature):
    z = np.concatenate([z_i, z_j])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    s = z @ z.T / temperature
    np.fill_diagonal(s, -np.inf)
    n = len(z_i)
    return -np.log(softmax(s)[np.arange(2 * n), np.roll(np.arange(2 * n), n)]).mean()


@row(anchor=(4, 5), positive=(4, 5), negative=(4, 5), margin=1.0)
def triplet_loss(anchor, positive, negative, margin):
    d = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + margin
    return np.maximum(d, 0).mean()


# Attention, embeddings, recurrence --------------------------------------------------------------


@row(q=(2, 4, 5), k=(2, 3, 5), v=(2, 3, 6))
def attention(q, k, v, mask=None):
    return softmax(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])) @ v


@row(Q=(2, 3, 4), K=(2, 3, 4), V=(2, 3, 4))
def causal_attention(Q, K, V):
    _N, T, D = V.shape
    s = Q @ K.swapaxes(1, 2) / np.sqrt(D) + np.triu(np.full((T, T), -1e9), 1)
    return softmax(s) @ V.reshape(Q.shape)


@row(x=(2, 3, 4), Wq=(4, 4), Wk=(4, 4), Wv=(4, 4), Wo=(4, 4), num_heads=2)
def multihead(x, Wq, Wk, Wv, Wo, num_heads):
    B, T, D = x.shape
    q, k, v = ((x @ w).reshape(B, T, num_heads, -1).swapaxes(1, 2) for w in (Wq, Wk, Wv))
    y = softmax(q @ k.swapaxes(2, 3)) @ v
    return y.swapaxes(1, 2).reshape(B, T, D) @ Wo


@row(x=((2, 3), "int64"), W=(6, 4))
def word_embedding(x, W):
    _N, _T = x.shape
    return W[x]


@row(x=(4, 5), prev_h=(4, 3), Wx=(5, 3), Wh=(3, 3), b=(3,))
def rnn_step(x, prev_h, Wx, Wh, b):
    return np.tanh(x @ Wx + prev_h @ Wh + b)


@row(x=(2, 3, 5), h0=(2, 4), Wx=(5, 4), Wh=(4, 4), b=(4,))
def rnn(x, h0, Wx, Wh, b):
    h, hs = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        hs.append(h)
    return np.stack(hs, 1)


@row(x=(4, 5), prev_h=(4, 3), prev_c=(4, 3), Wx=(5, 12), Wh=(3, 12), b=(12,))
def lstm_step(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@row(xt=(5, 4), a_prev=(3, 4), parameters={"Wax": (3, 5), "Waa": (3, 3), "Wya": (2, 3),
                                           "ba": (3, 1), "by": (2, 1)})
def rnn_cell(xt, a_prev, parameters):
    return np.tanh(parameters["Wax"] @ xt + parameters["Waa"] @ a_prev + parameters["ba"])


@row(x=(2, 4, 6))
def rotary(x):
    _B, T, D = x.shape
    angle = np.arange(T)[:, None] / 100.0 ** (np.arange(D // 2) / D)
    a, b = x[..., 0::2], x[..., 1::2]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle),
                           a * np.sin(angle) + b * np.cos(angle)], -1)


@row(z=(4, 3), codebook=(6, 3))
def vector_quantize(z, codebook):
    nearest = ((z[:, None] - codebook) ** 2).sum(-1).argmin(1)
    return codebook[nearest]
