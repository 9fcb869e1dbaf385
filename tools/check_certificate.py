#!/usr/bin/env python3
"""Checks a certificate of Latetime: is the theorem that it states about a run of gradient descent true?

usage: check_certificate.py [--sampled] FILE
prints the theorem and PROVED, or NOT PROVED and the first inequality that fails; --sampled believes a certificate with initial
weights where they lead to by its step T, instead of following every step, and says so
exit code: 0 proved, 1 not proved, 2 the file is no certificate

The mathematics and the format are docs/proofs.md; section numbers below are its. Python's standard library alone.

Numbers (section 7). What can cancel (samples' products, pre-activations, the kernel, polynomials) is *fixed*: an integer v that
stands for v / 2^384. Sums of products are exact before one rounding; every fixed number is off by less than 2^-100. above() and
below() make floats of it that are certainly not too small or not too large. Bounds that are sums, products, quotients and roots
of fewer than a million nonnegative floats are off by less than 1e-9 of themselves: fat() adds that, thin() takes it off.
"""
import math
import re
import sys
from decimal import ROUND_CEILING, Context, Decimal, getcontext
from fractions import Fraction
from functools import cache
from heapq import heappop, heappush
from operator import mul

BITS = 384
ONE = 1 << BITS
LARGE = 2.0 ** 30         # fixed numbers are smaller than this in size
INF = math.inf
getcontext().prec = 100


class NotProved(Exception):
    """An inequality that the theorem needs does not hold, or not visibly."""


class BadFile(Exception):
    """The text is no certificate of this version."""


def need(truth, words):
    if not truth:
        raise NotProved(words)


# ---------------------------------------------------------------------------------------------------- numbers

def fat(x):
    return x * (1 + 1e-9) + 1e-290


def thin(x):
    return x * (1 - 1e-9)


def fixed(x):
    return int(Fraction(x) * ONE)


def above(v):
    x = v / ONE
    return x + abs(x) * 1e-9 + 1e-20


def below(v):
    return -above(-v)


def inner(a, b):
    """Fixed: Σ a_i b_i."""
    return sum(map(mul, a, b)) >> BITS


def dot(a, b):
    """Floats: Σ a_i b_i, a bound where none is negative. (fsum, as sum adds otherwise from Python 3.12 on.)"""
    return math.fsum(map(mul, a, b))


def exp(x):
    """A float just above e^x, for a float x."""
    return fat(float(Decimal(x).exp()))


def log(v):
    """Fixed: the logarithm of a fixed number."""
    return int((Decimal(v) / ONE).ln() * ONE)


def integers(rows):
    """Doubles as integers times 2^-shift: (rows of integers, shift)."""
    ratios = [[v.as_integer_ratio() for v in row] for row in rows]
    most = max(den for row in ratios for _, den in row)
    return [[num * (most // den) for num, den in row] for row in ratios], most.bit_length() - 1


def positive_definite(a, shift):
    """True only if a − shift·1 is positive definite, for symmetric floats a that may each be off by rounding: its factorisation
    runs through after a further shift that exceeds what rounding can do (7.2)."""
    n = len(a)
    slack = shift + (n + 16) * 2.0 ** -50 * (math.fsum(abs(a[i][i]) for i in range(n)) + n * abs(shift))
    rows = []
    for i in range(n):
        row = []
        for j in range(i):
            row.append((a[i][j] - dot(row, rows[j][:j])) / rows[j][j])
        rest = a[i][i] - slack - dot(row, row)
        if not rest > 0:
            return False
        rows.append(row + [math.sqrt(rest)])
    return True


def least_eigenvalue(a):
    """A lower bound of the least eigenvalue of a symmetric positive semidefinite matrix (fixed); 0 if none is found."""
    if not a:
        return 1.0
    a = [[v / ONE for v in row] for row in a]
    low, high = 0.0, min(a[i][i] for i in range(len(a)))
    for _ in range(40):
        middle = (low + high) / 2
        if high - low < 0.02 * high or not middle > 1e-18:
            break
        if positive_definite(a, middle):
            low = middle
        else:
            high = middle
    return thin(low)


def solve(a, b):
    """The matrix x (fixed) with a x = b, or NotProved: its residual is below 2^-324."""
    n, rows = len(a), [list(row) + list(right) for row, right in zip(a, b)]
    for j in range(n):
        p = max(range(j, n), key=lambda i: abs(rows[i][j]))
        rows[j], rows[p] = rows[p], rows[j]
        need(rows[j][j], 'samples that one neuron slides or hops on, or those of the support, are independent')
        for i in range(n):
            if i != j and rows[i][j]:
                f = (rows[i][j] << BITS) // rows[j][j]
                rows[i] = [u - (f * v >> BITS) for u, v in zip(rows[i], rows[j])]
    x = [[(v << BITS) // rows[j][j] for v in rows[j][n:]] for j in range(n)]
    for row, right in zip(a, b):
        for column, value in zip(zip(*x), right):
            need(abs(inner(row, column) - value) < ONE >> 324 and max(map(abs, column)) < LARGE * ONE, 'a linear system is solved')
    return x


@cache
def bernstein_weights(n):
    return [[math.comb(i, j) * ONE // math.comb(n, j) for j in range(i + 1)] for i in range(n + 1)]


def bernstein(c):
    """Fixed: a lower and an upper bound of the polynomial Σ c_j x^j on [0, 1]; its Bernstein coefficients enclose it."""
    values = [inner(row, c) for row in bernstein_weights(len(c) - 1)]
    return min(values), max(values)


# ---------------------------------------------------------------------------------------------------- problem and modes

class Problem:
    """Samples, labels, slope γ, rate η, width m: exact numbers. Neurons 0 … m−1 are class +1, the others class −1."""

    def __init__(self, x, y, m, slope, rate):
        self.x, self.y, self.m, self.slope, self.rate = x, y, m, slope, rate
        self.n, self.d, self.k = len(x), len(x[0]), 2 * m
        self.sign = [1] * m + [-1] * m
        self.q, self.a = rate / self.n, 1.0 / m
        self.qa = int(Fraction(rate) * ONE / (self.n * m))
        self.slope_of = {'0': fixed(slope), '1': ONE, 's': 0}
        self.whole, self.shift = integers(x)
        self.gram = self.products(self.whole, self.shift)
        self.norm = [fat(math.sqrt(above(self.gram[i][i]))) for i in range(self.n)]
        need(max(self.norm) ** 2 < LARGE and rate < LARGE, 'samples and rate are of moderate size')
        self.pull = [[v / ONE for v in row] for row in self.gram]
        self.absgram = [[above(abs(v)) for v in row] for row in self.gram]
        self.row_norm = [fat(r * math.sqrt(2.0 / m)) for r in self.norm]   # ‖p_l‖ and the Lipschitz constant of u_l
        self.everything, self.projections, self.leasts = frozenset(range(self.n)), {}, {}

    def own(self, k, i):
        return self.sign[k] * self.y[i] > 0

    def products(self, rows, shift):
        """Inner products of rows (integers times 2^-shift) with the samples: exact, then rounded once, downwards, so signs are exact."""
        return [[(sum(map(mul, row, sample)) << BITS) >> (shift + self.shift) for sample in self.whole] for row in rows]

    def length(self, c):
        """Bound of q ‖Σ c_l π_l‖ for |coefficients| <= c: N(c) of (1)."""
        return fat(self.q * math.sqrt(2.0 / self.m * math.fsum(ci * dot(c, row) for ci, row in zip(c, self.absgram))))

    def least(self, samples):
        """A lower bound of the least eigenvalue of the Gram matrix of samples."""
        if samples not in self.leasts:
            self.leasts[samples] = least_eigenvalue([[self.gram[i][j] for j in samples] for i in samples])
        return self.leasts[samples]

    def project(self, samples):
        """For Π onto the span of samples: c[l] with Π x_l = Σ_s c[l][s] x_s, and ⟨(1 − Π)x_l, x_i⟩."""
        s = frozenset(samples)
        if s not in self.projections:
            need(self.least(s) > 1e-9, 'samples that one neuron slides on are independent')
            s, g, every = sorted(s), self.gram, range(self.n)
            c = list(zip(*solve([[g[i][j] for j in s] for i in s], [g[i] for i in s]))) if s else [()] * self.n
            kept = [[g[l][i] - inner(c[l], [g[j][i] for j in s]) if l not in s and i not in s else 0 for i in every] for l in every]
            self.projections[frozenset(s)] = c, kept
        return self.projections[frozenset(s)]


class Block:
    """One neuron of a mode: how its pre-activations move, and what holds its sliding pairs (sections 1, 3)."""

    def __init__(self, p, sign, letters):
        n, self.sliding = p.n, [i for i, c in enumerate(letters) if c == 's']
        c, kept = p.project(self.sliding)
        alpha = [p.slope_of[letter] for letter in letters]
        scale = [sign * p.y[l] * (p.qa * alpha[l] >> BITS) for l in range(n)]
        self.move = [[scale[l] * kept[l][i] >> BITS for l in range(n)] for i in range(n)]       # of z_ki for a unit of ∫λ_l
        self.reach = [list(map(above, map(abs, row))) for row in self.move]
        self.hold = {s: [-p.y[s] * p.y[l] * (alpha[l] * c[l][j] >> BITS) for l in range(n)] for j, s in enumerate(self.sliding)}
        self.pull = [[p.y[i] * sign * (alpha[i] * v >> BITS) // p.m for v in self.move[i]] for i in range(n)]      # its part of κ


class Mode:
    """What the reference moves along: a letter for every pair, 1 (slope 1), 0 (slope γ) or s (slides)."""

    def __init__(self, problem, letters):
        self.p, self.letters, self.cache = problem, [list(row) for row in letters], {}
        self.update()

    def update(self):
        p, count = self.p, {}
        self.blocks = []
        for sign, row in zip(p.sign, self.letters):
            key = sign, ''.join(row)
            if key not in self.cache:
                self.cache[key] = Block(p, sign, row)
            self.blocks.append(self.cache[key])
            count[self.cache[key]] = count.get(self.cache[key], 0) + 1
        self.kernel = [[sum(times * b.pull[i][l] for b, times in count.items()) for l in range(p.n)] for i in range(p.n)]


# ---------------------------------------------------------------------------------------------------- the reference

class Piece:
    """What is known of one piece: t g_l <= g_high, λ̂_l in [low, high], |λ̂_l'| <= drift, |log(t e^{−⟨p_l,Z⟩}/λ̂_l)| <= off."""


class Reference:
    """The reference curve: z_ki at the start of a piece, and what a piece does to it (section 3)."""

    def __init__(self, problem, weights, step, sliding, starts, start):
        self.start = start                                                          # ‖W_T − stored weights‖ is at most this
        p = self.p = problem
        w, shift = integers(weights)
        self.z = p.products(w, shift)
        letters = [['1' if v >= 0 else '0' for v in row] for row in self.z]
        self.certain = [[not start or below(abs(v)) > fat(start * r) for v, r in zip(row, p.norm)] for row in self.z]
        self.active = [list(row) for row in letters]
        for k, i, letter in starts:
            letters[k][i] = letter
        square = 0
        for k, s in sliding.items():
            b = solve([[p.gram[i][j] for j in s] for i in s], [[self.z[k][i]] for i in s])
            square += sum(c * self.z[k][i] >> BITS for (c,), i in zip(b, s))
            self.z[k] = [v - inner([c for c, in b], [p.gram[j][i] for j in s]) for i, v in enumerate(self.z[k])]
            for i in s:
                letters[k][i] = 's'
        self.square = above(square)                                                 # ‖W_T − Z_T‖²
        self.mode = Mode(p, letters)
        self.step, self.theta, self.origin = step, 0, log(step * ONE)               # theta: log(t/T), fixed
        self.travel = fat(math.sqrt(above(sum(v * v for row in w for v in row) << BITS >> 2 * shift)) + math.sqrt(self.square))
        self.settle()

    def settle(self):
        """What follows from z and the mode at the boundary of two pieces."""
        p, letters = self.p, self.mode.letters
        self.near_z = [[v / ONE for v in row] for row in self.z]
        need(max(max(map(abs, row)) for row in self.near_z) < LARGE, 'pre-activations are of moderate size')
        slopes = [[p.slope_of[c] for c in row] for row in letters]
        sums = [sum(p.sign[k] * slopes[k][i] * self.z[k][i] for k in range(p.k)) >> BITS for i in range(p.n)]
        self.exponents = [self.origin + self.theta - y * s // p.m for y, s in zip(p.y, sums)]            # log of λ_l = t e^{−s_l}
        need(-640 * ONE < min(self.exponents) and max(self.exponents) < 20 * ONE, 'multipliers are of moderate size')
        exact = [(Decimal(e) / ONE).exp() for e in self.exponents]
        self.lam, self.lam_float = [int(v * ONE) for v in exact], [float(v) for v in exact]

    def time(self):
        """A lower bound of the step number at the start of the piece."""
        return thin(float(min(Decimal(self.step) * (Decimal(self.theta) / ONE).exp(), Decimal('1e280'))))

    def piece(self, h, degree):
        """Taylor polynomials of λ on a piece of length h, as series in x = (τ − τ_j)/h, and bounds of all that happens on it."""
        p, mode, n, out = self.p, self.mode, self.p.n, Piece()
        length, series, rates = fixed(h), [[ONE] for _ in range(n)], [[] for _ in range(n)]       # λ_l = lam_l Σ series_lj x^j
        out.h, out.columns = h, []
        for j in range(degree + 1):
            column = [lam * series[l][j] >> BITS for l, lam in enumerate(self.lam)]
            out.columns.append([length * v >> BITS for v in column])
            for i in range(n):
                rates[i].append((0 if j else ONE) - inner(mode.kernel[i], column))
                if j < degree:
                    series[i].append((length * inner(series[i], reversed(rates[i])) >> BITS) // (j + 1))
        out.series, out.total = series, [sum(c[l] // (j + 1) for j, c in enumerate(out.columns)) for l in range(n)]
        out.low, out.high, out.drift, out.off = [], [], [], []
        for i in range(n):
            size = [above(abs(c)) for c in series[i]]
            least, lam = thin(1 - fat(math.fsum(size[1:]))), self.lam_float[i]
            need(least > 0, f'multiplier of sample {i} stays positive on the piece at log(t/T) = {self.theta / ONE:.6g}')
            out.low.append(thin(lam * least))
            out.high.append(fat(lam * math.fsum(size)))
            out.drift.append(fat(lam * math.fsum(j * c for j, c in enumerate(size)) / h))
            # (log E)' h = (series' − h series·rate) / series: the coefficients below the degree are zero to rounding
            wrong = [(j + 1) * series[i][j + 1] if j < degree else 0 for j in range(2 * degree + 1)]
            for j in range(2 * degree + 1):
                first = max(0, j - degree)
                wrong[j] -= length * inner(series[i][first:j + 1], reversed(rates[i][first:j + 1])) >> BITS
            held = sum(abs(self.z[k][i]) for k in range(p.k) if mode.letters[k][i] == 's') // p.m
            out.off.append(fat(above(sum(map(abs, wrong))) / least + above(held)))
        out.g_high = [fat(v * exp(o)) for v, o in zip(out.high, out.off)]
        out.moved = {b: [inner(row, out.total) for row in b.move] for b in set(mode.blocks)}
        total = [above(v) for v in out.total]
        out.reach = {b: [fat(dot(row, total)) for row in b.reach] for b in set(mode.blocks)}
        out.polynomials, out.span = {}, lambda k, i: self.span(out, k, i)
        return out

    def span(self, out, k, i):
        """Least and greatest z_ki on the piece."""
        b, z = self.mode.blocks[k], self.z[k][i]
        if (b, i) not in out.polynomials:
            out.polynomials[b, i] = [inner(b.move[i], column) // (j + 1) for j, column in enumerate(out.columns)]
        low, high = bernstein([0] + out.polynomials[b, i])
        return below(z + low), above(z + high)

    def advance(self, out):
        self.z = [[v + dv for v, dv in zip(row, out.moved[b])] for row, b in zip(self.z, self.mode.blocks)]
        self.theta += fixed(out.h)
        self.travel = fat(self.travel + self.p.length([above(v) for v in out.total]))
        self.settle()


# ---------------------------------------------------------------------------------------------------- from the initial weights

class Descent:
    """Descent from W_0 with multipliers in fixed point, every step of it: a shadow of the exact one (section 9).

    The margins of the samples are followed step by step. The pre-activation of a pair is looked at only when the sum of the
    multipliers since the last look allows that it changes its sign."""
    bits, cut = 192, BITS - 192                                                     # of multipliers

    def __init__(self, p, weights):
        self.p, (self.weights, self.shift) = p, integers(weights)
        self.z = p.products(self.weights, self.shift)
        self.on = [[v >= 0 for v in row] for row in self.z]
        self.sum, self.seen = [0] * p.n, [[0] * p.n for _ in range(p.k)]            # Σ_t g_l; what z_k and moved_k know of it
        self.moved = [[0] * p.n for _ in range(p.k)]                                # w_k = w_k(0) + Σ_l moved_kl x_l
        # Pairs with sample i that are off, or on, wait in one queue; in a step their z moves by less than Σ_l weight_l g_l.
        self.queues = [(i, letter) for i in range(p.n) for letter in '01']
        self.weight = [[p.qa * abs(p.slope_of[letter] * v >> BITS if l == i else v) >> BITS + self.cut for l, v in enumerate(p.gram[i])]
                       for i, letter in self.queues]
        alpha = [[self.slope(k, i) for i in range(p.n)] for k in range(p.k)]
        self.shared = [[sum(a[j] * a[l] for a in alpha) >> BITS for l in range(p.n)] for j in range(p.n)]      # Σ_k α_kj α_kl
        self.kernel = [[self.entry(j, l) for l in range(p.n)] for j in range(p.n)]
        widest = max(sum(map(abs, row)) for row in p.gram)
        self.largest = int(0.999 * 2.0 ** self.bits / above(widest * p.qa >> BITS))      # multiplier with which a step is short

    def slope(self, k, i):
        return self.p.slope_of['1' if self.on[k][i] else '0']

    def pull(self, k, l):
        """Change of w_k along x_l for a unit of multiplier."""
        return self.p.sign[k] * self.p.y[l] * (self.p.qa * self.slope(k, l) >> BITS)

    def entry(self, j, l):
        """Change of margin j for a unit of multiplier l: q a² y_j y_l ⟨x_j, x_l⟩ Σ_k α_kj α_kl, of few bits."""
        return self.p.y[j] * self.p.y[l] * (self.p.qa * (self.p.gram[j][l] * self.shared[j][l] >> BITS) >> BITS) // self.p.m >> self.cut

    def value(self, k, i):
        new = [a - b for a, b in zip(self.sum, self.seen[k])]
        return self.z[k][i] + inner([self.pull(k, l) * c >> BITS for l, c in enumerate(new)], self.p.gram[i])

    def catch_up(self, k):
        p, new = self.p, [self.pull(k, l) * (a - b) >> BITS for l, (a, b) in enumerate(zip(self.sum, self.seen[k]))]
        self.moved[k] = [a + b for a, b in zip(self.moved[k], new)]
        self.z[k] = [v + inner(new, p.gram[i]) for i, v in enumerate(self.z[k])]
        self.seen[k] = list(self.sum)

    def flip(self, k, i):
        """The pair (k, i) has changed its sign. Returns the change of margin i."""
        p, old = self.p, self.slope(k, i)
        self.catch_up(k)
        self.on[k][i] = not self.on[k][i]
        turn = self.slope(k, i) - old
        for l in range(p.n):
            both = turn * (self.slope(k, i) + old) if l == i else turn * self.slope(k, l)
            self.shared[i][l] += both >> BITS
            self.shared[l][i] = self.shared[i][l]
            self.kernel[i][l] = self.kernel[l][i] = self.entry(i, l)
        return p.y[i] * p.sign[k] * (turn * self.z[k][i] >> BITS) // p.m >> self.cut

    def times_exp(self, factor, v):
        """factor · e^v for |v| < 2, by the series."""
        total, j = factor, 0
        while factor not in (0, -1):
            j += 1
            factor = (factor * v >> self.bits) // j
            total += factor
        return total

    def follow(self, steps):
        """To W_T. Returns the weights of the shadow as integers times 2^-BITS, and a bound of its distance from exact descent."""
        p, every = self.p, range(self.p.n)
        need(steps < 2 ** 30, 'fewer than 2^30 steps')
        drift = fat(steps * p.length([1e-25] * p.n))                                # each g_l is off by less than 1e-25
        doubt = [int(fat(drift * r + 1e-20) * ONE) for r in p.norm]
        looks = [[(0, k) for k in range(p.k) if self.on[k][i] == (letter == '1')] for i, letter in self.queues]
        load = [0] * len(looks)                                                     # moved so far; looks are due by load
        margin = [p.y[i] * (sum(p.sign[k] * self.slope(k, i) * self.z[k][i] for k in range(p.k)) >> BITS) // p.m for i in every]
        one = 1 << self.bits
        odds = [int((Decimal(-u) / ONE).exp() * one) for u in margin]               # e^{−u_l}
        for t in range(steps + 1):
            change = [0] * p.n
            for j, (i, letter) in enumerate(self.queues):
                while looks[j] and looks[j][0][0] <= load[j]:
                    k = heappop(looks[j])[1]
                    z = self.value(k, i)
                    need(abs(z) > doubt[i], f'the sign of pair ({k}, {i}) at step {t} is known')
                    if (z >= 0) != (letter == '1'):
                        change[i] += self.flip(k, i)
                    now = 2 * i + (z >= 0)
                    heappush(looks[now], (load[now] + (abs(z) - doubt[i] >> self.cut), k))
            if t == steps:
                break
            need(one >> 64 < min(odds) and max(odds) < one << 64, f'margins at step {t} are within ±44')
            if any(change):
                odds = [self.times_exp(v, -c) for v, c in zip(odds, change)]
            g = [(v << self.bits) // (one + v) for v in odds]
            need(max(g) < self.largest, f'step {t} is short: q |a| Σ_l |⟨x_i, x_l⟩| g < 1')
            self.sum = [a + (b << self.cut) for a, b in zip(self.sum, g)]
            load = [a + p.n + 8 + (sum(map(mul, row, g)) >> self.bits) for a, row in zip(load, self.weight)]
            odds = [self.times_exp(v, -(sum(map(mul, row, g)) >> self.bits)) for v, row in zip(odds, self.kernel)]
        for k in range(p.k):
            self.catch_up(k)
        columns = list(zip(*p.whole))
        return [[(a << BITS >> self.shift) + (sum(map(mul, moved, column)) >> p.shift) for a, column in zip(row, columns)]
                for row, moved in zip(self.weights, self.moved)], drift


def start_distance(weights, reached, drift):
    """A bound of ‖exact descent after T steps − stored weights‖, from what follow() returned."""
    w, shift = integers(weights)
    square = sum((a - (b << BITS >> shift)) ** 2 for ours, theirs in zip(reached, w) for a, b in zip(ours, theirs))
    return fat(drift + above(math.isqrt(square) + 1))


# ---------------------------------------------------------------------------------------------------- the tube

class Crossing:
    """An own pair that comes to zero or has crossed, while every step moves it to its new side: W crosses before the reference
    or after it, never both (section 4). early, late: the multiple of x_i that mismatches add to w_k in the one case and the other."""

    def __init__(self, was_free=False, early=0.0, late=0.0, depth=None):
        self.was_free, self.early, self.late = was_free, early, late
        self.depth = depth                                       # how far z(W) may be on the old side; None: not crossed yet

    def shift(self):
        return max(self.early, self.late)


class Tube:
    """‖W_t − Z_t − shifts of crossings‖ <= radius, piece by piece (sections 2, 4, 5)."""

    def __init__(self, reference):
        self.ref, p = reference, reference.p
        self.p = p
        self.square = fat((math.sqrt(reference.square) + reference.start) ** 2) if reference.start else reference.square
        self.linear = 0.0
        letters = reference.mode.letters
        self.base = [''.join(row) for row in letters]
        self.free = [frozenset(i for i in range(p.n) if row[i] == 's') for row in letters]                # N_k of section 4
        self.sure = [[known and a == b for known, a, b in zip(*rows)] for rows in zip(reference.certain, reference.active, letters)]
        self.ever_open = False
        self.crossings = {}
        self.blocks, self.known = {}, ([], [])

    def radius(self):
        return fat(fat(math.sqrt(self.square)) + self.linear)

    def margin(self, room, norm, radius):
        """How far z(W) and z(Z) can be apart: W_T − stored weights lies anywhere, the rest of W − Z in U (section 4)."""
        return fat(room * (radius + self.ref.start) + norm * self.ref.start + 1e-20)

    def rooms(self, free):
        """room[k][i] >= ρ_ki of (3) with the free pairs given."""
        p, n = self.p, self.p.n
        free = [f if p.least(f) > 1e-9 else p.everything for f in free]             # N may be larger
        keys, count = list(zip(p.sign, self.base, free)), {}
        if self.known[0] == keys:
            return self.known[1]
        for key in keys:
            count[key] = count.get(key, 0) + 1
            if key not in self.blocks:
                self.blocks[key] = self.room_block(*key)
        gamma = [[sum(times * self.blocks[key][2][l][j] for key, times in count.items()) for j in range(n)] for l in range(n)]
        live = [l for l in range(n) if any(l not in f and p.slope_of[base[l]] for _, base, f in count)]
        least = least_eigenvalue([[gamma[l][j] for j in live] for l in live])
        rows = {}
        for key in count:
            part, touch, _ = self.blocks[key]
            share = [fat(v / least) if least else INF if v else 0.0 for v in touch]
            rows[key] = [min(fat(math.sqrt(a + b)), norm) for a, b, norm in zip(part, share, p.norm)]
        self.known = keys, [rows[key] for key in keys]
        return self.known[1]

    def room_block(self, sign, base, free):
        """For one neuron: ‖Π_N x_i‖², Σ_l ⟨ψ_l, E_k ⊗ x_i⟩², and its part of the Gram matrix Γ of the ψ_l."""
        p, every = self.p, range(self.p.n)
        kept = p.project(free)[1] if free != p.everything else [[0] * p.n] * p.n
        slope = [p.y[l] * (p.slope_of[base[l]] // p.m if l not in free else 0) for l in every]
        touch = [math.fsum(above(abs(slope[l] * kept[l][i] >> BITS)) ** 2 for l in every if slope[l]) for i in every]
        gamma = [[(slope[l] * slope[j] >> BITS) * kept[l][j] >> BITS for j in every] for l in every]
        return [above(p.gram[i][i] - kept[i][i]) if free else 0.0 for i in every], touch, gamma

    def shifts(self, sizes):
        """What shifts of these sizes (multiples of x_i) do to pre-activations, by neuron, and to margins (section 2)."""
        p, pairs, margins = self.p, {}, [0.0] * self.p.n
        for (k, i), size in sizes.items():
            pairs[k] = [fat(a + size * g) for a, g in zip(pairs.get(k, [0.0] * p.n), p.absgram[i])]
        for k, seen in pairs.items():
            slopes = [p.slope if c == '0' else 1.0 for c in self.ref.mode.letters[k]]
            margins = [fat(a + p.a * slope * v) for a, slope, v in zip(margins, slopes, seen)]
        return pairs, margins

    def near(self, out, radius, stride, shift, sure):
        """The closed set of free pairs, and those whose sign may differ from the slope of the reference, with the range of z
        (section 4). Own pairs count as near within one step of it, too: they must not cross in the step that straddles the end."""
        p, ref = self.p, self.ref
        free = [f | {i for i, c in enumerate(row) if c == 's'} for f, row in zip(self.free, ref.mode.letters)]
        while True:
            rooms, grown, found = self.rooms(free), False, {}
            for k in range(p.k):
                z, reach, moved = ref.near_z[k], out.reach[ref.mode.blocks[k]], shift.get(k)
                for i, letter in enumerate(ref.mode.letters[k]):
                    margin = fat(self.margin(rooms[k][i], p.norm[i], radius) + (stride * p.norm[i] if p.own(k, i) else 0.0)
                                 + (moved[i] if moved else 0.0))
                    if letter != 's' and abs(z[i]) > fat(margin + reach[i]) and (z[i] > 0) == (letter == '1'):
                        continue
                    low, high = out.span(k, i)
                    if letter == '1' and low > margin or letter == '0' and high < -margin:
                        continue
                    found[k, i] = (low, high)
                    if i not in free[k] and not (p.own(k, i) and sure[k][i]):      # signs of those are decided in close()
                        free[k], grown = free[k] | {i}, True
            if not grown:
                return free, found

    def drift(self, k, i, side, free, found, high, low):
        """A lower bound of the drift of z_ki(W) to a side (±1) a unit of log t, whatever the pairs of open sign do (5)."""
        p, worst, letters = self.p, -1e-9 * math.fsum(high) * max(self.p.norm) ** 2, self.ref.mode.letters[k]
        for l in range(p.n):
            pull = p.sign[k] * p.y[l] * p.pull[i][l] * side
            declared = p.slope if letters[l] == '0' else 1.0
            least, most = (p.slope, 1.0) if l in free[k] and (k, l) in found else (declared, declared)
            worst += thin(pull * least * low[l]) if pull > 0 else -fat(-pull * most * high[l])
        return thin(p.q * p.a * worst) if worst > 0 else 0.0

    def close(self, out, radius, begin, last, shift, moved):
        """The closed set of section 4 for a radius and shifts (seen by pre-activations, by margins): found pairs; own ones among
        them that may have the wrong sign, with their drifts outward and inward; other ones by neuron; bounds of t h_l and ε_l."""
        p, letters = self.p, self.ref.mode.letters
        loads = math.fsum(g * exp(r * radius + c) * x for g, r, x, c in zip(out.g_high, p.row_norm, p.norm, moved))
        stride, sure = 0.0 if last else fat(2 * p.q * p.a * loads / (begin - 2)), [list(row) for row in self.sure]
        while True:
            free, found = self.near(out, radius, stride, shift, sure)
            eps, omega, hop = [0.0] * p.n, [0.0] * p.n, {}
            for (k, i), (least, most) in found.items():
                size, letter, slid = max(abs(least), abs(most)), letters[k][i], shift[k][i] if k in shift else 0.0
                if p.own(k, i):
                    need(letter != 's', f'own-class pair ({k}, {i}) cannot slide')
                    omega[i] += p.a * (1 - p.slope) * (size + p.norm[i] * radius + slid)
                else:
                    wrong = size if letter == 's' else max(0.0, most if letter == '0' else -least)
                    eps[i] += p.a * (1 - p.slope) * (wrong + slid)
                    hop.setdefault(k, []).append(i)
            eps = list(map(fat, eps))
            need(max(eps) < 0.69, 'wrong-sided pairs change a margin by less than log 2')
            room = [fat(r * radius + e + c) for r, e, c in zip(p.row_norm, eps, moved)]
            high = [fat(g * exp(r)) for g, r in zip(out.g_high, room)]
            low = [max(0.0, thin(v / exp(o + r + fat(x)) * (1 - 4 * g / begin)))
                   for v, o, r, x, g in zip(out.low, out.off, room, omega, out.g_high)]
            lost = {}
            for k, i in found:
                if p.own(k, i):
                    side = 1 if letters[k][i] == '1' else -1
                    outward, inward = (self.drift(k, i, s, free, found, high, low) for s in (side, -side))
                    if not (sure[k][i] and outward > 0):
                        lost[k, i] = outward, inward
            missing = [(k, i) for k, i in lost if i not in free[k]]
            if not missing:
                return free, found, lost, hop, eps, high
            for k, i in missing:
                sure[k][i] = False

    def charge(self, out, radius, begin, end, last=None):
        """What the piece, from t = begin to end, adds to the squares and to the linear part (section 5), and what is to be
        committed. last: the charges of the last piece in place of the defects. Shifts are assumed, larger ones until they suffice."""
        assumed = {pair: c.shift() for pair, c in self.crossings.items()}
        for _ in range(60):
            square, linear, state, seen = self.shifted(out, radius, begin, end, last, assumed)
            small = {pair: size for pair, size in seen.items() if not size <= assumed.get(pair, -1.0)}
            if not small:
                return square, linear, state
            assumed.update((pair, size * 1.01) for pair, size in small.items())
        raise NotProved(f'own-class pairs {list(small)[:3]} cross without enlarging their own shifts')

    def shifted(self, out, radius, begin, end, last, assumed):
        """The charge of a piece whose shifts are at most those assumed, and the shifts that follow."""
        p = self.p
        shift, moved = self.shifts(assumed)
        free, found, lost, hop, eps, high = self.close(out, radius, begin, last, shift, moved)
        need(last is None or not lost, f'own-class pairs {list(lost)[:3]} (neuron, sample) keep their signs for ever')
        duration = fat(out.h + 3 / (begin - 2))                      # Σ 1/t over the steps of the piece
        inverse = fat(1 / (begin - 2) - thin(1 / end))               # Σ 1/t²
        damp = 1 - fat((2 if assumed else 1) * p.q / p.m * math.fsum(r * r for r in p.norm) * fat(max(high) / begin))
        need(damp > 0.1, 'steps are short: q Λ θ < 1.8 on the piece')
        hops = 0.0
        for k, samples in hop.items():
            c = [out.g_high[i] * self.gap(k, i, out) for i in samples]
            hops += math.fsum(ci * math.fsum(cj * p.absgram[i][j] for cj, j in zip(c, samples)) for ci, i in zip(c, samples))
        square = fat(p.q ** 2 * p.a ** 2 * hops / damp * inverse)
        if last:
            linear, more = last(high)
            square += more
        else:
            square += fat(2 * p.q * dot(high, eps) * duration)
            uneven = [fat(v * math.expm1(o)) for v, o in zip(out.high, out.off)]
            linear = fat((p.length(uneven) + self.clipped(out)) * duration)
            linear += fat(p.length([g * g + 0.5 * (d + v) for g, d, v in zip(out.g_high, out.drift, out.high)]) * inverse)
        square += fat(p.q * math.fsum(h * c * c for h, c in zip(high, moved)) * duration)
        own, crossings, seen, merged = self.own_charges(out, radius, begin, duration, found, lost, high, shift)
        return square, linear + own, (free, found, lost, crossings, merged), seen

    def own_charges(self, out, radius, begin, duration, found, lost, high, shift):
        """Mismatches of own pairs (sections 4, 5): what they add to the linear part; crossings after the piece, the largest shifts
        on it, and those that join the distance after it. Pairs that have crossed for certain leave lost."""
        p, linear, merged, crossings, seen = self.p, 0.0, 0.0, {}, {}
        for (k, i), c in self.crossings.items():
            if (k, i) in lost and lost[k, i][c.depth is None] > 0:                  # its drift, outward after it crossed
                crossings[k, i] = Crossing(c.was_free, c.early, c.late, c.depth)
            else:
                linear += fat(c.shift() * p.norm[i])
        for (k, i), (outward, inward) in list(lost.items()):
            push = fat(p.q * p.a * (1 - p.slope) * high[i])
            size = fat(max(map(abs, found[k, i])) + p.norm[i] * radius + (shift[k][i] if k in shift else 0.0))
            linear += fat(push * size * p.row_norm[i] * duration)
            if (k, i) not in self.crossings and self.sure[k][i] and inward > 0:
                crossings[k, i] = Crossing(i in self.free[k])
            c = crossings.get((k, i))
            if c is None:
                linear += fat(push * p.norm[i] * duration)
            elif c.depth is None:
                c.early = fat(c.early + push * duration)
                seen[k, i] = c.shift()
            else:
                c.late = fat(c.late + push * min(duration, fat(c.depth / outward + 6 / (begin - 2))))
                c.depth -= thin(outward * max(0.0, out.h - 6 / (begin - 2)))
                seen[k, i] = c.shift()
                if c.depth <= 0:
                    merged += fat(c.shift() * p.norm[i])
                    del crossings[k, i], lost[k, i]
        return fat(linear), crossings, seen, fat(merged)

    def gap(self, k, i, out):
        """Largest |α − slope of W| of a pair that may hop."""
        row, slope = self.ref.mode.blocks[k].hold.get(i), self.p.slope
        if row is None:
            return 1 - slope
        ranges = [(b / ONE, low, high) for b, low, high in zip(row, out.low, out.high)]
        most, least = (math.fsum(b * (high if (b > 0) == up else low) for b, low, high in ranges) for up in (True, False))
        return fat(min(1 - slope, max(most / out.low[i] - slope if out.low[i] else 1.0, 1 - least / out.high[i], 0.0) + 1e-9))

    def clipped(self, out):
        """q |a| ‖x‖ (β outside [γλ, λ]) summed over sliding pairs: the part that no slope in [γ, 1] gives."""
        p, total, done = self.p, 0.0, {}
        for b in self.ref.mode.blocks:
            if b not in done:
                done[b] = fat(math.fsum(self.excess(out, s, row) * p.norm[s] for s, row in b.hold.items()))
            total += done[b]
        return fat(total * p.q * p.a / out.h)

    def excess(self, out, s, row):
        worst = 0.0
        for sign, bound in ((1, self.p.slope_of['0']), (-1, ONE)):                 # β − γλ >= 0 and λ − β >= 0
            c = [sign * (inner(row, column) - (bound * column[s] >> BITS)) for column in out.columns]
            if c[0] <= sum(map(abs, c[1:])):
                worst = max(worst, above(max(0, -bernstein(c)[0])))
        return worst

    def commit(self, square, linear, state, radius):
        self.free, found, lost, self.crossings, merged = state
        self.square, self.linear = fat(self.square + square), fat(self.linear + linear)
        need(self.radius() <= radius,
             f'radius {radius:.6g} of the piece at log(t/T) = {self.ref.theta / ONE:.6g}: needs {self.radius():.6g}')
        self.ever_open |= any(pair in lost or not self.p.own(*pair) for pair in found)
        self.linear = fat(self.linear + merged)
        self.sure = [[(k, i) not in lost for i in range(self.p.n)] for k in range(self.p.k)]

    def cost(self, out, radius):
        begin = self.ref.time()
        return self.charge(out, radius, begin, fat(begin * (1 + 3e-9) * exp(out.h)) if begin < 1e200 and out.h < 200 else INF)

    def take(self, out, radius):
        self.commit(*self.cost(out, radius), radius)
        old = [lam * sum(series) >> BITS for lam, series in zip(self.ref.lam, out.series)]
        self.ref.advance(out)
        self.jump(old)

    def jump(self, old):
        """The step across a boundary feels that the multipliers there are no longer the old ones."""
        change = [above(abs(a - b)) for a, b in zip(old, self.ref.lam)]
        self.linear = fat(self.linear + self.p.length(change) / (self.ref.time() - 1))

    def change(self, changes):
        """New slopes at the boundary (section 3)."""
        p, ref, mode = self.p, self.ref, self.ref.mode
        known = {(k, i): (i in self.free[k], self.sure[k][i]) for k, i, _ in changes}
        for k, i, letter in changes:
            need(letter != mode.letters[k][i], f'set of pair ({k}, {i}) changes nothing')
            need(letter != 's' or not p.own(k, i), f'own-class pair ({k}, {i}) cannot slide')
            mode.letters[k][i] = letter
            self.free[k] = self.free[k] | {i}
            self.sure[k][i] = False
        mode.update()
        old = ref.lam
        self.linear += fat(4 * p.q * p.a * dot(ref.lam_float, p.norm) * len({k for k, _, _ in changes}) / (ref.time() - 1))
        ref.settle()
        self.jump(old)
        step = 2 * p.q * p.a * max(p.norm) * dot(ref.lam_float, p.norm) / (ref.time() - 1)
        for k, i, _ in changes:
            if p.own(k, i):
                self.cross(k, i, *known[k, i], above(abs(ref.z[k][i])) + step)

    def cross(self, k, i, was_free, was_sure, gap):
        """The reference crosses with an own pair. If W has not crossed yet, it is not deep on the old side, as it has had no
        mismatch of this pair so far (section 4)."""
        p, c = self.p, self.crossings.pop((k, i), None)
        shift = self.shifts({pair: other.shift() for pair, other in self.crossings.items()})[0].get(k, [0.0] * p.n)[i]
        if c and c.depth is None or not c and was_sure:
            c = c or Crossing(was_free)
            free = [f - {i} if j == k and not c.was_free else f for j, f in enumerate(self.free)]
            slip = self.margin(self.rooms(free)[k][i], p.norm[i], self.radius())
        else:
            if c:
                self.linear = fat(self.linear + c.shift() * p.norm[i])
            c, slip = Crossing(), p.norm[i] * self.radius()
        c.depth = fat(slip + shift + gap)
        self.crossings[k, i] = c

    def tail(self, radius, support):
        """The straight line V log t + Z0 from here on (section 5). Returns the limit."""
        p, ref, n, begin = self.p, self.ref, self.p.n, self.ref.time()
        limit, letters = Limit(p, ref.mode, support), ref.mode.letters
        self.linear = fat(self.linear + math.fsum(c.shift() * p.norm[i] for (_, i), c in self.crossings.items()))
        self.crossings = {}
        slide = [(b.sliding, [above(abs(row[i])) for i in b.sliding]) for row, b in zip(ref.z, ref.mode.blocks)]
        first = fat(math.sqrt(math.fsum(dot(z, z) / p.least(frozenset(s)) for s, z in slide)))
        off = [fat(above(abs(ref.exponents[l] - log(limit.lam[l]))) + p.row_norm[l] * first) for l in support]
        jump = fat(first + fat(math.sqrt(dot(off, off) * p.q / limit.least)))
        self.linear = fat(self.linear + jump)
        self.jump(limit.lam)
        out = Piece()
        out.h, out.off = 0.0, [0.0 if l in support else fat(p.row_norm[l] * jump) for l in range(n)]
        out.low = limit.low
        out.high = [limit.high[l] if l in support else fat(ref.lam_float[l]) for l in range(n)]
        out.g_high = [fat(v * exp(o)) for v, o in zip(out.high, out.off)]
        out.reach = {b: [fat(jump * r) for r in p.norm] for b in ref.mode.blocks}
        self.jumped = jump

        def span(k, i):
            off = fat(jump * p.norm[i])
            return (0.0, 0.0) if letters[k][i] == 's' else (below(ref.z[k][i]) - off, above(ref.z[k][i]) + off)

        def charges(high):
            more = 0.0
            for k in range(p.k):
                for i in range(n):
                    if p.own(k, i) or letters[k][i] == 's':
                        continue
                    low, most = out.span(k, i)
                    wrong = most if letters[k][i] == '0' else -low
                    if wrong > 0:
                        need(limit.speed[k][i] > 0, f'pair ({k}, {i}) reaches the side it stays on')
                        more += 2 * p.q * p.a * (1 - p.slope) * high[i] * wrong * (wrong / limit.speed[k][i] + 3 / (begin - 2))
            inverse = fat(1 / (begin - 2))
            linear = p.length([h * h + 0.5 * h if l in support else 0.0 for l, h in enumerate(out.high)]) * inverse
            for l in set(range(n)) - set(support):
                linear += p.q * p.row_norm[l] * out.g_high[l] * (inverse + 1 / thin(limit.margin[l] - 1))
            return fat(linear), fat(more)

        out.span = span
        self.commit(*self.charge(out, radius, begin, INF, charges), radius)
        return limit

    def settled(self, limit):
        """log(t/T) from which on every pair with a strict sign at V keeps it, or None where some pair need not settle."""
        p, ref, rooms = self.p, self.ref, self.rooms(self.free)
        worst = start = above(ref.theta) if self.ever_open else 0.0
        for k in range(p.k):
            for i, letter in enumerate(ref.mode.letters[k]):
                gap = fat(self.margin(rooms[k][i], p.norm[i], self.radius()) + self.jumped * p.norm[i])
                gap += above(ref.z[k][i] * (-1 if letter == '1' else 1))
                if letter != 's' and gap >= 0:
                    if not limit.speed[k][i]:
                        return None
                    worst = max(worst, fat(above(ref.theta) + gap / limit.speed[k][i]))
        return worst


# ---------------------------------------------------------------------------------------------------- the limit

class Limit:
    """V = q Σ λ_l π_l with κ λ = 1 on the support, and every inequality that makes it a KKT point (section 1)."""

    def __init__(self, p, mode, support):
        self.p, self.mode, self.support, n = p, mode, support, p.n
        need(support, 'the support is not empty')
        kernel = [[mode.kernel[i][j] for j in support] for i in support]
        self.least = least_eigenvalue(kernel)
        need(self.least > 1e-9, 'the kernel of the support is positive definite')
        self.lam = [0] * n
        for l, (v,) in zip(support, solve(kernel, [[ONE]] * len(support))):
            need(below(v) > 0, f'multiplier of support sample {l} is positive: {v / ONE:.6g}')
            self.lam[l] = v
        self.low, self.high = ([f(v) if v else 0.0 for v in self.lam] for f in (below, above))
        z_of = {b: [inner(row, self.lam) for row in b.move] for b in set(mode.blocks)}
        self.z = [z_of[b] for b in mode.blocks]
        self.margin = [below(inner(row, self.lam)) for row in mode.kernel]
        for i in set(range(n)) - set(support):
            need(self.margin[i] > 1, f'margin of sample {i} off the support exceeds 1: {self.margin[i]:.9g}')
        self.norm = thin(math.sqrt(p.q * math.fsum(self.low))), fat(math.sqrt(p.q * math.fsum(self.high)))
        self.speed = [[0.0] * n for _ in range(p.k)]        # |⟨v_k, x_i⟩| from below; 0 where v_k = 0
        self.switching, self.resting = {}, 0
        for k in range(p.k):
            self.judge(k, mode.letters[k], mode.blocks[k])

    def judge(self, k, letters, block):
        """Signs and slopes of a neuron at V."""
        p, lam = self.p, self.lam
        still = p.slope == 0 and '1' not in [letters[l] for l in self.support]            # v_k = 0 as an identity
        self.resting += still
        for i, letter in enumerate(letters):
            if letter == 's':
                need(not p.own(k, i), f'own-class pair ({k}, {i}) cannot slide')
                if not still:
                    need(lam[i], f'sample {i} of the sliding pair ({k}, {i}) is on the support')
                    beta = inner(block.hold[i], lam)
                    need(below(beta - (p.slope_of['0'] * lam[i] >> BITS)) > 0 and below(lam[i] - beta) > 0,
                         f'slope of the sliding pair ({k}, {i}) lies inside (γ, 1): {beta / lam[i]:.9g}')
                    self.switching[k, i] = thin(beta / lam[i]), fat(beta / lam[i])
            elif not still:
                v = self.z[k][i] * (1 if letter == '1' else -1)
                need(below(v) > 0, f'⟨v, x⟩ of pair ({k}, {i}) has the sign of its slope: {v / ONE:.6g}')
                self.speed[k][i] = below(v)

    def stable_rank(self, neurons):
        """Enclosures of ‖V_j‖_F²/‖V_j‖₂² and of ‖V_j‖₂ for the neurons of a class (7.3), or None where none is found."""
        p, lam, count = self.p, self.lam, {}
        for k in neurons:
            count.setdefault(self.mode.blocks[k], []).append(k)                      # neurons of one block are equal at V
        first, times = [same[0] for same in count.values()], [len(same) for same in count.values()]
        rows = []
        for k, b in zip(first, count):                                               # v_k = Σ_l rows_kl x_l
            beta = [inner(b.hold[l], lam) if l in b.hold else p.slope_of[c] * lam[l] >> BITS for l, c in enumerate(self.mode.letters[k])]
            rows.append([p.sign[k] * p.y[l] * (p.qa * v >> BITS) for l, v in enumerate(beta)])
        gram = [[inner(row, self.z[j]) for j in first] for row in rows]
        square = sum(c * gram[j][j] for j, c in enumerate(times))
        if below(square) <= 0:
            return None
        near = [[c / ONE for c in row] for row in gram]
        top = max(range(len(first)), key=lambda j: near[j][j])
        v = [near[top][j] + near[top][top] / (1000 + j) for j in range(len(first))]
        for _ in range(300):
            v = [c * dot(row, v) for c, row in zip(times, near)]
            size = max(map(abs, v))
            if not size:
                return None
            v = [c / size for c in v]
        v = list(map(fixed, v))
        least = thin(below(inner(v, [inner(row, v) for row in gram])) / above(sum((c * c >> BITS) // t for c, t in zip(v, times))))
        for most in [] if least <= 0 else (least * (1 + 10.0 ** e) for e in range(-10, 0)):
            rest = [[((i == j) * fixed(most) // times[i] - g) / ONE for j, g in enumerate(row)] for i, row in enumerate(gram)]
            if positive_definite(rest, 1e-18):
                rank = max(1.0, thin(below(square) / most)), fat(above(square) / least)
                return rank, (thin(math.sqrt(least)), fat(math.sqrt(most)))
        return None


# ---------------------------------------------------------------------------------------------------- the certificate

H, N = r' -?0x[01](\.[0-9a-f]{1,13})?p[+-]?[0-9]{1,3}', r' [0-9]{1,300}'         # a hexadecimal double, a whole number
NAMES = 'radius|start-distance|log-straight-from|offset|norm|normalized-margin|loss-constant|(stable-rank|spectral-norm)-(pos|neg|all)'
LINES = {                                                                         # of each part: what a line may be, and how it is said
    'problem': (f'width{N}|(slope|rate){H}|labels( [+-])+|(x|w0?)({H})+|step{N}',
                'width M, slope H, rate H, labels + …, x H …, step T, w H …, w0 H …'),
    'claim': (f'({NAMES}|density{N}{N}){H}{H}', 'NAME H H'),
    'derivation': (f'pattern [01]+( [01s]+)+|slide{N}({N})+|(start|set){N}{N} [01s]|piece{H}{N}{H}|tail{H} [01]+',
                   'pattern P C …, slide K I …, start K I C, piece H N R, set K I C, tail R P')}


def bad(truth, line, words):
    if truth:
        raise BadFile(f'line {line}: {words}')


def read(path):
    """The parts of a certificate: a list of (line number, words) each."""
    with open(path, 'rb') as f:
        lines = [(i, text.split()) for i, text in enumerate(f.read().decode('ascii', 'replace').split('\n'), 1)]
    lines = [(i, words) for i, words in lines if words and words[0][0] != '#']
    if not lines or lines[0][1] not in (['latetime-certificate', '1'], ['latetime-certificate', '2']) or lines[-1][1] != ['end']:
        raise BadFile("a certificate begins with 'latetime-certificate 2' (or 1, judged alike) and ends with 'end'")
    parts, left, part = {}, list(LINES), None
    for i, words in lines[1:-1]:
        if words == left[:1]:
            part = left.pop(0)
            parts[part] = []
            continue
        bad(part is None, i, 'the first part is the problem')
        form, said = LINES[part]
        bad(not re.fullmatch(form, ' '.join(words)), i, f'{words[0][:40]!a} … is no line of the {part}: {said}, or {(left + ["end"])[0]}')
        for word in words[1:]:
            size = abs(float.fromhex(word)) if 'x' in word else 0.0
            bad(size and not 1e-100 < size < 1e100, i, f'{word} is neither zero nor between 10^-100 and 10^100 in size')
        parts[part].append((i, words))
    if left:
        raise BadFile(f'the part {left[0]} is missing')
    return parts


def problem_of(lines):
    """The problem, the weights W_T, T (None at level A) and the initial weights ([] but at level C)."""
    found = {'x': [], 'w': [], 'w0': []}
    for i, (name, *rest) in lines:
        many = name in ('x', 'w', 'w0')
        bad(name in found and not many, i, f'{name} stands twice')
        if many:
            found[name].append(list(map(float.fromhex, rest)))
        else:
            found[name] = rest
    for name in ('width', 'slope', 'rate', 'labels', 'x') + ('step', 'w') * bool('step' in found or found['w'] or found['w0']):
        if not found.get(name):
            raise BadFile(f'the problem has no {name}')
    x, w, initial, m = found['x'], found['w'], found['w0'], int(found['width'][0])
    slope, rate = (float.fromhex(found[name][0]) for name in ('slope', 'rate'))
    if len({len(row) for row in x + w + initial}) > 1 or len(x) != len(found['labels']) or {len(w), len(initial)} - {0, 2 * m}:
        raise BadFile('samples, labels, width and weights do not fit: a line x for each label, two lines w (and w0) for each of the width')
    if not (0 <= slope < 1 and rate > 0 and 1 <= m <= 10 ** 6 and any(map(any, x)) and (not w or int(found['step'][0]) >= 10)):
        raise BadFile('slope in [0, 1), rate > 0, width from 1 to 10^6, step at least 10, a sample that is not zero')
    return Problem(x, [int(v + '1') for v in found['labels']], m, slope, rate), w, int(found['step'][0]) if w else None, initial


def derive(p, weights, step, lines, start=0.0):
    """Follows the derivation; returns tube (None at level A) and limit."""
    order = ''.join({'slide': 'a', 'start': 'a', 'set': 'b', 'piece': 'b'}.get(words[0], words[0]) for _, words in lines)
    if not re.fullmatch('a*b*tail' if weights else 'pattern', order):
        raise BadFile('a derivation is slide and start, then set and piece, then tail; of a problem without weights it is one pattern')
    sliding, starts, changes, tube, named = {}, [], [], None, set()
    for i, (kind, *rest) in lines:
        if kind in ('slide', 'start', 'set'):
            k, *samples = map(int, rest[:None if kind == 'slide' else 2])
            bad(k >= p.k or max(samples) >= p.n, i, 'no such neuron or sample; they count from 0')
            named = set() if kind == 'set' and not changes else named
            twice = len(set(samples)) < len(samples) or any((k, s) in named for s in samples)
            bad(twice or kind == 'slide' and k in sliding, i, 'a pair, or a neuron that slides, stands twice')
            named |= {(k, s) for s in samples}
            if kind == 'slide':
                sliding[k] = sorted(samples)
            else:
                (starts if kind == 'start' else changes).append((k, *samples, rest[2]))
        elif kind == 'pattern':
            bad(len(rest) != p.k + 1 or any(len(word) != p.n for word in rest), i, 'pattern has 1 + 2m words of n letters')
            return None, Limit(p, Mode(p, rest[1:]), support_of(rest[0]))
        else:
            tube = tube or Tube(Reference(p, weights, step, sliding, starts, start))
            if changes:
                tube.change(changes)
                changes = []
            if kind == 'tail':
                bad(len(rest[1]) != p.n, i, 'the support is a word of n letters')
                return tube, tube.tail(float.fromhex(rest[0]), support_of(rest[1]))
            h, degree, radius = float.fromhex(rest[0]), int(rest[1]), float.fromhex(rest[2])
            bad(not 1e-30 < h < 1e4 or degree > 60, i, 'a piece has a length in (10^-30, 10^4) and a degree of at most 60')
            tube.take(tube.ref.piece(h, degree), radius)


def support_of(word):
    return [i for i, c in enumerate(word) if c == '1']


def facts(p, tube, limit):
    """Every quantity that a claim may state, with its proved enclosure."""
    constant = log(sum(limit.lam) // p.n) / ONE
    found = {'norm': limit.norm, 'normalized-margin': (thin(1 / limit.norm[1]), fat(1 / limit.norm[0])),
             'loss-constant': (constant - 1e-12, constant + 1e-12)}
    for name, neurons in (('pos', range(p.m)), ('neg', range(p.m, p.k)), ('all', range(p.k))):
        rank = limit.stable_rank(neurons)
        if rank:
            found['stable-rank-' + name], found['spectral-norm-' + name] = rank
    if tube:
        found['radius'] = 0.0, tube.radius()
        if tube.ref.start:
            found['start-distance'] = 0.0, tube.ref.start
        found['log-straight-from'] = 0.0, above(tube.ref.theta + tube.ref.origin)
        found['offset'] = 0.0, fat(tube.ref.travel + 2 * tube.radius())
    for (k, i), ends in limit.switching.items():
        found[f'density {k} {i}'] = tuple((v - p.slope) / (1 - p.slope) + e for v, e in zip(ends, (-1e-12, 1e-12)))
    return found


def check(path, sampled=False):
    parts = read(path)
    problem, weights, step, initial = problem_of(parts['problem'])
    start = 0.0
    if initial and sampled:
        start = max([float.fromhex(words[-1]) for _, words in parts['claim'] if words[0] == 'start-distance'] + [0.0])
        need(start > 0, 'a start-distance that can be believed is claimed')
    elif initial:
        start = start_distance(weights, *Descent(problem, initial).follow(step))
    tube, limit = derive(problem, weights, step, parts['derivation'], start)
    found = facts(problem, tube, limit)
    for _, words in parts['claim']:
        name, low, high = ' '.join(words[:-2]), *map(float.fromhex, words[-2:])
        need(name in found, f'claim {name}: nothing of this name is proved')
        least, most = found[name]
        need(low <= least and most <= high, f'claim {name} in [{low!r}, {high!r}]: proved is [{least!r}, {most!r}]')
    origin = f'the stored weights W_T, T = {step}'
    if initial:
        believed = ', WHICH WAS BELIEVED, NOT CHECKED' * sampled
        origin = f'the initial weights W_0 (at T = {step} within {up(start)} of the stored W_T{believed})'
    return theorem(problem, tube, limit, step, found, origin)


def up(x, digits=6):
    """Decimals of a number that is not below x."""
    return format(Context(digits, ROUND_CEILING).create_decimal(Decimal(x)).normalize(), 'g')


def between(enclosure):
    """The enclosure in decimals, rounded outwards."""
    return f'[{-Decimal(up(-enclosure[0], 12))}, {up(enclosure[1], 12)}]'


def theorem(p, tube, limit, step, found, origin):
    """The theorem in words; docs/proofs.md says what each sentence means exactly."""
    strict = sum(v > 0 for row in limit.speed for v in row)
    text = [f'Theorem. Samples: {p.n} in dimension {p.d}; two-layer network with {p.m} neuron{"s" * (p.m > 1)} a class, slope {p.slope!r}; '
            f'gradient descent with rate {p.rate!r}.',
            'V is a KKT point of min ½‖V‖² subject to margins >= 1, and the only minimiser among the weights with its own-class signs; '
            f'‖V‖ in {between(found["norm"])}.',
            f'Support: {len(limit.support)} of {p.n} samples. Of {p.k * p.n} pairs {strict} have a strict sign at V, '
            f'{len(limit.switching)} have a slope strictly between {p.slope!r} and 1; {limit.resting} neurons rest.']
    text += [f'Stable rank of V, {name[12:]}: {between(found[name])}.' for name in found if name.startswith('stable-rank-')]
    if tube:
        start, settled = tube.ref.theta + tube.ref.origin, tube.settled(limit)
        text += [f'Exact gradient descent from {origin}: ‖W_t − Z_t‖ <= {up(found["radius"][1])} for every t >= T, '
                 f'and Z_t = Z0 + V log(t/t0) for t >= t0, log t0 in {between((below(start), above(start)))}.',
                 f'W_t − V log t converges, W_t/‖W_t‖ -> V/‖V‖, t L(W_t) -> e^c with c in {between(found["loss-constant"])}.',
                 'Stable ranks of W_t converge to those of V where that is not zero, and '
                 f'‖W_t − V log(t/t0)‖ <= {up(found["offset"][1])} for t >= t0.']
        if settled is not None:
            text.append(f'All pairs with a strict sign at V keep it from t = {step} · e^{up(settled)} on.')
        if limit.switching:
            text.append(f'The {len(limit.switching)} pairs (neuron, sample) with a slope strictly between switch infinitely often; '
                        'each is active with a natural density:')
            text += [f'  neuron {k}, sample {i}: {between(found[f"density {k} {i}"])}' for k, i in sorted(limit.switching)]
    return '\n'.join(text)


def main(arguments):
    sampled, path = arguments[:1] == ['--sampled'], (arguments or [''])[-1]
    if len(arguments) != 1 + sampled or path.startswith('-'):
        print(__doc__)
        return 2
    try:
        words = check(path, sampled)
        print(words + '\nPROVED' + ', but for what was believed' * ('BELIEVED' in words))
        return 0
    except NotProved as failure:
        print(f'NOT PROVED: {failure}')
        return 1
    except ArithmeticError as failure:
        print(f'NOT PROVED: numbers leave the range of doubles ({failure})')
        return 1
    except (BadFile, OSError) as failure:
        print(f'no certificate: {path}: {failure if isinstance(failure, BadFile) else failure.strerror}')
        return 2


if __name__ == '__main__':
    sys.stdout.reconfigure(encoding='utf-8')
    sys.exit(main(sys.argv[1:]))
