#!/usr/bin/env python3
"""Peer: one classifier trained on an image set with PyTorch's autograd, tuned for the CPU.

    peer_training.py HEAD CLASSES WIDTH EPOCHS [--folder DIR] [--limit N] [--std S] [--slope G] [--seed N] [--test]

HEAD is groups or trained; CLASSES is all (ten classes) or even-odd (two). SGD, batch 64, learning rate
0.1, pixels v/255, as in the paper. The images lie in memory as one float32 tensor, a batch is gathered by
index, gradients are taken by autograd and applied in place. Prints one JSON line:
{"name", "seconds_per_epoch", "cpu_seconds_per_epoch", "threads"} and, with --test, "accuracy" after each
epoch. Only training is timed. Exits with 3 when PyTorch is not installed.
"""

import argparse
import json
import os
import pathlib
import sys
import time

# Without this, two pools of threads that wait by spinning fight for the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def read_idx(path):
    import gzip

    import numpy as np

    if not path.exists():
        path = path.with_name(path.name + ".gz")
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    dims = data[3]
    shape = [int.from_bytes(data[4 + 4 * k:8 + 4 * k], "big") for k in range(dims)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def load(torch, folder, part, classes, limit):
    x = read_idx(folder / f"{part}-images-idx3-ubyte").reshape(-1, 784)[:limit]
    y = read_idx(folder / f"{part}-labels-idx1-ubyte").astype("int64")[:limit]
    if classes == "even-odd":
        y = y % 2
    return torch.from_numpy(x.astype("float32") / 255), torch.from_numpy(y)


class Groups:
    def __init__(self, torch, k, m, std, slope):
        self.torch, self.k, self.m, self.slope = torch, k, m, slope
        self.w = (std * torch.randn(k * m, 784)).requires_grad_()

    def parameters(self):
        return [self.w]

    def outputs(self, x):
        h = self.torch.nn.functional.leaky_relu(x @ self.w.t(), self.slope) if self.slope else \
            (x @ self.w.t()).relu()
        return h.view(-1, self.k, self.m).mean(-1)


class Trained:
    def __init__(self, torch, k, m, std, slope):
        self.torch, self.slope = torch, slope
        self.w = (std * torch.randn(m, 784)).requires_grad_()
        self.out = torch.nn.Linear(m, k)

    def parameters(self):
        return [self.w, *self.out.parameters()]

    def outputs(self, x):
        z = x @ self.w.t()
        return self.out(self.torch.nn.functional.leaky_relu(z, self.slope) if self.slope else z.relu())


def train_epoch(torch, net, x, y, rate=0.1, batch=64):
    loss_of = torch.nn.functional.cross_entropy
    order = torch.randperm(len(x))
    parameters = net.parameters()
    for first in range(0, len(x), batch):
        chosen = order[first:first + batch]
        loss = loss_of(net.outputs(x[chosen]), y[chosen])
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter.sub_(gradient, alpha=rate)


def stable_rank(torch, w):
    s = torch.linalg.svdvals(w.detach().double())
    return float((s ** 2).sum() / s[0] ** 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("head", choices=["groups", "trained"])
    parser.add_argument("classes", choices=["all", "even-odd"])
    parser.add_argument("width", type=int)
    parser.add_argument("epochs", type=int)
    cache = os.environ.get("LATETIME_DATA") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "latetime")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(cache) / "mnist")
    parser.add_argument("--limit", type=int, help="first N training images alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--std", type=float, default=1e-5)
    parser.add_argument("--slope", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", action="store_true", help="accuracy and stable rank after each epoch")
    a = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed", file=sys.stderr)
        sys.exit(3)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    k = 10 if a.classes == "all" else 2
    net = (Groups if a.head == "groups" else Trained)(torch, k, a.width, a.std, a.slope)
    x, y = load(torch, a.folder, "train", a.classes, a.limit)
    result = {"name": "pytorch-training", "threads": a.threads}
    if a.test:
        tx, ty = load(torch, a.folder, "t10k", a.classes, None)
        result |= {"accuracy": [], "stable_rank": []}
    wall = cpu = 0.0
    for _ in range(a.epochs):
        start, start_cpu = time.perf_counter(), time.process_time()
        train_epoch(torch, net, x, y)
        wall += time.perf_counter() - start
        cpu += time.process_time() - start_cpu
        if a.test:
            with torch.no_grad():
                result["accuracy"].append(float((net.outputs(tx).argmax(1) == ty).float().mean()))
            result["stable_rank"].append(stable_rank(torch, net.w))
    print(json.dumps(result | {"seconds_per_epoch": wall / a.epochs, "cpu_seconds_per_epoch": cpu / a.epochs}))


if __name__ == "__main__":
    main()
