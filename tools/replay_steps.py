"""Level C of check_certificate.py (docs/proofs.md, section 9): every step from the initial weights.

Descent follows a shadow of exact descent with multipliers in fixed point, and proves every sign of
a pre-activation; start_distance says how far exact descent is from the stored weights at most. The
checker loads this file for certificates with initial weights alone. Python's standard library.
"""
import math
from decimal import Decimal
from heapq import heappop, heappush
from operator import mul

from check_certificate import BITS, ONE, above, fat, inner, integers, need

FINE = 192                                        # bits of multipliers
CUT = BITS - FINE
LARGEST = 64                                      # multiplier; below 1 for the logistic loss


def times_exp(factor, v):
    """factor · e^v for |v| < 2, by the series."""
    total, j = factor, 0
    while factor not in (0, -1):
        j += 1
        factor = (factor * v >> FINE) // j
        total += factor
    return total


class Descent:
    """The margins of the samples are followed step by step. The pre-activation of a pair is looked
    at only when the sum of the multipliers since the last look allows that it changes its sign."""

    def __init__(self, p, weights):
        self.p, (self.weights, self.shift) = p, integers(weights)
        every = range(p.n)
        self.z = p.products(self.weights, self.shift)
        self.on = [[v >= 0 for v in row] for row in self.z]
        # Σ_t g_l, what z_k and moved_k know of it, and w_k = w_k(0) + Σ_l moved_kl x_l
        self.sum = [0] * p.n
        self.seen, self.moved = ([[0] * p.n for _ in range(p.k)] for _ in range(2))
        # Pairs with sample i that are off, or on, wait in one queue; their z moves by less than
        # Σ_l weight_l g_l in a step.
        self.queues = [(i, letter) for i in every for letter in '01']
        slope = p.slope_of
        self.weight = [[(p.qa * abs(slope[letter if l == i else '1'] * v >> BITS) >> BITS + CUT) + 2
                        for l, v in enumerate(p.gram[i])] for i, letter in self.queues]
        alpha = [[self.slope(k, i) for i in every] for k in range(p.k)]
        self.shared = [[sum(a[j] * a[l] for a in alpha) >> BITS for l in every]      # Σ_k α_kj α_kl
                       for j in every]
        self.kernel = [[self.entry(j, l) for l in every] for j in every]
        widest = above(max(sum(map(abs, row)) for row in p.gram) * p.qa >> BITS)
        self.largest = int(min(0.999 / widest, LARGEST) * 2.0 ** FINE)     # with it a step is short

    def slope(self, k, i):
        return self.p.slope_of['1' if self.on[k][i] else '0']

    def pull(self, k, l):
        """Change of w_k along x_l for a unit of multiplier."""
        return self.p.sign[k] * self.p.y[l] * (self.p.qa * self.slope(k, l) >> BITS)

    def entry(self, j, l):
        """Change of margin j for a unit of multiplier l: q a² y_j y_l ⟨x_j, x_l⟩ Σ_k α_kj α_kl."""
        p, both = self.p, self.p.gram[j][l] * self.shared[j][l] >> BITS
        return p.y[j] * p.y[l] * (p.qa * both >> BITS) // p.m >> CUT

    def news(self, k):
        """What w_k has moved along the samples since the last catch_up."""
        return [self.pull(k, l) * (a - b) >> BITS
                for l, (a, b) in enumerate(zip(self.sum, self.seen[k]))]

    def catch_up(self, k):
        new = self.news(k)
        self.moved[k] = [a + b for a, b in zip(self.moved[k], new)]
        self.z[k] = [v + inner(new, row) for v, row in zip(self.z[k], self.p.gram)]
        self.seen[k] = list(self.sum)

    def flip(self, k, i):
        """The pair (k, i) has changed its sign. Returns the change of margin i."""
        p, old = self.p, self.slope(k, i)
        self.catch_up(k)
        self.on[k][i] = not self.on[k][i]
        turn = self.slope(k, i) - old
        for l in range(p.n):
            other = self.slope(k, i) + old if l == i else self.slope(k, l)
            self.shared[i][l] += turn * other >> BITS
            self.shared[l][i] = self.shared[i][l]
            self.kernel[i][l] = self.kernel[l][i] = self.entry(i, l)
        return p.y[i] * p.sign[k] * (turn * self.z[k][i] >> BITS) // p.m >> CUT

    def follow(self, steps):
        """To W_T. Returns the weights of the shadow as integers times 2^-BITS, and a bound of its
        distance from exact descent."""
        p, one = self.p, 1 << FINE
        need(steps < 2 ** 30, 'fewer than 2^30 steps')
        drift = fat(steps * p.length([1e-25] * p.n))           # each g_l is off by less than 1e-25
        doubt = [int(fat(drift * r + 1e-20) * ONE) for r in p.norm]
        looks = [[(0, k) for k in range(p.k) if self.on[k][i] == (letter == '1')]
                 for i, letter in self.queues]
        load = [0] * len(looks)                                # moved so far; looks are due by load
        margin = [sum(p.sign[k] * self.slope(k, i) * self.z[k][i] for k in range(p.k)) >> BITS
                  for i in range(p.n)]
        odds = [int((Decimal(-(y * u // p.m)) / ONE).exp() * one) for y, u in zip(p.y, margin)]
        for t in range(steps + 1):
            change = [0] * p.n                                 # of margins; odds are e^{−u_l}
            for j, (i, letter) in enumerate(self.queues):
                while looks[j] and looks[j][0][0] <= load[j]:
                    k = heappop(looks[j])[1]
                    z = self.z[k][i] + inner(self.news(k), p.gram[i])
                    need(abs(z) > doubt[i], f'the sign of pair ({k}, {i}) at step {t} is known')
                    if (z >= 0) != (letter == '1'):
                        change[i] += self.flip(k, i)
                    now = 2 * i + (z >= 0)
                    heappush(looks[now], (load[now] + (abs(z) - doubt[i] >> CUT), k))
            if t == steps:
                break
            need(one >> 64 < min(odds) and max(odds) < one << 64,
                 f'margins at step {t} are within ±44')
            if any(change):
                odds = [times_exp(v, -c) for v, c in zip(odds, change)]
            g = odds if p.loss == 'exponential' else [(v << FINE) // (one + v) for v in odds]
            need(max(g) < self.largest, f'step {t} is short: q |a| Σ_l |⟨x_i, x_l⟩| g < 1')
            self.sum = [a + (b << CUT) for a, b in zip(self.sum, g)]
            load = [a + 1 + (sum(map(mul, row, g)) >> FINE) for a, row in zip(load, self.weight)]
            odds = [times_exp(v, -(sum(map(mul, row, g)) >> FINE))
                    for v, row in zip(odds, self.kernel)]
        for k in range(p.k):
            self.catch_up(k)
        columns = list(zip(*p.whole))
        return [[(a << BITS >> self.shift) + (sum(map(mul, moved, column)) >> p.shift)
                 for a, column in zip(row, columns)]
                for row, moved in zip(self.weights, self.moved)], drift


def start_distance(weights, reached, drift):
    """A bound of ‖exact descent after T steps − stored weights‖, from what follow() returned."""
    w, shift = integers(weights)
    square = sum((a - (b << BITS >> shift)) ** 2
                 for ours, theirs in zip(reached, w) for a, b in zip(ours, theirs))
    return fat(drift + above(math.isqrt(square) + 1))
