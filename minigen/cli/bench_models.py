"""The training steps that `minigen bench models` times: data in, loss, backward, update.

Idea: the networks are written once, with the modules of either library. They have the sizes of the
course's models, those of its auto-encoders as their demos train them; then a DCGAN on 32 × 32
pixels, a diffusion U-Net on 28 × 28, and a GPT of four blocks.
Read next: bench.py (how they are timed).
"""

import math

import numpy as np

from minigen.cli.bench_cases import numbers

# ---- auto-encoders


def _autoencoder(hidden, code):
    def network(nn, F):
        return nn.Sequential(
            nn.Linear(784, hidden), nn.ReLU(),
            nn.Linear(hidden, code),
            nn.Linear(code, hidden), nn.ReLU(),
            nn.Linear(hidden, 784),
        )  # fmt: skip

    return network, (784,)


def _conv_autoencoder(narrow, wide, code=32):
    def network(nn, F):
        return nn.Sequential(
            nn.Conv2d(1, narrow, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(narrow, wide, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(wide * 49, code),
            nn.Linear(code, wide * 49), nn.ReLU(), nn.Unflatten(1, (wide, 7, 7)),
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(narrow, 1, 4, 2, 1),
        )  # fmt: skip

    return network, (1, 28, 28)


def _denoiser(hidden):
    def network(nn, F):
        class Denoiser(nn.Module):
            """Points of the plane: the step back, added to what is given."""

            def __init__(self):
                super().__init__()
                self.layers = nn.Sequential(
                    nn.Linear(2, hidden), nn.ReLU(),
                    nn.Linear(hidden, hidden), nn.ReLU(),
                    nn.Linear(hidden, 2),
                )  # fmt: skip

            def forward(self, x):
                return x + self.layers(x)

        return Denoiser()

    return network, (2,)


def _double(nn, inputs, outputs):
    """Twice (convolution 3 × 3, ReLU)."""
    first, second = nn.Conv2d(inputs, outputs, 3, 1, 1), nn.Conv2d(outputs, outputs, 3, 1, 1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def _skips(c):
    def network(nn, F):
        class UNet(nn.Module):
            """Down twice, up twice, with skip connections."""

            def __init__(self):
                super().__init__()
                self.pool = nn.MaxPool2d(2)
                self.down1, self.down2 = _double(nn, 1, c), _double(nn, c, 2 * c)
                self.bottom = _double(nn, 2 * c, 4 * c)
                self.up2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2)
                self.up1 = nn.ConvTranspose2d(2 * c, c, 2, 2)
                self.merge2, self.merge1 = _double(nn, 4 * c, 2 * c), _double(nn, 2 * c, c)
                self.head = nn.Conv2d(c, 1, 1)

            def forward(self, x):
                h1 = self.down1(x)
                h2 = self.down2(self.pool(h1))
                x = self.up2(self.bottom(self.pool(h2)))
                x = self.up1(self.merge2(F.cat([h2, x], 1)))
                return self.head(self.merge1(F.cat([h1, x], 1)))

        return UNet()

    return network, (1, 28, 28)


def _reconstruction(architecture, batch, noise=0.0):
    """Copies of what is given, or, with noise, of what lies below it."""
    network, shape = architecture

    def build(side, batch=batch):
        model = network(side.nn, side.F).to(side.device)
        optimizer = side.optim.Adam(list(model.parameters()), lr=1e-3)
        x = side.tensor(numbers(batch, *shape))

        def run():
            given = x + noise * side.normal((batch, *shape)) if noise else x
            optimizer.zero_grad()
            loss = ((x - model(given)) ** 2).flatten(1).sum(1).mean()
            loss.backward()
            optimizer.step()

        return run

    return build


# ---- a context encoder


def _level(nn, inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]


def _filler(nn):
    """A picture of 32 pixels a side -> its middle, 16."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 4, 2, 1), nn.LeakyReLU(0.2), *_level(nn, 16, 32), *_level(nn, 32, 64),
        nn.Conv2d(64, 64, 4), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(64, 64, 4), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def _context_encoder(side, batch=64):
    """A step of the discriminator, and one of the network that fills the hole."""
    F, nn, device = side.F, side.nn, side.device
    G = _filler(nn).to(device)
    D = nn.Sequential(nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2), *_level(nn, 32, 64),
                      nn.Conv2d(64, 1, 4)).to(device)  # fmt: skip
    steps_g = side.optim.Adam(list(G.parameters()), lr=2e-3, betas=(0.5, 0.999))
    steps_d = side.optim.Adam(list(D.parameters()), lr=2e-4, betas=(0.5, 0.999))
    x = numbers(batch, 3, 32, 32) * 2 - 1
    true, hole = side.tensor(x[..., 8:24, 8:24].copy()), x.copy()
    hole[..., 8:24, 8:24] = 0
    hole = side.tensor(hole)

    def run():
        made = G(hole)
        steps_d.zero_grad()
        loss = F.softplus(-D(true)).mean() + F.softplus(D(made.detach())).mean()
        loss.backward()
        steps_d.step()
        steps_g.zero_grad()
        loss = 0.999 * F.mse_loss(made, true) + 0.001 * F.softplus(-D(made)).mean()
        loss.backward()
        steps_g.step()

    return run


# ---- a GAN


def _generator(nn):
    return nn.Sequential(
        nn.ConvTranspose2d(64, 128, 4, 1, 0), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def _discriminator(nn):
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Conv2d(128, 1, 4, 1, 0),
    )  # fmt: skip


def _dcgan(side, batch=64):
    """A step of the discriminator and one of the generator."""
    F, device = side.F, side.device
    G, D = _generator(side.nn).to(device), _discriminator(side.nn).to(device)
    steps_g = side.optim.Adam(list(G.parameters()), lr=2e-4, betas=(0.5, 0.999))
    steps_d = side.optim.Adam(list(D.parameters()), lr=2e-4, betas=(0.5, 0.999))
    x = side.tensor(numbers(batch, 1, 32, 32) * 2 - 1)

    def run():
        made = G(side.normal((batch, 64, 1, 1)))
        steps_d.zero_grad()
        loss = F.softplus(-D(x)).mean() + F.softplus(D(made.detach())).mean()
        loss.backward()
        steps_d.step()
        steps_g.zero_grad()
        F.softplus(-D(made)).mean().backward()
        steps_g.step()

    return run


# ---- a diffusion model


def _residual(nn, F):
    class Residual(nn.Module):
        """Two convolutions, told the time in between."""

        def __init__(self, inputs, outputs, time):
            super().__init__()
            self.norm1, self.norm2 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
            self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
            self.time = nn.Linear(time, outputs)
            same = inputs == outputs
            self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

        def forward(self, x, t):
            h = self.conv1(F.silu(self.norm1(x)))
            h = h + self.time(F.silu(t))[:, :, None, None]
            return self.conv2(F.silu(self.norm2(h))) + self.skip(x)

    return Residual


def _unet(nn, F, c):
    Residual = _residual(nn, F)

    class UNet(nn.Module):
        """Down twice, up twice, with skip connections."""

        def __init__(self):
            super().__init__()
            self.time = nn.Sequential(nn.Linear(c, 4 * c), nn.SiLU(), nn.Linear(4 * c, 4 * c))
            self.first = nn.Conv2d(1, c, 3, 1, 1)
            self.down1, self.pool1 = Residual(c, c, 4 * c), nn.Conv2d(c, c, 3, 2, 1)
            self.down2, self.pool2 = Residual(c, 2 * c, 4 * c), nn.Conv2d(2 * c, 2 * c, 3, 2, 1)
            self.middle1 = Residual(2 * c, 2 * c, 4 * c)
            self.middle2 = Residual(2 * c, 2 * c, 4 * c)
            self.up2, self.up1 = Residual(4 * c, 2 * c, 4 * c), Residual(3 * c, c, 4 * c)
            self.norm, self.last = nn.GroupNorm(8, c), nn.Conv2d(c, 1, 3, 1, 1)

        def forward(self, x, t):
            frequencies = F.exp(F.arange(c // 2, device=t.device) * (-math.log(10000) / (c // 2)))
            angles = t[:, None] * frequencies
            t = self.time(F.cat([F.sin(angles), F.cos(angles)], 1))
            h1 = self.down1(self.first(x), t)
            h2 = self.down2(self.pool1(h1), t)
            h = self.middle2(self.middle1(self.pool2(h2), t), t)
            h = self.up2(F.cat([F.interpolate(h, scale_factor=2), h2], 1), t)
            h = self.up1(F.cat([F.interpolate(h, scale_factor=2), h1], 1), t)
            return self.last(F.silu(self.norm(h)))

    return UNet()


def _ddpm(side, batch=64, channels=32):
    model = _unet(side.nn, side.F, channels).to(side.device)
    optimizer = side.optim.Adam(list(model.parameters()), lr=1e-3)
    x = side.tensor(numbers(batch, 1, 28, 28) * 2 - 1)
    t = side.tensor(np.floor(numbers(batch) * 1000))

    def run():
        noise = side.normal((batch, 1, 28, 28))
        optimizer.zero_grad()
        side.F.mse_loss(model(x + noise, t), noise).backward()
        optimizer.step()

    return run


# ---- a transformer


def _gpt_block(nn, F, d, heads):
    class Block(nn.Module):
        """Attention and a perceptron, each on a normalised copy, added."""

        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.qkv, self.mix = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.wide, self.narrow = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

        def forward(self, x):
            n, length, _ = x.shape
            qkv = self.qkv(self.norm1(x)).view(n, length, 3, heads, d // heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.mix(a.transpose(1, 2).reshape(n, length, d))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh"))

    return Block()


def _gpt_model(nn, F, length, d, layers, heads, words):
    class GPT(nn.Module):
        """Words and places in, logits of the next word out."""

        def __init__(self):
            super().__init__()
            self.words, self.places = nn.Embedding(words, d), nn.Embedding(length, d)
            self.blocks = nn.Sequential(*[_gpt_block(nn, F, d, heads) for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, words, bias=False)

        def forward(self, i):
            x = self.words(i) + self.places(F.arange(length, device=i.device))
            return self.head(self.norm(self.blocks(x)))

    return GPT()


def _gpt(side, batch=16, length=128, width=128, layers=4, heads=4, words=256):
    model = _gpt_model(side.nn, side.F, length, width, layers, heads, words).to(side.device)
    optimizer = side.optim.AdamW(list(model.parameters()), lr=1e-3)
    text = np.random.default_rng(0).integers(0, words, (batch, length + 1))
    i, target = side.tensor(text[:, :-1].copy()), side.tensor(text[:, 1:].reshape(-1))

    def run():
        optimizer.zero_grad()
        side.F.cross_entropy(model(i).reshape(-1, words), target).backward()
        optimizer.step()

    return run


MODELS = {
    "autoencoder (A-01, batch 128)": _reconstruction(_autoencoder(128, 32), 128),
    "conv-autoencoder (A-07, batch 64)": _reconstruction(_conv_autoencoder(16, 32), 64),
    "U-Net (A-08, batch 32)": _reconstruction(_skips(16), 32, noise=0.2),
    "denoising field (A-11, batch 256)": _reconstruction(_denoiser(128), 256, noise=0.2),
    "denoising conv (A-11, batch 64)": _reconstruction(_conv_autoencoder(16, 32, 128), 64, 0.4),
    "context encoder (A-14, batch 64)": _context_encoder,
    "autoencoder 784-256-32, batch 128": _reconstruction(_autoencoder(256, 32), 128),
    "conv-autoencoder 32-64, batch 128": _reconstruction(_conv_autoencoder(32, 64), 128),
    "DCGAN 32², batch 64": _dcgan,
    "DDPM U-Net 28², 32 channels, batch 64": _ddpm,
    "GPT 4 layers of width 128, batch 16·128": _gpt,
}
