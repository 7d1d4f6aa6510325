"""The experiment written straight from PROTOCOL §1-2: one seed, plain loops, explicit gradients, numpy in float64.

Slow and obvious on purpose. It shares nothing with the package but the initial weights and the minibatches, which it is given.
"""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def forward(x, weights, gains):
    a1 = gains[0] * (x @ weights[0].T)
    h1 = np.maximum(a1, 0)
    a2 = gains[1] * (h1 @ weights[1].T)
    h2 = np.maximum(a2, 0)
    z = gains[2] * (h2 @ weights[2].T)
    return h1, h2, z


def gradients(x, labels, weights, gains):
    """Mean cross-entropy, output probabilities and the gradient with respect to the raw weights W (not g·W)."""
    h1, h2, z = forward(x, weights, gains)
    p = softmax(z)
    n = len(x)
    loss = -np.mean(np.log(p[np.arange(n), labels]))
    dz = p.copy()
    dz[np.arange(n), labels] -= 1
    dz /= n
    g3 = gains[2] * (dz.T @ h2)
    d2 = gains[2] * (dz @ weights[2]) * (h2 > 0)
    g2 = gains[1] * (d2.T @ h1)
    d1 = gains[1] * (d2 @ weights[1]) * (h1 > 0)
    g1 = gains[0] * (d1.T @ x)
    return loss, p, [g1, g2, g3]


def run(weights, batches, train, test, iterations, optimizer, learning_rate, momentum=0.0, gain=None):
    """Train through the stream; one dict per iteration with loss, entropy, gain and [(accuracy, loss) of each seen task].

    weights: three initial arrays. batches: (T, batch) indices. train: (images, labels). test: [(images, labels)] per task.
    optimizer: 'sgd' or 'adam'. gain: None or dict(g0, gamma, eta).
    """
    weights = [w.astype(np.float64) for w in weights]
    first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    g = gain["g0"] if gain else 1.0
    entropy = 0.0
    rows = []
    for t, batch in enumerate(batches):
        if gain:
            g = gain["gamma"] * g + (1 - gain["gamma"]) * gain["g0"] + gain["eta"] * entropy
        gains = [g, g, g]
        loss, p, grads = gradients(train[0][batch], train[1][batch], weights, gains)
        for i, grad in enumerate(grads):
            if optimizer == "sgd":
                first[i] = momentum * first[i] + grad
                weights[i] = weights[i] - learning_rate * first[i]
            else:
                first[i] = 0.9 * first[i] + 0.1 * grad
                second[i] = 0.999 * second[i] + 0.001 * grad**2
                corrected = first[i] / (1 - 0.9 ** (t + 1))
                scale = np.sqrt(second[i] / (1 - 0.999 ** (t + 1))) + 1e-8
                weights[i] = weights[i] - learning_rate * corrected / scale
        entropy = np.mean(-np.sum(p * np.log(p), axis=1))
        evaluations = []
        for images, labels in test[: t // iterations + 1]:
            q = softmax(forward(images, weights, gains)[2])
            right = q.argmax(axis=1) == labels
            evaluations.append((right.mean(), -np.mean(np.log(q[np.arange(len(q)), labels]))))
        rows.append({"loss": loss, "entropy": entropy, "gain": g, "evaluations": evaluations})
    return rows
