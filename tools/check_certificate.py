#!/usr/bin/env python3
"""Checks a certificate of Latetime: is the theorem that it states about gradient descent true?

usage: check_certificate.py [--sampled] FILE
prints the theorem and PROVED, or NOT PROVED and the first inequality that fails; --sampled believes
a certificate with initial weights where they lead to by its step T, and says so, instead of
following every step (replay_steps.py beside this file, which nothing else needs)
exit code: 0 proved, 1 not proved, 2 the file is no certificate

The mathematics and the format are docs/proofs.md; sections, lemmas, theorems and (1) to (5) below
are its. Python's standard library alone.

Numbers (section 7). What can cancel (samples' products, pre-activations, the kernel, polynomials)
is *fixed*: an integer v that stands for v / 2^384. Sums of products are exact before one rounding;
every fixed number is off by less than 2^-100. above() and below() make floats of it that are
certainly not too small or not too large. Bounds that are sums, products, quotients and roots of
fewer than a million nonnegative floats are off by less than 1e-9 of themselves: fat() adds that,
thin() takes it off.
"""
import math
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Context, Decimal, getcontext
from fractions import Fraction
from functools import cache, partial
from itertools import groupby
from operator import mul
from types import SimpleNamespace

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


# ----------------------------------------------------------------------------- numbers (section 7)

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
    """Floats: Σ a_i b_i, a bound where none is negative. (sum differs from Python 3.12 on.)"""
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

def floats(a):
    return [[v / ONE for v in row] for row in a]

def positive_definite(a, shift):
    """True only if a − shift·1 is positive definite, for symmetric floats a that may each be off by
    rounding: it can be factorised after a further shift beyond what rounding can do (7.2)."""
    n, rows = len(a), []
    trace = math.fsum(abs(a[i][i]) for i in range(n))
    slack = shift + (n + 16) * 2.0 ** -50 * (trace + n * abs(shift))
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
    """A lower bound of it, of a symmetric positive semidefinite matrix (fixed); 0: none found."""
    if not a:
        return 1.0
    low, high = 0.0, min(a[i][i] / ONE for i in range(len(a)))
    while high - low >= 0.02 * high and (low + high) / 2 > 1e-18:
        middle = (low + high) / 2
        is_below = positive_definite(floats(a), middle)
        low, high = (middle, high) if is_below else (low, middle)
    return thin(low)

def solve(a, b):
    """The matrix x (fixed) with a x = b, or NotProved: its residual is below 2^-324."""
    n, rows = len(a), [[*row, *right] for row, right in zip(a, b)]
    for j in range(n):
        p = max(range(j, n), key=lambda i: abs(rows[i][j]))
        rows[j], rows[p] = rows[p], rows[j]
        need(rows[j][j], 'samples of the support, or that a neuron slides on, are independent')
        for i in range(n):
            if i != j and rows[i][j]:
                f = (rows[i][j] << BITS) // rows[j][j]
                rows[i] = [u - (f * v >> BITS) for u, v in zip(rows[i], rows[j])]
    x = [[(v << BITS) // rows[j][j] for v in rows[j][n:]] for j in range(n)]
    for row, right in zip(a, b):
        for column, value in zip(zip(*x), right):
            need(abs(inner(row, column) - value) < ONE >> 324
                 and max(map(abs, column)) < LARGE * ONE, 'a linear system is solved')
    return x

@cache
def bernstein_weights(n):
    return [[math.comb(i, j) * ONE // math.comb(n, j) for j in range(i + 1)] for i in range(n + 1)]

def bernstein(c):
    """Fixed: bounds of Σ c_j x^j on [0, 1]; the Bernstein coefficients enclose it."""
    values = [inner(row, c) for row in bernstein_weights(len(c) - 1)]
    return min(values), max(values)


# -------------------------------------------------------------------- problem and modes (0, 1, 3)

class Problem:
    """Samples, labels, slope γ, rate η, width m: exact numbers. Neurons 0 … m−1 are class +1, the
    others class −1."""

    def __init__(self, x, y, m, slope, rate, loss='logistic'):
        self.x, self.y, self.m, self.slope, self.rate, self.loss = x, y, m, slope, rate, loss
        self.n, self.d, self.k = len(x), len(x[0]), 2 * m
        self.sign = [1] * m + [-1] * m
        self.q, self.a = rate / self.n, 1.0 / m
        self.qa = int(Fraction(rate) * ONE / (self.n * m))
        self.slope_of = {'0': fixed(slope), '1': ONE, 's': 0}
        self.whole, self.shift = integers(x)
        self.gram = self.products(self.whole, self.shift)
        self.norm = [fat(math.sqrt(above(self.gram[i][i]))) for i in range(self.n)]
        need(max(self.norm) ** 2 < LARGE and rate < LARGE, 'samples and rate are of moderate size')
        self.pull = floats(self.gram)
        self.absgram = [[above(abs(v)) for v in row] for row in self.gram]
        self.row_norm = [fat(r * math.sqrt(2.0 / m)) for r in self.norm]      # ℓ_l
        self.everything = frozenset(range(self.n))
        self.least, self.project = cache(self.least), cache(self.project)
        self.block, self.room = cache(partial(Block, self)), cache(self.room)

    def own(self, k, i):
        return self.sign[k] * self.y[i] > 0

    def products(self, rows, shift):
        """Inner products of rows (integers times 2^-shift) with the samples: exact, then rounded
        once, downwards, so that signs are exact."""
        return [[(sum(map(mul, row, sample)) << BITS) >> (shift + self.shift)
                 for sample in self.whole] for row in rows]

    def length(self, c):
        """(1): q N(c), a bound of q ‖Σ c_l π_l‖ for coefficients of at most these sizes."""
        total = math.fsum(ci * dot(c, row) for ci, row in zip(c, self.absgram))
        return fat(self.q * math.sqrt(2.0 / self.m * total))

    def least(self, samples):
        """A lower bound of the least eigenvalue of the Gram matrix of samples, a frozenset."""
        return least_eigenvalue([[self.gram[i][j] for j in samples] for i in samples])

    def project(self, samples):
        """For Π onto the span of samples: c[l] with Π x_l = Σ_s c[l][s] x_s, ⟨(1 − Π)x_l, x_i⟩."""
        need(self.least(samples) > 1e-9, 'samples that one neuron slides on are independent')
        s, g, every = sorted(samples), self.gram, range(self.n)
        c = [()] * self.n
        if s:
            c = list(zip(*solve([[g[i][j] for j in s] for i in s], [g[i] for i in s])))
        kept = [[0 if l in s or i in s else g[l][i] - inner(c[l], [g[j][i] for j in s])
                 for i in every] for l in every]
        return c, kept

    def room(self, sign, base, free):
        """For (3), of one neuron: ‖Π_N x_i‖², Σ_l ⟨ψ_l, E_k ⊗ x_i⟩², its part of Γ."""
        every = range(self.n)
        kept = [[0] * self.n] * self.n if free == self.everything else self.project(free)[1]
        slope = [0 if l in free else self.y[l] * (self.slope_of[base[l]] // self.m) for l in every]
        part = [above(self.gram[i][i] - kept[i][i]) if free else 0.0 for i in every]
        touch = [math.fsum(above(abs(slope[l] * kept[l][i] >> BITS)) ** 2
                           for l in every if slope[l]) for i in every]
        return part, touch, [[(slope[l] * slope[j] >> BITS) * kept[l][j] >> BITS for j in every]
                             for l in every]


class Block:
    """One neuron of a mode: how its pre-activations move, what holds its sliding pairs (1, 3)."""

    def __init__(self, p, sign, letters):
        self.sign, self.letters, every = sign, letters, range(p.n)
        self.sliding = [i for i, c in enumerate(letters) if c == 's']
        for i in self.sliding:
            need(sign * p.y[i] < 0, f'own-class pairs cannot slide: sample {i}, class {sign:+}1')
        c, kept = p.project(frozenset(self.sliding))
        alpha = [p.slope_of[letter] for letter in letters]
        scale = [sign * p.y[l] * (p.qa * alpha[l] >> BITS) for l in every]
        # of z_ki for a unit of ∫λ_l; of β_ks for a unit of λ_l; of margin i for a unit of ∫λ_l
        self.move = [[scale[l] * kept[l][i] >> BITS for l in every] for i in every]
        self.hold = {s: [-p.y[s] * p.y[l] * (alpha[l] * c[l][j] >> BITS) for l in every]
                     for j, s in enumerate(self.sliding)}
        self.pull = [[p.y[i] * sign * (alpha[i] * v >> BITS) // p.m for v in self.move[i]]
                     for i in every]


class Mode:
    """What the reference moves along: a letter a pair, 1 (slope 1), 0 (slope γ) or s (slides)."""

    def __init__(self, p, letters):
        self.letters = [list(row) for row in letters]
        self.blocks = [p.block(sign, ''.join(row)) for sign, row in zip(p.sign, self.letters)]
        count = Counter(self.blocks).items()
        self.kernel = [[sum(times * b.pull[i][l] for b, times in count) for l in range(p.n)]
                       for i in range(p.n)]


# ----------------------------------------------------------------------- the reference (section 3)

class Reference:
    """The reference curve: z_ki, λ and log(t/T) at the start of a piece."""

    def __init__(self, problem, weights, step, sliding, starts, start):
        p, self.p, self.step = problem, problem, step
        self.start = start                                # ‖W_T − stored weights‖ is at most this
        w, shift = integers(weights)
        self.z = p.products(w, shift)
        letters, square = [['1' if v >= 0 else '0' for v in row] for row in self.z], 0
        self.sure = [[not start or below(abs(v)) > fat(start * r) for v, r in zip(row, p.norm)]
                     for row in self.z]                    # pairs that have their slope for certain
        for k, i, letter in starts:
            self.sure[k][i] = self.sure[k][i] and letters[k][i] == letter
            letters[k][i] = letter
        for k, s in sliding:
            b = solve([[p.gram[i][j] for j in s] for i in s], [[self.z[k][i]] for i in s])
            square += sum(c * self.z[k][i] >> BITS for (c,), i in zip(b, s))
            self.z[k] = [v - inner([c for c, in b], [p.gram[j][i] for j in s])
                         for i, v in enumerate(self.z[k])]
            for i in s:
                letters[k][i], self.sure[k][i] = 's', False
        self.square = above(square)                                            # ‖W_T − Z_T‖²
        self.mode = Mode(p, letters)
        self.theta, self.origin = 0, log(step * ONE)                           # fixed: log(t/T)
        size = sum(v * v for row in w for v in row) << BITS >> 2 * shift
        self.travel = fat(math.sqrt(above(size)) + math.sqrt(self.square))
        self.settle()

    def settle(self):
        """What follows from z and the mode at the boundary of two pieces."""
        p, letters = self.p, self.mode.letters
        need(max(max(map(abs, row)) for row in self.z) < LARGE * ONE,
             'pre-activations are of moderate size')
        sums = [sum(sign * p.slope_of[row[i]] * z[i]
                    for sign, row, z in zip(p.sign, letters, self.z)) >> BITS for i in range(p.n)]
        self.exponents = [self.origin + self.theta - y * s // p.m          # log of λ_l = t e^{−s_l}
                          for y, s in zip(p.y, sums)]
        need(-640 * ONE < min(self.exponents) and max(self.exponents) < 20 * ONE,
             'multipliers are of moderate size')
        exact = [(Decimal(e) / ONE).exp() for e in self.exponents]
        self.lam, self.lam_float = [int(v * ONE) for v in exact], [float(v) for v in exact]

    def time(self):
        """A lower bound of the step number at the start of the piece."""
        t = Decimal(self.step) * (Decimal(self.theta) / ONE).exp()
        return thin(float(min(t, Decimal('1e280'))))

    def advance(self, piece):
        self.z = [[v + dv for v, dv in zip(row, piece.moved[b])]
                  for row, b in zip(self.z, self.mode.blocks)]
        self.theta += fixed(piece.h)
        self.travel = fat(self.travel + self.p.length([above(v) for v in piece.total]))
        self.settle()


class Piece:
    """A piece: polynomials λ̂ as series in x = (τ − τ_j)/h, near the flow's, and bounds on it:
    λ̂_l in [low, high], |λ̂_l'| <= drift, |log(t e^{−⟨p_l,Z⟩}/λ̂_l)| <= off, t g_l <= g_high."""
    last = False

    def __init__(self, ref, h, degree):
        self.ref, self.mode, self.p, self.h, p = ref, ref.mode, ref.p, h, ref.p
        begin = self.begin = ref.time()
        bounded = begin < 1e200 and h < 200
        self.end = fat(begin * (1 + 3e-9) * exp(h)) if bounded else INF
        rates = self.expand(fixed(h), degree)
        self.total = [sum(c[l] // (j + 1) for j, c in enumerate(self.columns)) for l in range(p.n)]
        self.low, self.high, self.drift, self.off = [], [], [], []
        for i, series in enumerate(self.series):
            size, lam = [above(abs(c)) for c in series], ref.lam_float[i]
            least = thin(1 - fat(math.fsum(size[1:])))
            need(least > 0, f'multiplier of sample {i} stays positive on the piece at log(t/T) = '
                 f'{ref.theta / ONE:.6g}')
            self.low.append(thin(lam * least))
            self.high.append(fat(lam * math.fsum(size)))
            self.drift.append(fat(lam * math.fsum(j * c for j, c in enumerate(size)) / h))
            self.off.append(self.flow_error(i, fixed(h), degree, series, rates[i], least))
        self.g_high = [fat(v * exp(o)) for v, o in zip(self.high, self.off)]
        self.moved = {b: [inner(row, self.total) for row in b.move] for b in set(self.mode.blocks)}
        self.polynomials = {}

    def expand(self, length, degree):
        """series: λ̂_l = lam_l Σ_j series_lj x^j; columns: h λ̂ by powers; returns 1 − κλ̂."""
        n, lam, kernel = self.p.n, self.ref.lam, self.mode.kernel
        series, rates, self.columns = [[ONE] for _ in range(n)], [[] for _ in range(n)], []
        for j in range(degree + 1):
            column = [v * s[j] >> BITS for v, s in zip(lam, series)]
            self.columns.append([length * v >> BITS for v in column])
            for s, rate, row in zip(series, rates, kernel):
                rate.append((0 if j else ONE) - inner(row, column))
                if j < degree:
                    s.append((length * inner(s, reversed(rate)) >> BITS) // (j + 1))
        self.series = series
        return rates

    def flow_error(self, i, length, degree, series, rate, least):
        """o_i: |log E_i| by (log E)' h = (series' − h series·rate)/series, and sliding pairs. (The
        coefficients below the degree vanish to rounding.)"""
        wrong = 0
        for j in range(2 * degree + 1):
            f = max(0, j - degree)
            slope = (j + 1) * series[j + 1] if j < degree else 0
            wrong += abs(slope - (length * inner(series[f:j + 1], rate[f:j + 1][::-1]) >> BITS))
        held = sum(abs(z[i]) for z, row in zip(self.ref.z, self.mode.letters) if row[i] == 's')
        return fat(above(wrong) / least + above(held // self.p.m))

    def span(self, k, i):
        """Least and greatest z_ki on the piece."""
        b, z = self.mode.blocks[k], self.ref.z[k][i]
        if (b, i) not in self.polynomials:
            self.polynomials[b, i] = bernstein(
                [0] + [inner(b.move[i], c) // (j + 1) for j, c in enumerate(self.columns)])
        low, high = self.polynomials[b, i]
        return below(z + low), above(z + high)

    def gap(self, k, i):
        """Δα: the largest |α − slope of W| of a pair that may hop."""
        row, slope = self.mode.blocks[k].hold.get(i), self.p.slope
        if row is None:
            return 1 - slope
        ranges = [(b / ONE, low, high) for b, low, high in zip(row, self.low, self.high)]
        most, least = (math.fsum(b * (high if (b > 0) == up else low) for b, low, high in ranges)
                       for up in (True, False))
        upper = most / self.low[i] - slope if self.low[i] else 1.0
        return fat(min(1 - slope, max(upper, 1 - least / self.high[i], 0.0) + 1e-9))

    def clipped(self):
        """q |a| ‖x‖ (β̂ outside [γλ̂, λ̂]) over sliding pairs: what no slope in [γ, 1] gives."""
        p, total = self.p, 0.0
        worst = {b: fat(math.fsum(self.excess(s, row) * p.norm[s] for s, row in b.hold.items()))
                 for b in set(self.mode.blocks)}
        for b in self.mode.blocks:
            total += worst[b]
        return fat(total * p.q * p.a / self.h)

    def excess(self, s, row):
        worst = 0.0
        for sign, bound in ((1, self.p.slope_of['0']), (-1, ONE)):    # β − γλ >= 0 and λ − β >= 0
            c = [sign * (inner(row, column) - (bound * column[s] >> BITS))
                 for column in self.columns]
            if c[0] <= sum(map(abs, c[1:])):
                worst = max(worst, above(max(0, -bernstein(c)[0])))
        return worst

    def defects(self, high, eps, duration, inverse):
        """ε and the defects of section 3: for the squares and for the linear part."""
        p = self.p
        uneven = [fat(v * math.expm1(o)) for v, o in zip(self.high, self.off)]
        bend = [g * g + 0.5 * (d + v) for g, d, v in zip(self.g_high, self.drift, self.high)]
        linear = fat((p.length(uneven) + self.clipped()) * duration)
        return fat(2 * p.q * dot(high, eps) * duration), linear + fat(p.length(bend) * inverse)


class Line(Piece):
    """The last piece, the straight line Z_J + V (τ − τ_J) (section 5)."""
    last = True

    def __init__(self, ref, limit, jump):
        self.ref, self.mode, self.p, self.h, p = ref, ref.mode, ref.p, 0.0, ref.p
        self.limit, self.jump, self.begin, self.end = limit, jump, ref.time(), INF
        on = [l in limit.support for l in range(p.n)]
        self.off = [0.0 if v else fat(r * jump) for v, r in zip(on, p.row_norm)]
        self.low = limit.low
        self.high = [limit.high[l] if v else fat(ref.lam_float[l]) for l, v in enumerate(on)]
        self.g_high = [fat(v * exp(o)) for v, o in zip(self.high, self.off)]

    def span(self, k, i):
        off, z = fat(self.jump * self.p.norm[i]), self.ref.z[k][i]
        slides = self.mode.letters[k][i] == 's'
        return (0.0, 0.0) if slides else (below(z) - off, above(z) + off)

    def defects(self, high, eps, duration, inverse):
        p, more, inverse = self.p, 0.0, fat(1 / (self.begin - 2))
        for k, row in enumerate(self.mode.letters):
            for i, letter in enumerate(row):
                if not p.own(k, i) and letter != 's':
                    low, most = self.span(k, i)
                    wrong, v = most if letter == '0' else -low, self.limit.speed[k][i]
                    if wrong > 0:
                        need(v > 0, f'pair ({k}, {i}) reaches the side it stays on')
                        time = wrong / v + 3 / (self.begin - 2)
                        more += 2 * p.q * p.a * (1 - p.slope) * high[i] * wrong * time
        on = self.limit.support
        bend = [h * h + 0.5 * h if l in on else 0.0 for l, h in enumerate(self.high)]
        linear = p.length(bend) * inverse
        for l in set(range(p.n)) - set(on):
            linear += (p.q * p.row_norm[l] * self.g_high[l]
                       * (inverse + 1 / thin(self.limit.margin[l] - 1)))
        return fat(more), fat(linear)


# ------------------------------------------------------------------- the tube (sections 2, 4, 5)

@dataclass
class Crossing:
    """An own pair that comes to zero or has crossed, while every step moves it to its new side: W
    crosses before the reference or after it, never both. early, late: the multiple of x_i that
    mismatches add to w_k in the one case and the other."""
    was_free: bool = False
    early: float = 0.0
    late: float = 0.0
    depth: float | None = None            # how far z(W) may be on the old side; None: not crossed

    def shift(self):
        return max(self.early, self.late)


class Tube:
    """Theorem B: ‖W_t − Z_t − shifts of crossings‖ <= radius, piece by piece, by Lemmas 1 and 2."""

    def __init__(self, reference):
        self.ref = ref = reference
        self.p, letters = ref.p, ref.mode.letters
        self.square, self.linear = ref.square, 0.0
        if ref.start:
            self.square = fat((math.sqrt(ref.square) + ref.start) ** 2)
        self.base = [''.join(row) for row in letters]
        self.free = [frozenset(i for i, c in enumerate(row) if c == 's') for row in letters]   # N_k
        self.sure, self.ever_open, self.crossings, self.known = ref.sure, False, {}, ([], [])

    def radius(self):
        """Lemma 2."""
        return fat(fat(math.sqrt(self.square)) + self.linear)

    def margin(self, room, norm, radius):
        """How far z(W) and z(Z) can be apart: W_T − stored weights lies anywhere, the rest in U."""
        return fat(room * (radius + self.ref.start) + norm * self.ref.start + 1e-20)

    def rooms(self, free):
        """(3): room[k][i] >= ρ_ki with the free pairs given."""
        p, every = self.p, range(self.p.n)
        free = [f if p.least(f) > 1e-9 else p.everything for f in free]          # N may be larger
        keys = list(zip(p.sign, self.base, free))
        if self.known[0] != keys:
            count = Counter(keys).items()
            gamma = [[sum(times * p.room(*key)[2][l][j] for key, times in count) for j in every]
                     for l in every]
            live = [l for l in every
                    if any(l not in f and p.slope_of[base[l]] for (_, base, f), _ in count)]
            least, rows = least_eigenvalue([[gamma[l][j] for j in live] for l in live]), {}
            for key, _ in count:
                part, touch, _ = p.room(*key)
                share = [fat(v / least) if least else INF if v else 0.0 for v in touch]
                rows[key] = [min(fat(math.sqrt(a + b)), r) for a, b, r in zip(part, share, p.norm)]
            self.known = keys, [rows[key] for key in keys]
        return self.known[1]

    def shifts(self, sizes):
        """ς by neuron and |c| of shifts of these sizes, multiples of x_i (section 4)."""
        p, n = self.p, self.p.n
        pairs, margins = defaultdict(lambda: [0.0] * n), [0.0] * n
        for (k, i), size in sizes.items():
            pairs[k] = [fat(a + size * g) for a, g in zip(pairs[k], p.absgram[i])]
        for k, seen in pairs.items():
            slopes = [p.slope if c == '0' else 1.0 for c in self.ref.mode.letters[k]]
            margins = [fat(a + p.a * slope * v) for a, slope, v in zip(margins, slopes, seen)]
        return pairs, margins

    def near(self, out, radius, stride, shift, sure):
        """Closing the set (section 4): the free pairs, and those whose sign may differ from the
        slope of the reference, with the range of z. Own pairs count as near within one step of it,
        too: they must not cross in the step that straddles the end."""
        p, mode = self.p, self.ref.mode
        slides = [{i for i, c in enumerate(row) if c == 's'} for row in mode.letters]
        free, grown = [f | s for f, s in zip(self.free, slides)], True
        while grown:
            rooms, grown, found = self.rooms(free), False, {}
            for k, row in enumerate(mode.letters):
                moved = shift[k]
                for i, letter in enumerate(row):
                    step = stride * p.norm[i] if p.own(k, i) else 0.0
                    margin = fat(self.margin(rooms[k][i], p.norm[i], radius) + step + moved[i])
                    low, high = out.span(k, i)
                    if letter == '1' and low > margin or letter == '0' and high < -margin:
                        continue
                    found[k, i] = low, high
                    if i not in free[k] and not (p.own(k, i) and sure[k][i]):     # see close()
                        free[k], grown = free[k] | {i}, True
        return free, found

    def drift(self, k, i, side, free, found, high, low):
        """(5): a lower bound of the drift of z_ki(W) to a side (±1) a unit of log t, whatever the
        pairs of open sign do."""
        p, letters = self.p, self.ref.mode.letters[k]
        worst = -1e-9 * math.fsum(high) * max(p.norm) ** 2
        for l in range(p.n):
            pull = p.sign[k] * p.y[l] * p.pull[i][l] * side
            least = most = p.slope if letters[l] == '0' else 1.0
            if l in free[k] and (k, l) in found:
                least, most = p.slope, 1.0
            worst += thin(pull * least * low[l]) if pull > 0 else -fat(-pull * most * high[l])
        return thin(p.q * p.a * worst) if worst > 0 else 0.0

    def close(self, out, radius, shift, moved):
        """The closed set for a radius and shifts: free and found pairs; lost, own ones that may be
        on the wrong side, with their drifts outward and inward; hop, other ones by neuron; bounds
        of t h_l by (2), and ε_l."""
        p, letters, gap = self.p, self.ref.mode.letters, self.p.a * (1 - self.p.slope)
        loads = math.fsum(g * exp(r * radius + c) * x
                          for g, r, x, c in zip(out.g_high, p.row_norm, p.norm, moved))
        stride = 0.0 if out.last else fat(2 * p.q * p.a * loads / (out.begin - 2))
        sure, missing = [list(row) for row in self.sure], True
        while missing:
            free, found = self.near(out, radius, stride, shift, sure)
            eps, omega, hop, lost = [0.0] * p.n, [0.0] * p.n, defaultdict(list), {}
            for (k, i), (least, most) in found.items():
                size, letter = max(abs(least), abs(most)), letters[k][i]
                if p.own(k, i):
                    omega[i] += gap * (size + p.norm[i] * radius + shift[k][i])
                else:
                    wrong = max(0.0, most if letter == '0' else -least)
                    eps[i] += gap * ((size if letter == 's' else wrong) + shift[k][i])
                    hop[k].append(i)
            eps = list(map(fat, eps))
            need(max(eps) < 0.69, 'wrong-sided pairs change a margin by less than log 2')
            room = [fat(r * radius + e + c) for r, e, c in zip(p.row_norm, eps, moved)]
            high = [fat(g * exp(r)) for g, r in zip(out.g_high, room)]
            low = [max(0.0, thin(v / exp(o + r + fat(x)) * (1 - 4 * g / out.begin)))
                   for v, o, r, x, g in zip(out.low, out.off, room, omega, out.g_high)]
            for k, i in found:
                if p.own(k, i):
                    side = 1 if letters[k][i] == '1' else -1
                    outward, inward = (self.drift(k, i, s, free, found, high, low)
                                       for s in (side, -side))
                    if not (sure[k][i] and outward > 0):
                        lost[k, i] = outward, inward
            missing = [(k, i) for k, i in lost if i not in free[k]]
            for k, i in missing:
                sure[k][i] = False
        return SimpleNamespace(free=free, found=found, lost=lost, hop=hop, eps=eps, high=high)

    def charge(self, out, radius):
        """The charges of section 5 for a piece and its radius: to the squares, to the linear part,
        and what is to be committed. Shifts are assumed, larger ones until they suffice."""
        assumed = {pair: c.shift() for pair, c in self.crossings.items()}
        for _ in range(60):
            square, linear, state, seen = self.shifted(out, radius, assumed)
            small = {pair: s for pair, s in seen.items() if not s <= assumed.get(pair, -1.0)}
            if not small:
                return square, linear, state
            assumed.update((pair, size * 1.01) for pair, size in small.items())
        raise NotProved(f'own-class pairs {list(small)[:3]} cross without enlarging their shifts')

    def shifted(self, out, radius, assumed):
        """Lemma 1 over a piece whose shifts are at most those assumed; the shifts that follow."""
        p, begin, (shift, moved) = self.p, out.begin, self.shifts(assumed)
        now = self.close(out, radius, shift, moved)
        need(not (out.last and now.lost),
             f'own-class pairs {list(now.lost)[:3]} (neuron, sample) keep their signs for ever')
        duration = fat(out.h + 3 / (begin - 2))                 # Σ 1/t over the steps of the piece
        inverse = fat(1 / (begin - 2) - thin(1 / out.end))      # Σ 1/t²
        trace = math.fsum(r * r for r in p.norm)
        damp = 1 - fat((2 if assumed else 1) * p.q / p.m * trace * fat(max(now.high) / begin))
        need(damp > 0.1, 'steps are short: q Λ θ < 1.8 on the piece')
        hops = 0.0
        for k, samples in now.hop.items():
            c = [(i, out.g_high[i] * out.gap(k, i)) for i in samples]
            hops += math.fsum(ci * math.fsum(cj * p.absgram[i][j] for j, cj in c) for i, ci in c)
        square = fat(p.q ** 2 * p.a ** 2 * hops / damp * inverse)
        wrong, linear = out.defects(now.high, now.eps, duration, inverse)
        square += wrong
        square += fat(p.q * math.fsum(h * c * c for h, c in zip(now.high, moved)) * duration)
        own, crossings, seen, merged = self.own_charges(out, radius, duration, now, shift)
        return square, linear + own, (now, crossings, merged), seen

    def own_charges(self, out, radius, duration, now, shift):
        """Mismatches of own pairs (sections 4, 5): what they add to the linear part; crossings
        after the piece, the largest shifts on it, and those that join the distance after it. Pairs
        that have crossed for certain leave now.lost."""
        p, linear, merged, crossings, seen = self.p, 0.0, 0.0, {}, {}
        for (k, i), c in self.crossings.items():
            if (k, i) in now.lost and now.lost[k, i][c.depth is None] > 0:      # outward when over
                crossings[k, i] = replace(c)
            else:
                linear += fat(c.shift() * p.norm[i])
        for (k, i), (outward, inward) in list(now.lost.items()):
            push = fat(p.q * p.a * (1 - p.slope) * now.high[i])
            size = fat(max(map(abs, now.found[k, i])) + p.norm[i] * radius + shift[k][i])
            linear += fat(push * size * p.row_norm[i] * duration)
            if (k, i) not in self.crossings and self.sure[k][i] and inward > 0:
                crossings[k, i] = Crossing(i in self.free[k])
            c = crossings.get((k, i))
            if c is None:
                linear += fat(push * p.norm[i] * duration)
                continue
            if c.depth is None:
                c.early = fat(c.early + push * duration)
            else:
                c.late = fat(c.late + push * min(duration, fat(c.depth / outward
                                                               + 6 / (out.begin - 2))))
                c.depth -= thin(outward * max(0.0, out.h - 6 / (out.begin - 2)))
            seen[k, i] = c.shift()
            if c.depth is not None and c.depth <= 0:
                merged += fat(c.shift() * p.norm[i])
                del crossings[k, i], now.lost[k, i]
        return fat(linear), crossings, seen, fat(merged)

    def commit(self, square, linear, state, radius):
        """Theorem B: after the piece the radius that was assumed on it is not exceeded."""
        now, self.crossings, merged = state
        self.square, self.linear = fat(self.square + square), fat(self.linear + linear)
        need(self.radius() <= radius, f'radius {radius:.6g} of the piece at log(t/T) = '
             f'{self.ref.theta / ONE:.6g}: needs {self.radius():.6g}')
        self.ever_open |= any(pair in now.lost or not self.p.own(*pair) for pair in now.found)
        self.linear, self.free = fat(self.linear + merged), now.free
        self.sure = [[(k, i) not in now.lost for i in range(self.p.n)] for k in range(self.p.k)]

    def take(self, out, radius):
        self.commit(*self.charge(out, radius), radius)
        old = [lam * sum(series) >> BITS for lam, series in zip(self.ref.lam, out.series)]
        self.ref.advance(out)
        self.jump(old)

    def jump(self, old):
        """The step across a boundary feels that multipliers there are no longer the old ones."""
        change = [above(abs(a - b)) for a, b in zip(old, self.ref.lam)]
        self.linear = fat(self.linear + self.p.length(change) / (self.ref.time() - 1))

    def change(self, changes):
        """New slopes at the boundary (section 3)."""
        p, ref, letters = self.p, self.ref, self.ref.mode.letters
        known = [(i in self.free[k], self.sure[k][i]) for k, i, _ in changes]
        for k, i, letter in changes:
            need(letter != letters[k][i], f'set of pair ({k}, {i}) changes nothing')
            letters[k][i], self.free[k], self.sure[k][i] = letter, self.free[k] | {i}, False
        ref.mode = Mode(p, letters)
        old, neurons = ref.lam, len({k for k, _, _ in changes})
        load = dot(ref.lam_float, p.norm)
        self.linear += fat(4 * p.q * p.a * load * neurons / (ref.time() - 1))
        ref.settle()
        self.jump(old)
        step = 2 * p.q * p.a * max(p.norm) * dot(ref.lam_float, p.norm) / (ref.time() - 1)
        for (k, i, _), before in zip(changes, known):
            if p.own(k, i):
                self.cross(k, i, *before, above(abs(ref.z[k][i])) + step)

    def cross(self, k, i, was_free, was_sure, gap):
        """The reference crosses with an own pair. If W has not crossed yet, it is not deep on the
        old side, as it has had no mismatch of this pair so far (section 4)."""
        p, c = self.p, self.crossings.pop((k, i), None)
        sizes = {pair: other.shift() for pair, other in self.crossings.items()}
        if c and c.depth is None or not c and was_sure:
            c = c or Crossing(was_free)
            free = [f - {i} if j == k and not c.was_free else f for j, f in enumerate(self.free)]
            slip = self.margin(self.rooms(free)[k][i], p.norm[i], self.radius())
        else:
            if c:
                self.linear = fat(self.linear + c.shift() * p.norm[i])
            c, slip = Crossing(), p.norm[i] * self.radius()
        c.depth = fat(slip + self.shifts(sizes)[0][k][i] + gap)
        self.crossings[k, i] = c

    def tail(self, radius, support):
        """The straight line V log t + Z0 from here on (section 5). Returns the limit."""
        p, ref, limit = self.p, self.ref, Limit(self.p, self.ref.mode, support)
        shifts = math.fsum(c.shift() * p.norm[i] for (_, i), c in self.crossings.items())
        self.linear, self.crossings = fat(self.linear + shifts), {}
        slide = [(b.sliding, [above(abs(row[i])) for i in b.sliding])
                 for row, b in zip(ref.z, ref.mode.blocks)]
        first = fat(math.sqrt(math.fsum(dot(z, z) / p.least(frozenset(s)) for s, z in slide)))
        off = [fat(above(abs(ref.exponents[l] - log(limit.lam[l]))) + p.row_norm[l] * first)
               for l in support]
        self.jumped = fat(first + fat(math.sqrt(dot(off, off) * p.q / limit.least)))
        self.linear = fat(self.linear + self.jumped)
        self.jump(limit.lam)
        self.commit(*self.charge(Line(ref, limit, self.jumped), radius), radius)
        return limit

    def settled(self, limit):
        """Consequence 3: log(t/T) from which on every pair with a strict sign at V keeps it, or
        None where some pair need not settle."""
        p, ref, rooms = self.p, self.ref, self.rooms(self.free)
        worst = above(ref.theta) if self.ever_open else 0.0
        for k, row in enumerate(ref.mode.letters):
            for i, letter in enumerate(row):
                gap = fat(self.margin(rooms[k][i], p.norm[i], self.radius())
                          + self.jumped * p.norm[i])
                gap += above(ref.z[k][i] * (-1 if letter == '1' else 1))
                if letter != 's' and gap >= 0:
                    if not limit.speed[k][i]:
                        return None
                    worst = max(worst, fat(above(ref.theta) + gap / limit.speed[k][i]))
        return worst


# -------------------------------------------------------------------------- the limit (section 1)

class Limit:
    """Theorem A: V = q Σ λ_l π_l with κ λ = 1 on the support, and (i) to (iii)."""

    def __init__(self, p, mode, support):
        self.p, self.mode, self.support = p, mode, support
        need(support, 'the support is not empty')
        kernel = [[mode.kernel[i][j] for j in support] for i in support]
        self.least, self.lam = least_eigenvalue(kernel), [0] * p.n
        need(self.least > 1e-9, 'the kernel of the support is positive definite')
        for l, (v,) in zip(support, solve(kernel, [[ONE]] * len(support))):
            need(below(v) > 0, f'multiplier of support sample {l} is positive: {v / ONE:.6g}')
            self.lam[l] = v
        self.low, self.high = ([f(v) if v else 0.0 for v in self.lam] for f in (below, above))
        self.z = {b: [inner(row, self.lam) for row in b.move] for b in set(mode.blocks)}
        self.margin = [below(inner(row, self.lam)) for row in mode.kernel]
        for i in set(range(p.n)) - set(support):
            need(self.margin[i] > 1,
                 f'margin of sample {i} off the support exceeds 1: {self.margin[i]:.9g}')
        self.norm = (thin(math.sqrt(p.q * math.fsum(self.low))),
                     fat(math.sqrt(p.q * math.fsum(self.high))))
        self.speed = [[0.0] * p.n for _ in range(p.k)]  # |⟨v_k, x_i⟩| from below; 0 where v_k = 0
        self.switching, self.resting = {}, 0
        for k, block in enumerate(mode.blocks):
            self.judge(k, block)

    def judge(self, k, block):
        """(i) and (ii): signs and slopes of a neuron at V."""
        p, lam, letters = self.p, self.lam, block.letters
        still = p.slope == 0 and '1' not in [letters[l] for l in self.support]      # v_k = 0 always
        self.resting += still
        for i, letter in enumerate(letters):
            if still:
                continue
            if letter == 's':
                need(lam[i], f'sample {i} of the sliding pair ({k}, {i}) is on the support')
                beta = inner(block.hold[i], lam)
                least = p.slope_of['0'] * lam[i] >> BITS
                need(below(beta - least) > 0 and below(lam[i] - beta) > 0, 'slope of the sliding '
                     f'pair ({k}, {i}) lies inside (γ, 1): {beta / lam[i]:.9g}')
                self.switching[k, i] = thin(beta / lam[i]), fat(beta / lam[i])
            else:
                v = self.z[block][i] * (1 if letter == '1' else -1)
                need(below(v) > 0,
                     f'⟨v, x⟩ of pair ({k}, {i}) has the sign of its slope: {v / ONE:.6g}')
                self.speed[k][i] = below(v)

    def stable_rank(self, neurons):
        """Enclosures of ‖V_j‖_F²/‖V_j‖₂² and of ‖V_j‖₂ for the neurons of a class (7.3), or None
        where none is found. Neurons of one block are equal at V."""
        p, lam, rows = self.p, self.lam, []
        count = Counter(self.mode.blocks[k] for k in neurons)
        times = list(count.values())
        for b in count:                                              # v_k = Σ_l rows_kl x_l
            beta = [inner(b.hold[l], lam) if c == 's' else p.slope_of[c] * lam[l] >> BITS
                    for l, c in enumerate(b.letters)]
            rows.append([b.sign * p.y[l] * (p.qa * v >> BITS) for l, v in enumerate(beta)])
        gram = [[inner(row, self.z[b]) for b in count] for row in rows]
        square = sum(c * gram[j][j] for j, c in enumerate(times))
        if below(square) <= 0:
            return None
        v = self.top_vector(floats(gram), times)
        size = sum((c * c >> BITS) // t for c, t in zip(v, times))
        least = thin(below(inner(v, [inner(v, row) for row in gram])) / above(size))
        for most in [] if least <= 0 else (least * (1 + 10.0 ** e) for e in range(-10, 0)):
            rest = [[((i == j) * fixed(most) // times[i] - g) / ONE for j, g in enumerate(row)]
                    for i, row in enumerate(gram)]
            if positive_definite(rest, 1e-18):
                rank = max(1.0, thin(below(square) / most)), fat(above(square) / least)
                return rank, (thin(math.sqrt(least)), fat(math.sqrt(most)))
        return None

    def top_vector(self, gram, times):
        """Fixed: near the eigenvector of the largest eigenvalue, by powers. Nothing rests on it."""
        top = max(range(len(gram)), key=lambda j: gram[j][j])
        v = [g + gram[top][top] / (1000 + j) for j, g in enumerate(gram[top])]
        for _ in range(300):
            v = [c * dot(row, v) for c, row in zip(times, gram)]
            size = max(map(abs, v)) or 1.0
            v = [c / size for c in v]
        return list(map(fixed, v))


# -------------------------------------------------------------------- the certificate (section 8)

def real(word):
    value = float.fromhex(word)
    bad(value and not 1e-100 < abs(value) < 1e100,
        f'{word} is neither zero nor between 10^-100 and 10^100 in size')
    return value


WORDS = {                                            # what a word may be, and what is made of it
    'H': (r'-?0x[01](\.[0-9a-f]{1,13})?p[+-]?[0-9]{1,3}', real), 'N': ('[0-9]{1,300}', int),
    'S': ('[+-]', lambda word: int(word + '1')), 'L': ('logistic|exponential', str),
    'C': ('[01s]', str), 'P': ('[01s]+', str), 'B': ('[01]+', str)}
LINES = {                                            # of each part: its lines and their words
    'problem': 'width N, slope H, rate H, loss L, labels S+, x H+, step N, w H+, w0 H+',
    'claim': 'radius HH, start-distance HH, log-straight-from HH, offset HH, norm HH, '
             'normalized-margin HH, loss-constant HH, density NNHH, '
             'stable-rank-pos HH, stable-rank-neg HH, stable-rank-all HH, '
             'spectral-norm-pos HH, spectral-norm-neg HH, spectral-norm-all HH',
    'derivation': 'pattern BP+, slide NN+, start NNC, piece HNH, set NNC, tail HB'}


def bad(truth, words):
    if truth:
        raise BadFile(words)


def read(path):
    """The parts of a certificate: a list of (line number, name, values) each."""
    with open(path, 'rb') as f:
        text = f.read().decode('ascii', 'replace')
    lines = [(i, line.split()) for i, line in enumerate(text.split('\n'), 1)]
    lines = [(i, words) for i, words in lines if words and words[0][0] != '#']
    first = ' '.join(lines[0][1]) if lines else ''
    bad(not re.fullmatch('latetime-certificate [12]', first) or lines[-1][1] != ['end'],
        "a certificate begins with 'latetime-certificate 2' (or 1, judged alike), ends with 'end'")
    parts, left = {}, list(LINES)
    for i, words in lines[1:-1]:
        if words == left[:1]:
            part = left.pop(0)
            parts[part] = []
            continue
        bad(not parts, f'line {i}: the first part is the problem')
        (name, *words), forms = words, dict(form.split() for form in LINES[part].split(', '))
        form = forms.get(name, '')
        if form[-1:] == '+':                                # any number of the last word, but none
            form = form[:-1] + form[-2] * (len(words) - len(form) + 1)
        is_one = form and len(form) == len(words)
        bad(not is_one or not all(re.fullmatch(WORDS[c][0], w) for c, w in zip(form, words)),
            f'line {i}: {name[:40]!a} … is no line of the {part}; those are {LINES[part]}')
        parts[part].append((i, name, [WORDS[c][1](w) for c, w in zip(form, words)]))
    bad(left, f'parts are missing: {left}')
    return parts


def problem_of(lines):
    """The problem, weights W_T and T (None at level A), initial weights ([] but at level C)."""
    rows = {name.split()[0]: [] for name in LINES['problem'].split(', ')}
    for _, name, values in lines:
        rows[name].append(values)
    x, w, initial, run = rows['x'], rows['w'], rows['w0'], rows['step'] + rows['w'] + rows['w0']
    for name in ['width', 'slope', 'rate', 'labels', 'x'] + ['step', 'w'] * bool(run):
        bad(not rows[name], f'the problem has no {name}')
    for name, found in rows.items():
        bad(len(found) > 1 and name not in ('x', 'w', 'w0'), f'the problem has {name} twice')
    (m,), (slope,), (rate,) = (rows[name][0] for name in ('width', 'slope', 'rate'))
    labels, = rows['labels']
    (step,), (loss,) = *(rows['step'] or [[None]]), *(rows['loss'] or [['logistic']])
    bad(len({len(row) for row in x + w + initial}) > 1 or len(x) != len(labels)
        or {len(w), len(initial)} - {0, 2 * m}, 'samples, labels, width and weights do not fit: '
        'a line x for each label, two lines w (and w0) for each of the width')
    bad(not (0 <= slope < 1 and rate > 0 and 1 <= m <= 10 ** 6 and any(map(any, x))
             and (not run or step >= 10)), 'slope in [0, 1), rate > 0, width from 1 to 10^6, '
        'step at least 10, a sample that is not zero')
    return Problem(x, labels, m, slope, rate, loss), w, step, initial


def derive(p, weights, step, lines, start=0.0):
    """Follows the derivation; returns tube (None at level A) and limit."""
    order, kinds = '((slide|start) )*((set|piece) )*tail', ' '.join(kind for _, kind, _ in lines)
    bad(not re.fullmatch(order if weights else 'pattern', kinds), 'a derivation is slide and '
        'start, then set and piece, then tail; of a problem without weights it is one pattern')
    tube, sliding, starts = None, [], []
    for kind, group in groupby(lines, lambda line: line[1].replace('slide', 'start')):
        group = list(group)
        where = f'line {group[0][0]}: '
        if kind in ('start', 'set'):
            slides = [(k, s) for _, name, (k, *s) in group if name == 'slide']
            changes = [v for _, name, v in group if name != 'slide']
            pairs = [(k, i) for k, s in slides for i in s] + [(k, i) for k, i, _ in changes]
            bad(any(k >= p.k or i >= p.n for k, i in pairs),
                where + 'no such neuron or sample; they count from 0')
            bad(len({*pairs}) < len(pairs) or len(dict(slides)) < len(slides),
                where + 'a pair, or a neuron that slides, stands twice from here on')
        if kind == 'start':
            sliding, starts = slides, changes
            continue
        if kind in ('pattern', 'tail'):
            words = group[0][2][kind == 'tail':]
            bad({*map(len, words)} != {p.n} or len(words) != (1 if weights else 1 + p.k),
                where + 'the support, and of a pattern 2m neurons, are words of n letters')
            support = [l for l, c in enumerate(words[0]) if c == '1']
        if kind == 'pattern':
            return None, Limit(p, Mode(p, words[1:]), support)
        tube = tube or Tube(Reference(p, weights, step, sliding, starts, start))
        if kind == 'set':
            tube.change(changes)
        if kind == 'tail':
            return tube, tube.tail(group[0][2][0], support)
        for i, _, (h, degree, radius) in group if kind == 'piece' else []:
            bad(not 1e-30 < h < 1e4 or degree > 60, f'line {i}: a piece has a length in '
                '(10^-30, 10^4) and a degree of at most 60')
            tube.take(Piece(tube.ref, h, degree), radius)


def facts(p, tube, limit):
    """Every quantity that a claim may state, with its proved enclosure."""
    constant = log(sum(limit.lam) // p.n) / ONE
    found = {'norm': limit.norm,
             'normalized-margin': (thin(1 / limit.norm[1]), fat(1 / limit.norm[0])),
             'loss-constant': (constant - 1e-12, constant + 1e-12)}
    for name, neurons in ('pos', range(p.m)), ('neg', range(p.m, p.k)), ('all', range(p.k)):
        rank = limit.stable_rank(neurons)
        if rank:
            found['stable-rank-' + name], found['spectral-norm-' + name] = rank
    if tube:
        ref, radius = tube.ref, tube.radius()
        most = {'radius': radius, 'log-straight-from': above(ref.theta + ref.origin),
                'offset': fat(ref.travel + 2 * radius)}
        most.update({'start-distance': ref.start} if ref.start else {})
        found.update((name, (0.0, value)) for name, value in most.items())
    for (k, i), ends in limit.switching.items():
        found[f'density {k} {i}'] = tuple((v - p.slope) / (1 - p.slope) + e
                                          for v, e in zip(ends, (-1e-12, 1e-12)))
    return found


def start_of(problem, weights, step, initial, claims, sampled):
    """Section 9: how far exact descent from the initial weights is from W_T at most."""
    if sampled:
        start = max([v[-1] for _, name, v in claims if name == 'start-distance'], default=0.0)
        need(start > 0, 'a start-distance that can be believed is claimed')
        return start
    sys.modules.setdefault('check_certificate', sys.modules[__name__])       # which it imports
    try:
        from replay_steps import Descent, start_distance
    except ImportError:
        raise NotProved('replay_steps.py lies beside the checker, to follow every step from the '
                        'initial weights; or give --sampled') from None
    return start_distance(weights, *Descent(problem, initial).follow(step))


def check(path, sampled=False):
    """The theorem in words, or BadFile, NotProved, ArithmeticError."""
    parts = read(path)
    problem, weights, step, initial = problem_of(parts['problem'])
    start, origin = 0.0, f'the stored weights W_T, T = {step}'
    if initial:
        start = start_of(problem, weights, step, initial, parts['claim'], sampled)
        believed = ', WHICH WAS BELIEVED, NOT CHECKED' * sampled
        origin = (f'the initial weights W_0 (at T = {step} within {up(start)} of the stored W_T'
                  f'{believed})')
    tube, limit = derive(problem, weights, step, parts['derivation'], start)
    found = facts(problem, tube, limit)
    for _, name, (*pair, low, high) in parts['claim']:
        name = ' '.join(map(str, [name, *pair]))
        least, most = found.get(name, (-INF, INF))
        need(low <= least and most <= high,
             f'claim {name} in [{low!r}, {high!r}]: proved is [{least!r}, {most!r}]')
    run = run_words(tube, limit, found, origin) if tube else []
    return '\n'.join(words_of(limit, found) + run)


def up(x, digits=6):
    """Decimals of a number that is not below x."""
    return format(Context(digits, ROUND_CEILING).create_decimal(Decimal(x)).normalize(), 'g')


def between(enclosure):
    """The enclosure in decimals, rounded outwards."""
    return f'[{-Decimal(up(-enclosure[0], 12))}, {up(enclosure[1], 12)}]'


def words_of(limit, found):
    """Theorem A in words; docs/proofs.md says what each sentence means exactly."""
    p, strict = limit.p, sum(v > 0 for row in limit.speed for v in row)
    loss = ' on the exponential loss' * (p.loss == 'exponential')
    return [f'Theorem. Samples: {p.n} in dimension {p.d}; two-layer network with {p.m} neuron'
            f'{"s" * (p.m > 1)} a class, slope {p.slope!r}; gradient descent{loss} with rate '
            f'{p.rate!r}.',
            'V is a KKT point of min ½‖V‖² subject to margins >= 1, and the only minimiser among '
            f'the weights with its own-class signs; ‖V‖ in {between(found["norm"])}.',
            f'Support: {len(limit.support)} of {p.n} samples. Of {p.k * p.n} pairs {strict} have a '
            f'strict sign at V, {len(limit.switching)} have a slope strictly between {p.slope!r} '
            f'and 1; {limit.resting} neurons rest.',
            *(f'Stable rank of V, {name[12:]}: {between(found[name])}.'
              for name in found if name.startswith('stable-rank-'))]


def run_words(tube, limit, found, origin):
    """Theorems B and C in words."""
    ref, settled, switching = tube.ref, tube.settled(limit), len(limit.switching)
    start = ref.theta + ref.origin
    text = [f'Exact gradient descent from {origin}: ‖W_t − Z_t‖ <= {up(found["radius"][1])} for '
            'every t >= T, and Z_t = Z0 + V log(t/t0) for t >= t0, log t0 in '
            f'{between((below(start), above(start)))}.',
            'W_t − V log t converges, W_t/‖W_t‖ -> V/‖V‖, t L(W_t) -> e^c with c in '
            f'{between(found["loss-constant"])}.',
            'Stable ranks of W_t converge to those of V where that is not zero, and '
            f'‖W_t − V log(t/t0)‖ <= {up(found["offset"][1])} for t >= t0.']
    if settled is not None:
        text.append('All pairs with a strict sign at V keep it from '
                    f't = {ref.step} · e^{up(settled)} on.')
    if switching:
        text.append(f'The {switching} pairs (neuron, sample) with a slope strictly between switch '
                    'infinitely often; each is active with a natural density:')
    return text + [f'  neuron {k}, sample {i}: {between(found[f"density {k} {i}"])}'
                   for k, i in sorted(limit.switching)]


def main(arguments):
    sampled, path = arguments[:1] == ['--sampled'], (arguments or [''])[-1]
    if len(arguments) != 1 + sampled or path.startswith('-'):
        print(__doc__)
        return 2
    try:
        words = check(path, sampled)
    except (NotProved, ArithmeticError) as failure:
        is_range = isinstance(failure, ArithmeticError)
        print('NOT PROVED: ' + 'numbers leave the range of doubles: ' * is_range + str(failure))
        return 1
    except (BadFile, OSError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else failure
        print(f'no certificate: {path}: {why}')
        return 2
    print(words + '\nPROVED' + ', but for what was believed' * ('BELIEVED' in words))
    return 0


if __name__ == '__main__':
    sys.stdout.reconfigure(encoding='utf-8')
    sys.exit(main(sys.argv[1:]))
