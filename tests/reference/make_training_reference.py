#!/usr/bin/env python3
"""Makes the small reference trainings of classifiers in this folder, in NumPy's float64.

    python3 make_training_reference.py     writes training_*.npz beside this file

Full-batch gradient descent on the mean softmax cross-entropy, from the formulas as they stand in a
textbook (one-hot labels, matrix products); nothing is shared with the library. Two heads:
  groups    F_k = c sum_r s(<w_{k,r}, x>), K groups of m neurons, c = 1/m
  trained   F_k = c sum_r a_{k,r} s(<w_r, x>) + b_k, one layer of m neurons, c = 1
with s the leaky ReLU, s'(0) = 1. Each file holds
  X (n,d), classes (n)               inputs
  slope, scale, learning_rate        gamma, c, eta
  steps (s)                          the snapshots' steps
  W (s,N,d)                          hidden weights, N = K m (groups: group by group) or m
  A (s,K,m), b (s,K)                 output weights and biases (trained alone)
  loss, wrong (T+1)                  mean loss, samples whose largest output is another class's
  min_abs_z                          smallest |<w, x>| met: how far rounding is from deciding a sign
"""

import pathlib

import numpy as np

N, DIM, WIDTH, STEPS = 14, 9, 6, 50
SNAPSHOTS = [0, 1, 2, 5, 10, 25, 50]
LEARNING_RATE = 0.5


def softmax(outputs):
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class Groups:
    """K groups with a fixed second layer; weights (K, m, d)."""

    def __init__(self, random, classes, slope):
        self.slope, self.scale = slope, 1.0 / WIDTH
        self.weights = 0.3 * random.standard_normal((classes, WIDTH, DIM))

    def forward(self, x):
        self.z = np.einsum("krd,nd->nkr", self.weights, x)
        return self.scale * np.where(self.z >= 0, self.z, self.slope * self.z).sum(axis=2)

    def step(self, x, error, rate):
        """error: derivatives of the loss by the outputs, (n, K)."""
        slopes = np.where(self.z >= 0, 1.0, self.slope)
        gradient = self.scale * np.einsum("nk,nkr,nd->krd", error, slopes, x)
        self.weights = self.weights - rate * gradient

    def snapshot(self):
        return {"W": self.weights.reshape(-1, DIM)}


class Trained:
    """One hidden layer (m, d) and a trained output layer (K, m), (K)."""

    def __init__(self, random, classes, slope):
        self.slope, self.scale = slope, 1.0
        self.weights = 0.3 * random.standard_normal((WIDTH, DIM))
        self.output = random.uniform(-1, 1, (classes, WIDTH)) / np.sqrt(WIDTH)
        self.bias = random.uniform(-1, 1, classes) / np.sqrt(WIDTH)

    def forward(self, x):
        self.z = x @ self.weights.T
        self.hidden = np.where(self.z >= 0, self.z, self.slope * self.z)
        return self.scale * self.hidden @ self.output.T + self.bias

    def step(self, x, error, rate):
        back = self.scale * (error @ self.output) * np.where(self.z >= 0, 1.0, self.slope)
        self.output = self.output - rate * self.scale * error.T @ self.hidden
        self.bias = self.bias - rate * error.sum(axis=0)
        self.weights = self.weights - rate * back.T @ x

    def snapshot(self):
        return {"W": self.weights, "A": self.output, "b": self.bias}


def make_case(head, classes, slope, path):
    random = np.random.RandomState(7)
    x = random.standard_normal((N, DIM)) * (random.uniform(size=(N, DIM)) < 0.7)
    labels = random.randint(0, classes, N)
    one_hot = np.eye(classes)[labels]
    network = head(random, classes, slope)
    losses, wrong, smallest, snapshots = [], [], np.inf, {}
    for step in range(STEPS + 1):
        outputs = network.forward(x)
        smallest = min(smallest, np.abs(network.z).min())
        if step in SNAPSHOTS:
            for name, values in network.snapshot().items():
                snapshots.setdefault(name, []).append(values)
        probabilities = softmax(outputs)
        losses.append(-np.log(probabilities[np.arange(N), labels]).mean())
        wrong.append((outputs.argmax(axis=1) != labels).sum())
        network.step(x, (probabilities - one_hot) / N, LEARNING_RATE)
    np.savez_compressed(
        path, X=x, classes=labels, slope=slope, scale=network.scale, learning_rate=LEARNING_RATE,
        steps=np.array(SNAPSHOTS), loss=np.array(losses), wrong=np.array(wrong),
        min_abs_z=smallest, **{name: np.array(values) for name, values in snapshots.items()})
    print(f"{path.name}: loss {losses[0]:.4f} to {losses[-1]:.4f}, {wrong[-1]} of {N} wrong, "
          f"smallest |z| {smallest:.1e}")


if __name__ == "__main__":
    folder = pathlib.Path(__file__).resolve().parent
    for name, head, classes in (("groups_2", Groups, 2), ("groups_4", Groups, 4),
                                ("trained_4", Trained, 4)):
        for slope in (0.0, 0.2):
            make_case(head, classes, slope, folder / f"training_{name}_slope_{slope:g}.npz")
