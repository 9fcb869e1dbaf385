#!/usr/bin/env python3
"""Peer: the same network and descent as one writes it in PyTorch, with autograd and torch.optim.SGD.

    peer_autograd.py N D M SLOPE STEPS

Prints one JSON line: {"name", "steps_per_second", "threads"}, the better of one and two threads.
float64, full batch. Exits with 3 when PyTorch is not installed.
"""

import json
import sys
import time

try:
    import torch
except ImportError:
    print("PyTorch is not installed", file=sys.stderr)
    sys.exit(3)


class TwoLayerNet(torch.nn.Module):
    """f(x) = 1/m sum_r sigma(<w_{+,r}, x>) - 1/m sum_r sigma(<w_{-,r}, x>); the second layer is fixed."""

    def __init__(self, dim, width, slope, init_std):
        super().__init__()
        self.hidden = torch.nn.Linear(dim, 2 * width, bias=False, dtype=torch.float64)
        torch.nn.init.normal_(self.hidden.weight, std=init_std)
        second = torch.cat([torch.full((width,), 1 / width), torch.full((width,), -1 / width)])
        self.register_buffer("second", second.double())
        self.activation = torch.nn.LeakyReLU(slope) if slope > 0 else torch.nn.ReLU()

    def forward(self, x):
        return self.activation(self.hidden(x)) @ self.second


def measure(n, d, m, slope, steps, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x = torch.randn(n, d, dtype=torch.float64)
    y = torch.where(torch.rand(n) < 0.5, 1.0, -1.0).double()
    model = TwoLayerNet(d, m, slope, 1e-3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def descend(count):
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.softplus(-y * model(x)).mean()
            loss.backward()
            optimizer.step()

    descend(max(20, steps // 10))
    start = time.perf_counter()
    descend(steps)
    return steps / (time.perf_counter() - start)


def main():
    n, d, m = (int(a) for a in sys.argv[1:4])
    slope, steps = float(sys.argv[4]), int(sys.argv[5])
    rates = {threads: measure(n, d, m, slope, steps, threads) for threads in (1, 2)}
    best = max(rates, key=rates.get)
    print(json.dumps({"name": "pytorch-autograd", "steps_per_second": rates[best], "threads": best}))


if __name__ == "__main__":
    main()
