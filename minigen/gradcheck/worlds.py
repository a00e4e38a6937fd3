"""What courses call the arguments of their layers and losses, and what those look like.

Idea: a `World` is one consistent reading of argument names: in a dense layer x is (N, D), w (D, M),
b (M,), in a convolution they are (N, C, H, W), (F, C, K, K), (F,). The table holds the worlds of
usual courses; guess.py tries those that know every argument of a pair, in this order, until
forward and backward make sense of them.

Invariant: sizes within a world differ wherever they can, so that a wrong world fails to run instead
of running by accident, and a transposed gradient cannot pass.
Names are written in lower case, without digits and underscores at their ends: W1 is w.
Read next: guess.py.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minigen.gradcheck.child.classes import FLAGS
from minigen.gradcheck.inputs import Fixed, Random, Several, Size


@dataclass(frozen=True, eq=False)
class World:
    """words: if one is part of the pair's name, this world is tried early; sizes: name -> number;
    arguments: names, separated by spaces -> recipe."""

    words: str
    sizes: dict
    arguments: dict

    @cached_property
    def _known(self):
        both = [*COMMON.items(), *reversed(self.arguments.items())]     # the first of a name holds
        return {spelling: recipe for names, recipe in both for spelling in names.split()}

    def recipe(self, name):
        """The recipe of an argument, None if this world does not know it."""
        plain = name.lower().strip("_")
        return self._known.get(plain, self._known.get(plain.rstrip("0123456789_")))


def _shape(sizes):
    return tuple(int(n) if n.isdigit() else n for n in sizes.split())


def normal(sizes):
    """Normal random numbers; sizes: "N D"."""
    return Random(_shape(sizes))


def small(sizes):
    """Weights that keep a recurrence away from saturation."""
    return Random(_shape(sizes), std=0.4)


def between(low, high, sizes):
    """Uniform random numbers."""
    return Random(_shape(sizes), low=low, high=high)


def below(high, sizes):
    """Whole numbers 0 ... high - 1: labels, identifiers."""
    return Random(_shape(sizes), dtype="int64", high=high)


def truths(sizes):
    """Random truth values: a mask."""
    return Random(_shape(sizes), dtype="bool")


def one_hot(axis, sizes):
    """One 1 along the axis, else 0: right for a squared error as well as for a cross-entropy."""
    return Random(_shape(sizes), one_hot=axis)


def simplex(axis, sizes):
    """Probabilities along the axis."""
    return Random(_shape(sizes), sums_to_one=axis)


COMMON = {      # numbers that mean the same everywhere, for arguments without a default
    "stride strides": Fixed(1),
    "pad padding": Fixed(0),
    "eps epsilon": Fixed(1e-5),
    "momentum": Fixed(0.9),
    "axis dim": Fixed(-1),
    " ".join(name for name in FLAGS if name != "mode"): Fixed(True),
    "mode": Fixed("train"),
    "p p_drop drop drop_prob dropout dropout_rate drop_rate rate prob": Fixed(0.5),
    "keep_prob keep p_keep": Fixed(0.8),
    "dropout_param dropout_params": Fixed({"p": 0.5, "mode": "train", "seed": 123}),
    "alpha slope negative_slope leak": Fixed(0.1),
    "temperature temp tau t": Fixed(0.5),
    "margin delta": Fixed(1.0),
    "reg lam lambda lambd lambda_reg weight_decay l": Fixed(0.1),
    "smoothing label_smoothing": Fixed(0.1),
    "seed rng random_state": Fixed(0),
    "activation act": Fixed("relu"),
    "reduction": Fixed("mean"),
    "num_heads n_heads heads n_head": Fixed(2),
    "causal is_causal": Fixed(True),
    "bias use_bias": Fixed(True),
    "scale_factor upscale_factor factor r": Fixed(2),
    "dilation": Fixed(1),
    "groups": Fixed(1),
    "height width out_h out_w new_h new_w": Fixed(3),
    "top left": Fixed(1),
}

X = "x input inputs inp data features image images img imgs signal a a_prev z h hidden u v " \
    "tensor arr array vec"
W = "w weight weights wt kernel filter filters k theta"
B = "b bias biases bs"
GAMMA = "gamma g weight w scale"
BETA = "beta b bias shift"
SCORES = "x scores score logits logit z pred preds prediction predictions y_pred yhat y_hat out " \
         "output outputs a al s o h"
PROBS = "p probs prob probabilities x pred preds prediction predictions y_pred yhat y_hat a al " \
        "out output outputs"
LABELS = "y labels label y_true target targets t true gt classes class_indices"
HEIGHTS = "pool_height pool_width kernel_size pool_size ksize kernel size k f window hw hh"
IN = "in_features in_dim input_dim input_size in_size n_in n_inputs num_inputs d_in fan_in " \
     "dim_in num_features n_features features normalized_shape dim d d_model embed_dim"
OUT = "out_features out_dim output_dim output_size out_size n_out n_outputs num_outputs d_out " \
      "fan_out dim_out hidden_size hidden_dim units n_neurons"


RUNNING = Several("dict", {
    "mode": Fixed("train"), "eps": Fixed(1e-5), "momentum": Fixed(0.9),
    "running_mean": Random(("D",), std=0.1), "running_var": between(0.5, 2.0, "D")})


def _norm(x, size, shape, more=(), bn_param=Fixed({"mode": "train"})):  # noqa: B008, it is frozen
    """A normalisation of x: gamma and beta of a shape, running statistics (size,)."""
    return {
        **dict(more),           # first: a group norm's G is no gain
        X: normal(x),
        GAMMA: normal(shape),
        BETA: normal(shape),
        "bn_param bn_params param params": bn_param,
        "ln_param ln_params gn_param": Fixed({}),
        "running_mean moving_mean": Random(_shape(size), std=0.1),
        "running_var moving_var": between(0.5, 2.0, size),
    }


def _recurrent(x, state, gates, sizes):
    """A recurrent cell or layer with weights for `gates` gates side by side."""
    sizes = {**sizes, "G": gates * sizes["H"]}
    return World(
        {1: "rnn vanilla", 3: "gru", 4: "lstm"}[gates],
        sizes,
        {
            "x xt inputs input": normal(x),
            "prev_h h_prev hprev h h0 h_0 a_prev a0 prev_hidden hidden state": normal(state),
            "prev_c c_prev cprev c c0 c_0 cell": normal(state),
            "wx w_x wxh w_xh w_ih wih weight_ih u": small("D G"),
            "wh w_h whh w_hh weight_hh w": small("H G"),
            "b bh b_h bias": normal("G"),
            "b_ih b_hh bx b_x bias_ih bias_hh": normal("G"),
            IN: Size("D"),
            OUT: Size("H"),
        },
    )


def _gates(inner, names, output):
    """DeepLearning.AI's dict of parameters: one matrix (n_a, inner) for each gate."""
    weights = {f"W{g}": small(inner) for g in names} | {f"b{g}": normal("A 1") for g in names}
    return Several("dict", {**weights, "Wy": small("Y A"), "by": normal("Y 1")}
                   if output else weights)


DEEP = {"N": 4, "D": 5, "A": 3, "Y": 2, "T": 2, "E": 8}     # n_x = D, n_a = A, n_a + n_x = E
WAX = Several("dict", {"Wax": small("A D"), "Waa": small("A A"), "Wya": small("Y A"),
                       "ba": normal("A 1"), "by": normal("Y 1")})

DENSE = [
    World("dense linear affine fc", {"N": 4, "D": 5, "M": 3}, {
        X: normal("N D"), W: normal("D M"), B: normal("M"), IN: Size("D"), OUT: Size("M")}),
    World("linear", {"N": 4, "D": 5, "M": 3}, {
        X: normal("N D"), W: normal("D M"), B: normal("1 M")}),
    World("linear", {"N": 4, "D": 5, "M": 3}, {
        X: normal("N D"), W: normal("M D"), B: normal("M")}),
    World("linear", {"N": 4, "D": 5, "M": 3}, {
        X: normal("D N"), W: normal("M D"), B: normal("M 1")}),
    World("linear", {"D": 5, "M": 3}, {
        X: normal("D"), W: normal("M D"), B: normal("M"), IN: Size("D"), OUT: Size("M")}),
    World("linear", {"D": 5, "M": 3}, {
        X: normal("D"), W: normal("D M"), B: normal("M")}),
    World("linear neuron", {"D": 5}, {
        X: normal("D"), W: normal("D"), B: normal(""), IN: Size("D")}),
    World("regression neuron", {"N": 4, "D": 5}, {
        X: normal("N D"), W: normal("D"), B: normal("")}),
    World("mlp net two", {"N": 4, "D": 5, "H": 6, "M": 3}, {
        "x inputs input": normal("N D"), "w1": normal("D H"), "b1": normal("H"),
        "w2": normal("H M"), "b2": normal("M")}),
    World("residual block", {"N": 4, "D": 5, "H": 6}, {
        "x inputs input": normal("N D"), "w1": normal("D H"), "w2": normal("H D"),
        "b1": normal("H"), "b2": normal("D")}),
    World("mlp net two", {"N": 4, "D": 5, "H": 6, "M": 3}, {
        "x inputs input": normal("D N"), "w1": normal("H D"), "b1": normal("H 1"),
        "w2": normal("M H"), "b2": normal("M 1")}),
]

NORMS = [
    World("norm", {"N": 4, "D": 5}, _norm("N D", "D", "D", {IN: Size("D")})),
    World("norm", {"N": 4, "D": 5}, _norm("D N", "D 1", "D 1")),
    World("spatial norm2d group instance", {"N": 3, "C": 4, "H": 2, "W": 5},
          _norm("N C H W", "C", "C", {"g groups num_groups n_groups": Fixed(2),
                                      IN + " c channels num_channels": Size("C")})),
    World("spatial group", {"N": 3, "C": 4, "H": 2, "W": 5},
          _norm("N C H W", "1 C 1 1", "1 C 1 1", {
              "g groups num_groups n_groups": Fixed(2)})),
    World("norm", {"N": 2, "T": 3, "D": 5}, _norm("N T D", "D", "D", {IN: Size("D")})),
    World("", {"D": 5}, _norm("D", "D", "D", {IN: Size("D")})),
    World("norm", {"N": 4, "D": 5}, _norm("N D", "D", "D", bn_param=RUNNING)),
    World("weight", {"N": 4, "D": 5, "M": 3}, {
        "x inputs": normal("N D"), "v w": normal("D M"), "g gain": normal("M"), B: normal("M")}),
    World("prelu", {"N": 4, "D": 5}, {X: normal("N D"), "alpha a slope w weight": normal("D")}),
    World("prelu", {"N": 4, "D": 5}, {X: normal("N D"), "alpha a slope w weight": normal("1")}),
]


def _conv(x, w, b, **sizes):
    return World("conv", sizes, {
        X: normal(x), W: normal(w), B: normal(b),
        "conv_param conv_params hparams hparameters": Fixed({"stride": 1, "pad": 1}),
        "pad padding": Fixed(1),
        "in_channels c_in n_in input_channels": Size("C"),
        "out_channels c_out n_out output_channels num_filters n_filters filters": Size("F"),
        "kernel_size ksize filter_size kernel k f": Size("K"),
    })


CONVS = [
    _conv("N C H W", "F C K K", "F", N=2, C=3, H=5, W=7, F=4, K=3),
    _conv("N C H W", "C F K K", "F", N=2, C=3, H=4, W=5, F=4, K=3),        # transposed
    _conv("N C H W", "C 1 K K", "C", N=2, C=4, H=5, W=7, F=4, K=3),        # depthwise
    _conv("N C H W", "F C", "F", N=2, C=3, H=2, W=5, F=4, K=1),            # pointwise
    _conv("N C H W", "C K K", "C", N=2, C=4, H=5, W=7, F=4, K=3),
    _conv("N H W C", "K K C F", "1 1 1 F", N=2, C=2, H=5, W=7, F=4, K=3),
    _conv("N H W C", "K K C F", "F", N=2, C=2, H=5, W=7, F=4, K=3),
    _conv("N C L", "F C K", "F", N=2, C=2, L=7, F=4, K=3),
    _conv("C H W", "F C K K", "F", C=2, H=5, W=7, F=4, K=3),
    _conv("H W", "K K", "", H=5, W=7, K=3, C=1, F=1),
    _conv("L", "K", "", L=7, K=3, C=1, F=1),
]

POOL = {
    "pool_param pool_params": Fixed({"pool_height": 2, "pool_width": 2, "stride": 2}),
    "stride strides": Fixed(2),
    HEIGHTS: Fixed(2),
    "mode": Fixed("max"),
}
PLAIN = [
    World("", {"N": 4, "D": 5}, {X: normal("N D"), "beta": Fixed(1.5), IN: Size("D")}),
    World("pool upsample image flatten shuffle pad2d 2d crop", {"N": 2, "C": 4, "H": 4, "W": 6},
          {X: normal("N C H W"), **POOL}),
    World("pool", {"N": 2, "C": 3, "H": 4, "W": 6}, {
        X: normal("N H W C"), "hparams hparameters": Fixed({"f": 2, "stride": 2}), **POOL}),
    World("pool1d sequence position rope rotary", {"N": 2, "T": 4, "D": 6},
          {X: normal("N T D"), **POOL}),
    World("", {"H": 4, "W": 6}, {X: normal("H W"), **POOL}),
    World("", {"D": 6}, {X: normal("D"), **POOL}),
    World("", {"N": 4, "D": 5}, {X: between(0.5, 2.0, "N D")}),
    World("pad", {"N": 2, "C": 3, "H": 4, "W": 6}, {
        X: normal("N C H W"), "pad padding amount p": Fixed(1)}),
    World("inverse det matrix", {"D": 4}, {X: normal("D D")}),
    World("", {}, {X: normal("")}),
    World("dropout mask", {"N": 4, "D": 5}, {X: normal("N D"), "mask m": truths("N D")}),
]

BINARY = [
    World("bias add", {"N": 4, "D": 5}, {"x input inputs z": normal("N D"), B: normal("D")}),
    World("add mul div dot cosine distance", {"N": 4, "D": 5}, {
        "a x u input left lhs p online student": normal("N D"),
        "b y v other right rhs q residual skip z target teacher": normal("N D"),
        "c": normal("N D")}),
    World("matmul mm dot", {"N": 4, "D": 5, "M": 3}, {
        "a x u": normal("N D"), "b y v": normal("D M")}),
    World("bmm", {"B": 2, "N": 4, "D": 5, "M": 3}, {
        "a x u": normal("B N D"), "b y v": normal("B D M")}),
    World("dot outer", {"D": 5}, {"a x u": normal("D"), "b y v": normal("D")}),
    World("concat stack", {"N": 2, "C": 3, "H": 2, "W": 4}, {
        "a x b y c z": normal("N C H W")}),
    World("gather index select", {"N": 4, "D": 5, "M": 3}, {
        X: normal("N D"), "index idx indices ids": below("N", "M")}),
    World("film modulate", {"N": 4, "D": 5}, {
        X: normal("N D"), "scale gamma": normal("N D"), "shift beta": normal("N D")}),
]

LOSSES = [
    World("softmax entropy ce nll svm hinge", {"N": 4, "C": 7}, {
        SCORES: normal("N C"), LABELS: below("C", "N"), "num_classes n_classes": Size("C")}),
    World("nll", {"N": 4, "C": 7}, {
        "log_p log_probs logp logprobs log_prob lp x": normal("N C"), LABELS: below("C", "N"),
        "weight weights class_weights w": between(0.5, 2.0, "C")}),
    World("softmax entropy ce mse bce loss", {"N": 4, "C": 7}, {
        SCORES: normal("N C"), LABELS + " b": one_hot(1, "N C"), "gamma": Fixed(2.0)}),
    World("softmax entropy ce bce", {"N": 4, "C": 7}, {
        SCORES: normal("C N"), LABELS: one_hot(0, "C N"), "gamma": Fixed(2.0)}),
    World("softmax entropy ce nll", {"N": 4, "C": 7}, {
        SCORES: normal("C N"), LABELS: below("C", "N")}),
    World("nll entropy ce", {"N": 4, "C": 7}, {
        PROBS: simplex(1, "N C"), LABELS: below("C", "N"), "gamma": Fixed(2.0)}),
    World("bce entropy ce binary", {"N": 4, "C": 7}, {
        PROBS: between(0.1, 0.9, "N C"), LABELS: one_hot(1, "N C"), "gamma": Fixed(2.0)}),
    World("kl js divergence", {"N": 4, "C": 7}, {
        "p a y_true target y t": simplex(1, "N C"), "q b y_pred pred x": simplex(1, "N C")}),
    World("kl", {"N": 4, "C": 7}, {SCORES: normal("N C"), LABELS: simplex(1, "N C")}),
    World("bce binary logistic regression", {"N": 4}, {
        SCORES: normal("N"), LABELS: below(2, "N")}),
    World("bce binary logistic", {"N": 4}, {
        PROBS: between(0.1, 0.9, "N"), LABELS: below(2, "N")}),
    World("", {"N": 4}, {SCORES: normal("N"), LABELS: normal("N")}),
    World("", {"C": 5}, {SCORES: normal("C"), LABELS: below("C", "")}),
    World("", {"C": 5}, {SCORES: normal("C"), LABELS: one_hot(0, "C")}),
    World("temporal sequence", {"N": 2, "T": 3, "V": 5}, {
        SCORES: normal("N T V"), LABELS: below("V", "N T"), "mask": truths("N T")}),
    World("segment spatial", {"N": 2, "C": 3, "H": 2, "W": 4}, {
        SCORES: normal("N C H W"), LABELS: below("C", "N H W")}),
    World("svm softmax", {"N": 4, "D": 5, "C": 3}, {
        "x": normal("N D"), "w theta": normal("D C"), "b": normal("C"),
        LABELS: below("C", "N")}),
    World("logistic linear regression", {"N": 4, "D": 5}, {
        "x": normal("N D"), "w theta": normal("D"), "b": normal(""), LABELS: below(2, "N")}),
]

GENERATIVE = [
    World("kl vae elbo reparam", {"N": 4, "D": 5, "X": 6}, {
        "mu mean m z_mean mu_p mu_q": normal("N D"),
        "logvar log_var log_sigma logsigma z_log_var logstd log_std lv": normal("N D"),
        "sigma std var variance": between(0.5, 2.0, "N D"),
        "eps epsilon noise e z": normal("N D"),
        "x y target": between(0.1, 0.9, "N X"),
        "x_hat xhat x_recon recon x_rec reconstruction": between(0.1, 0.9, "N X"),
        "x_logits logits": normal("N X"),
        "beta": Fixed(0.5)}),
    World("gaussian normal nll", {"N": 4, "D": 5}, {
        "x y z target": normal("N D"),
        "mu mean m": normal("N D"),
        "logvar log_var log_sigma logsigma logstd log_std": normal("N D"),
        "sigma std var variance": between(0.5, 2.0, "N D")}),
    World("gan discriminator generator", {"N": 4}, {
        "real d_real real_logits logits_real real_scores scores_real real_score": normal("N 1"),
        "fake d_fake fake_logits logits_fake fake_scores scores_fake fake_score": normal("N 1")}),
    World("contrastive nce ntxent clip simclr triplet siamese", {"N": 4, "D": 5}, {
        "z_i zi z_a za z img image_features anchor a x q query": normal("N D"),
        "z_j zj z_b zb b text text_features positive pos p y k key": normal("N D"),
        "negative neg n": normal("N D"),
        "label labels same": below(2, "N")}),
    World("moco", {"N": 4, "D": 5, "K": 6}, {
        "q query": normal("N D"), "k key pos": normal("N D"),
        "queue neg negatives": normal("K D")}),
    World("diffusion noise ddpm", {"N": 4, "D": 5}, {
        "x x0 x_0 x_start": normal("N D"), "eps noise epsilon": normal("N D"),
        "alpha_bar abar sqrt_alpha_bar": between(0.1, 0.9, "N 1"),
        "pred eps_pred eps_hat noise_pred": normal("N D")}),
    World("vq quant codebook", {"N": 4, "D": 3, "K": 6}, {
        "z z_e x": normal("N D"), "codebook embedding embeddings e": normal("K D")}),
]

EMBEDDINGS = [
    World("embed", {"N": 2, "T": 3, "V": 6, "D": 4}, {
        "x ids idx indices index tokens token_ids inputs input": below("V", "N T"),
        "w table weight weights embedding embeddings e emb": normal("V D"),
        "num_embeddings vocab_size vocab v n_vocab": Size("V"),
        "embedding_dim embed_dim d dim emb_dim embed_size d_model wordvec_size": Size("D")}),
    World("position", {"N": 2, "T": 3, "D": 4}, {
        "x inputs": normal("N T D"), "table pos pe weight w": normal("T D")}),
    World("embed", {"N": 4, "V": 6, "D": 3}, {
        "x ids idx indices index tokens": below("V", "N"),
        "w table weight weights embedding embeddings e emb": normal("V D"),
        "num_embeddings vocab_size vocab v n_vocab": Size("V"),
        "embedding_dim embed_dim d dim emb_dim embed_size d_model wordvec_size": Size("D")}),
]


def _attention(query, key, value, **sizes):
    triangle = np.tril(np.ones((sizes["T"], sizes["S"]), dtype=bool))
    return World("attention attn", sizes, {
        "q query queries": normal(query), "k key keys": normal(key),
        "v value values": normal(value), "mask attn_mask": Fixed(triangle)})


ATTENTION = [
    _attention("N T D", "N S D", "N S E", N=2, T=4, S=3, D=5, E=6),
    _attention("N T D", "N S D", "N S D", N=2, T=3, S=3, D=4),
    _attention("N A T D", "N A S D", "N A S D", N=2, A=3, T=4, S=5, D=2),
    _attention("N A T D", "N A S D", "N A S D", N=2, A=3, T=4, S=4, D=2),
    _attention("T D", "S D", "S E", T=4, S=3, D=5, E=6),
    _attention("T D", "S D", "S D", T=4, S=4, D=5),
    World("attention attn multihead mha self", {"N": 2, "T": 3, "D": 4}, {
        "x inputs input": normal("N T D"),
        "wq wk wv wo w_q w_k w_v w_o w_out": normal("D D"),
        "bq bk bv bo b_q b_k b_v b_o b_out": normal("D"),
        "wqkv w_qkv": Random(("D", 12)), "bqkv b_qkv": normal("12"),
        "mask attn_mask": Fixed(np.tril(np.ones((3, 3), dtype=bool))), IN: Size("D")}),
    World("attention attn self", {"T": 3, "D": 4}, {
        "x inputs input": normal("T D"),
        "wq wk wv wo w_q w_k w_v w_o w_out": normal("D D"),
        "mask attn_mask": Fixed(np.tril(np.ones((3, 3), dtype=bool))), IN: Size("D")}),
]

RECURRENT = [
    *(_recurrent("N D", "N H", g, {"N": 4, "D": 5, "H": 3}) for g in (1, 4, 3)),
    *(_recurrent("N T D", "N H", g, {"N": 2, "T": 3, "D": 5, "H": 4}) for g in (1, 4, 3)),
    World("rnn step cell", {"N": 4, "D": 5, "H": 3}, {
        "x xt": normal("D N"), "h h_prev hprev prev_h a_prev": normal("H N"),
        "wx wxh w_xh wax u": small("H D"), "wh whh w_hh waa w": small("H H"),
        "b bh b_h ba": normal("H 1")}),
    World("rnn step cell", {"D": 5, "H": 3}, {
        "x xt": normal("D"), "h h_prev hprev prev_h a_prev": normal("H"),
        "wx wxh w_xh wax u": small("H D"), "wh whh w_hh waa w": small("H H"),
        "b bh b_h ba": normal("H")}),
    *(
        World(word, DEEP, {
            "xt x": normal(x), "a_prev a0 a": normal("A N"), "c_prev c0 c": normal("A N"),
            "parameters params": parameters})
        for x in ("D N", "D N T")
        for word, parameters in (("rnn", WAX), ("lstm", _gates("A E", "fico", True)))
    ),
]

WORLDS = [*PLAIN, *BINARY, *DENSE, *NORMS, *CONVS, *EMBEDDINGS, *LOSSES, *GENERATIVE, *ATTENTION,
          *RECURRENT]
