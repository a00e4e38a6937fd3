"""The exercises: a forward of the course each, with its mathematics, and a backward to be written.

Idea: every file here is homework as it is handed out by `minigen gradcheck --exercise NAME --init`.
It has <name>_forward, a <name>_backward that raises NotImplementedError, <name>_inputs(seed),
POINTS, and WRT, the arguments to differentiate. The forward is also the reference that a student's
is compared with. There are no solutions here.
Read next: ../exercise.py; linear.py, the first one.
"""

# In an order in which they can be learnt: later ones are built from earlier ones.
NAMES = (
    "linear", "relu", "leaky_relu", "sigmoid", "tanh", "silu", "gelu", "dropout", "reparameterise",
    "mse", "sparse_code_loss", "bce_with_logits", "softmax", "cross_entropy", "reward_loss",
    "gan_generator_loss", "gan_discriminator_loss", "vae_loss", "dino_loss",
    "embedding", "skip_gram", "positional_encoding",
    "avg_pool2d", "upsample_nearest", "max_pool2d", "soft_argmax",
    "cosine_similarity", "byol_loss", "triplet", "nt_xent",
    "rms_norm", "layer_norm", "batch_norm",
    "gru_cell", "lstm_cell", "attention", "conv2d", "conv_transpose2d", "volume_rendering",
)  # fmt: skip
