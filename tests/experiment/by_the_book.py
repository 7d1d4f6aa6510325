"""Variants of PROTOCOL §3 written down as their equations say, slow and plain: what the tests of learners follow, in float64."""

import numpy as np
import torch
from cells import SEED, small_cell
from torch.nn import functional

from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.randomness import generator, torch_generator
from stability_gap.experiment.sampling import draw_run
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.build import build_model
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import validate

ITERATIONS, SWITCHES, UPDATES = 20, (20, 40, 60, 80), 100
SGD = {"method": "sgd", "learning_rate": 0.1}


def cell_of(optimizer: dict, **changes: object) -> CellSettings:
    """100 updates of a tiny MLP, evaluated ten times."""
    settings = validate(OptimizerSettings, optimizer, "test")
    changes = {"iterations": ITERATIONS, "evaluation": EvaluationSettings(every=10)} | changes
    return small_cell("sgd", optimizer_settings=settings, **changes)


def slow_run(stream: DeviceStream, rule, *, decay: float = 0.0, importance=None, gain=None) -> dict[str, np.ndarray]:
    """Loss and weight norms of every update; `rule`: (update, weights, gradients, entropy of the output before) -> weights.

    decay: of neurons. importance: (update, indices) -> weight of each image. gain: entropy before -> gain of all layers.
    """
    settings = cell_of(SGD)
    model = build_model(settings.model, stream.image_shape, stream.classes, torch_generator(SEED, "init")).double()
    weights = [weight.detach() for weight in model.parameters()]
    entropy, rows = 0.0, []
    for update, indices in enumerate(draw_run(settings, stream, SEED).batches):
        images, labels = stream.batch(indices)
        factor = 1.0 if gain is None else gain(entropy)
        for weight in weights:
            weight.requires_grad_()
        hidden1 = (factor * images @ weights[0].T).relu()
        hidden2 = (factor * hidden1 @ weights[1].T).relu()
        logits = factor * hidden2 @ weights[2].T
        losses = functional.cross_entropy(logits, labels, reduction="none")
        counted = losses if importance is None else losses * importance(update, indices)
        price = decay * ((hidden1**2).mean() + (hidden2**2).mean())
        gradients = torch.autograd.grad(counted.mean() + price, weights)
        weights = [weight.detach() for weight in weights]
        weights = rule(update, weights, gradients, entropy)
        p = logits.detach().softmax(-1)
        entropy = float(-(p * p.log()).sum(-1).mean())
        rows.append([losses.mean().item(), *(weight.norm().item() for weight in weights)])
    names = ["loss", "weight_norm_hidden1", "weight_norm_hidden2", "weight_norm_output"]
    return dict(zip(names, np.array(rows).T, strict=True))


def momentum(rate, momentum: float = 0.0, resets: tuple[int, ...] = ()):
    """SGD by the book; `rate`: (update, entropy before) -> learning rate."""
    velocity = [0.0, 0.0, 0.0]

    def rule(update, weights, gradients, entropy):
        for layer, gradient in enumerate(gradients):
            velocity[layer] = gradient + momentum * velocity[layer] * (update not in resets)
        return [weight - rate(update, entropy) * v for weight, v in zip(weights, velocity, strict=True)]

    return rule


def adam(rate: float, beta2: float = 0.999, resets: tuple[int, ...] = (), weight_decay: float = 0.0):
    """Adam by the book (Kingma and Ba 2015, algorithm 1); weight_decay: decoupled (Loshchilov and Hutter 2019, algorithm 2)."""
    state = {"t": 0, "m": [0.0] * 3, "v": [0.0] * 3}

    def rule(update, weights, gradients, entropy):
        if update in resets:
            state.update(t=0, m=[0.0] * 3, v=[0.0] * 3)
        state["t"] += 1
        state["m"] = [0.9 * m + 0.1 * g for m, g in zip(state["m"], gradients, strict=True)]
        state["v"] = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], gradients, strict=True)]
        m = [m / (1 - 0.9 ** state["t"]) for m in state["m"]]
        v = [v / (1 - beta2 ** state["t"]) for v in state["v"]]
        decayed = [(1 - rate * weight_decay) * weight for weight in weights]
        return [w - rate * m_ / (v_.sqrt() + 1e-8) for w, m_, v_ in zip(decayed, m, v, strict=True)]

    return rule


def rmsprop(rate: float, alpha: float = 0.99):
    """RMSprop by the book (Hinton 2012, lecture 6e), with torch's decay α."""
    squares = [0.0] * 3

    def rule(update, weights, gradients, entropy):
        squares[:] = [alpha * s + (1 - alpha) * g**2 for s, g in zip(squares, gradients, strict=True)]
        return [w - rate * g / (s.sqrt() + 1e-8) for w, g, s in zip(weights, gradients, squares, strict=True)]

    return rule


def nesterov(rate: float, momentum: float):
    """v ← μ·v + ∇, W ← W − lr·(∇ + μ·v), as torch has it (Sutskever et al. 2013)."""
    velocity = [0.0, 0.0, 0.0]

    def rule(update, weights, gradients, entropy):
        velocity[:] = [momentum * v + g for v, g in zip(velocity, gradients, strict=True)]
        return [w - rate * (g + momentum * v) for w, g, v in zip(weights, gradients, velocity, strict=True)]

    return rule


def trace(eta: float, g0: float = 1.0, gamma: float = 0.9):
    """The leaky trace g: entropy before -> g."""
    state = {"g": g0}

    def step(entropy: float) -> float:
        state["g"] = gamma * state["g"] + (1 - gamma) * g0 + eta * entropy
        return state["g"]

    return step


def entropy_rate(base: float, power: int, eta: float):
    """A rate of base·g^p; asked once for each update."""
    g = trace(eta)
    return lambda update, entropy: base * g(entropy) ** power


def once_per_update(rate):
    """The same, however often it is asked within an update."""
    known: dict[int, float] = {}

    def asked(update: int, entropy: float) -> float:
        if update not in known:
            known[update] = rate(update, entropy)
        return known[update]

    return asked


def fast_slow(slow_rate: float, fast_rate: float, decay: float):
    """S and F apart, as PROTOCOL §3 writes them."""
    slow, fast = [], [0.0, 0.0, 0.0]

    def rule(update, weights, gradients, entropy):
        slow[:] = slow or weights
        for layer, gradient in enumerate(gradients):
            slow[layer] = slow[layer] - slow_rate * gradient
            fast[layer] = decay * fast[layer] - fast_rate * gradient
        return [s + f for s, f in zip(slow, fast, strict=True)]

    return rule


def proximal(rate: float, omega: float, every: int, images: int, stream: DeviceStream):
    """Gradients times (I + ω·C)⁻¹, C over images that were drawn before."""
    random, inverses = generator(SEED, "proximal"), [np.eye(64), np.eye(16), np.eye(16)]
    drawn = draw_run(cell_of(SGD), stream, SEED).batches

    def rule(update, weights, gradients, entropy):
        if update and update % every == 0:
            earlier = drawn[:update].flatten()
            x = stream.batch(earlier[torch.from_numpy(random.integers(len(earlier), size=images))])[0].numpy()
            for layer, weight in enumerate(weights):
                c = sum(np.outer(row, row) for row in x) / len(x)
                inverses[layer] = np.linalg.inv(np.eye(len(c)) + omega * c)
                x = np.maximum(x @ weight.numpy().T, 0)
        return [w - rate * g @ torch.from_numpy(p) for w, g, p in zip(weights, gradients, inverses, strict=True)]

    return rule


def rewarmed(update: int, entropy: float) -> float:
    """A tenth of 0.1 at a switch, back at 0.1 after eight updates."""
    since = min((update - switch for switch in SWITCHES if update >= switch), default=8)
    return 0.1 * (0.1 + 0.9 * min(since / 8, 1))


def ramped(sizes: list[int]):
    """The newest task's images count 0, 1/8, 2/8, … in context 2 and later."""

    def importance(update: int, indices: torch.Tensor) -> torch.Tensor:
        context, since = divmod(update, ITERATIONS)
        return torch.tensor([min(since / 8, 1) if context and i >= sum(sizes[:context]) else 1 for i in indices.tolist()])

    return importance
