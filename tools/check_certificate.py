#!/usr/bin/env python3
"""Checks a certificate of Latetime: is the theorem that it states about a run of gradient descent true?

usage: check_certificate.py FILE        prints the theorem and PROVED, or NOT PROVED and the first inequality that fails
exit code: 0 proved, 1 not proved, 2 the file is no certificate

The mathematics and the format are docs/proofs.md; section numbers below are its. Python's standard library alone.

Rounding. u = 2^-53 is IEEE's unit roundoff. An upper bound that is made of sums, products, quotients and square roots of
fewer than a million nonnegative floats is off by less than 1e-9 of itself: fat() adds that, thin() takes it off a lower
bound. Where terms cancel (pre-activations, the kernel) an absolute error stands beside the number and is added up.
exp and log are decimal's, which are correctly rounded to 28 digits.
"""
import math
import re
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, getcontext
from fractions import Fraction
from operator import mul

getcontext().prec = 28
U = 2.0 ** -53
INF = math.inf


class NotProved(Exception):
    """An inequality that the theorem needs does not hold, or not visibly."""


class BadFile(Exception):
    """The text is no certificate of this version."""


def fat(x):
    return x * (1 + 1e-9) + 1e-290


def thin(x):
    return x * (1 - 1e-9)


def dot(a, b):
    return sum(map(mul, a, b))


def exp(x):
    return float(Decimal(x).exp()) if x > -740 else 0.0


def log(x):
    return float(Decimal(x).ln())


def need(truth, words):
    if not truth:
        raise NotProved(words)


def cholesky(a, shift):
    """True only if a − shift·1 is positive definite: its float factorisation runs through after a further shift that exceeds
    what rounding can do, (n+2)·4u·trace (docs/proofs.md, 7.1)."""
    n = len(a)
    slack = shift + (n + 8) * 4 * U * (sum(abs(a[i][i]) for i in range(n)) + n * abs(shift)) * 1.01
    rows = []
    for i in range(n):
        row = []
        for j in range(i + 1):
            rest = a[i][j] - dot(row, rows[j][:j]) if j < i else a[i][i] - slack - dot(row, row)
            if j < i:
                row.append(rest / rows[j][j])
            elif rest <= 0 or rest != rest:
                return False
            else:
                row.append(math.sqrt(rest))
        rows.append(row)
    return True


def least_eigenvalue(a, error):
    """A lower bound of the least eigenvalue of every symmetric matrix within error (entrywise) of a; 0 if none is found."""
    n = len(a)
    if n == 0:
        return 1.0
    high, low = min(a[i][i] for i in range(n)), 0.0
    off = fat(n * error)
    for _ in range(24):
        guess = (low + high) / 2
        if guess > 0 and cholesky(a, guess + off):
            low = guess
        else:
            high = guess
        if high - low < 0.02 * high:
            break
    return low


def solve(a, b):
    """a x = b in floats, whatever comes out: x is judged by its residual."""
    n = len(a)
    rows = [list(a[i]) + [b[i]] for i in range(n)]
    for j in range(n):
        p = max(range(j, n), key=lambda i: abs(rows[i][j]))
        rows[j], rows[p] = rows[p], rows[j]
        need(rows[j][j] != 0, 'samples of sliding pairs depend on each other')
        for i in range(j + 1, n):
            f = rows[i][j] / rows[j][j]
            if f:
                rows[i] = [x - f * y for x, y in zip(rows[i], rows[j])]
    x = [0.0] * n
    for j in reversed(range(n)):
        x[j] = (rows[j][n] - dot(rows[j][j + 1:n], x[j + 1:])) / rows[j][j]
    return x


def bernstein(coefficients, h, ratios={}):
    """A lower and an upper bound of a polynomial on [0, h]: its Bernstein coefficients enclose it."""
    n = len(coefficients) - 1
    if n not in ratios:
        ratios[n] = [[math.comb(i, j) / math.comb(n, j) for j in range(i + 1)] for i in range(n + 1)]
    scaled = [c * h ** j for j, c in enumerate(coefficients)]
    values = [dot(row, scaled) for row in ratios[n]]
    slack = fat(8 * (n + 4) * U * sum(map(abs, scaled)) * 2)
    return min(values) - slack, max(values) + slack


class Problem:
    """Samples, labels, slope γ, rate η, width m: exact numbers. Neurons 0 … m−1 are class +1, the others class −1."""

    def __init__(self, x, y, m, slope, rate):
        self.x, self.y, self.m, self.slope, self.rate = x, y, m, slope, rate
        self.n, self.d, self.k = len(x), len(x[0]), 2 * m
        self.q = rate / self.n                                  # rounding: 2u, within every bound below
        self.sign = [1.0] * m + [-1.0] * m
        self.a = 1.0 / m
        self.gram = [[0.0] * self.n for _ in range(self.n)]
        exact = [list(map(Fraction, row)) for row in x] if self.n * self.n * self.d < 60000 else None
        norms = [fat(math.sqrt(dot(row, row))) for row in x]
        self.norm = norms
        self.top = max(norms)
        for i in range(self.n):
            for j in range(i + 1):
                g = float(sum(map(mul, exact[i], exact[j]))) if exact else math.fsum(map(mul, x[i], x[j]))
                self.gram[i][j] = self.gram[j][i] = g
        # fsum rounds once, each product once: |error| <= 2u Σ|x_i x_j| (1+u) <= 3u ‖x_i‖ ‖x_j‖
        self.gram_error = fat(3 * U * self.top ** 2)
        self.absgram = [[fat(abs(g) + self.gram_error) for g in row] for row in self.gram]
        self.least = least_eigenvalue(self.gram, self.gram_error)
        self.row_norm = [fat(r * math.sqrt(2.0 / m)) for r in norms]   # ‖p_l‖ and the Lipschitz constant of u_l

    def own(self, k, i):
        return self.sign[k] * self.y[i] > 0

    def length(self, c):
        """Bound of q ‖Σ c_l π_l‖ for |coefficients| <= c: the Gram matrix of the p_l is at most (2/m)|G| entrywise."""
        total = sum(ci * dot(c, row) for ci, row in zip(c, self.absgram))
        return fat(self.q * math.sqrt(2.0 / self.m * max(total, 0.0)))


class Mode:
    """What the reference moves along: a slope for every pair, or None for a pair that slides (section 3)."""

    def __init__(self, problem, slopes):
        self.p, self.slopes = problem, slopes
        p = problem
        self.move = [None] * p.k      # move[k][i][l]: change of z_ki for a unit of ∫λ_l, q included
        self.absmove = [None] * p.k
        self.hold = [None] * p.k      # hold[k][s]: β_ks = Σ_l hold[k][s][l] λ_l
        self.residual = 0.0           # of G_SS c = α G_S, largest norm
        self.move_error = 0.0
        self.cache = {}
        for k in range(p.k):
            self.update(k)
        self.make_kernel()

    def update(self, k):
        p, n = self.p, self.p.n
        key = (p.sign[k], tuple(self.slopes[k]))
        if key not in self.cache:
            self.cache[key] = self.block(k)
        self.move[k], self.absmove[k], self.hold[k], residual, error = self.cache[key]
        self.residual, self.move_error = max(self.residual, residual), max(self.move_error, error)
        need(residual <= 1e-10 / n * math.sqrt(p.least) * min(r for r in p.norm if r > 0), 'samples of sliding pairs depend on each other')

    def block(self, k):
        p, n, g = self.p, self.p.n, self.p.gram
        slopes = self.slopes[k]
        s = [i for i in range(n) if slopes[i] is None]
        inner = [[g[i][j] for j in s] for i in s]
        scale = p.q * p.a * p.sign[k]
        columns, hold, worst, weight = [], {i: [0.0] * n for i in s}, 0.0, 1.0
        for l in range(n):
            if slopes[l] is None or slopes[l] == 0:
                columns.append([0.0] * n)
                continue
            rhs = [slopes[l] * g[i][l] for i in s]
            c = solve(inner, rhs) if s else []
            total = 1 + sum(map(abs, c))
            weight = max(weight, total)
            off = [abs(dot(row, c) - b) + total * ((len(s) + 3) * 2 * U * p.top ** 2 + p.gram_error) for row, b in zip(inner, rhs)]
            worst = max(worst, fat(math.sqrt(dot(off, off))))
            columns.append([scale * p.y[l] * (slopes[l] * g[i][l] - sum(cs * g[i][j] for cs, j in zip(c, s))) for i in range(n)])
            for cs, i in zip(c, s):
                hold[i][l] = -p.y[i] * p.y[l] * cs
        move = [[columns[l][i] for l in range(n)] for i in range(n)]
        error = fat(p.q * p.a * weight * ((len(s) + 10) * 4 * U * p.top ** 2 + p.gram_error))
        return move, [[abs(v) + error for v in row] for row in move], hold, worst, error

    def make_kernel(self):
        """kernel[i][l] = ds_i/dτ for a unit of λ_l."""
        p, n = self.p, self.p.n
        self.kernel, largest = [], 0.0
        for i in range(n):
            row = [0.0] * n
            for k in range(p.k):
                slope = self.slopes[k][i]
                if slope:
                    f = p.y[i] * p.sign[k] * p.a * slope
                    row = [r + f * v for r, v in zip(row, self.move[k][i])]
            self.kernel.append(row)
        largest = max(max(max(v) for v in b) for b in self.absmove)
        self.kernel_error = fat(2 * (self.move_error + (p.k + 4) * 2 * U * largest))


class Reference:
    """The reference curve: state z at the start of a piece, and what a piece does to it (section 3)."""

    def __init__(self, problem, weights, step, sliding, flips):
        p = self.p = problem
        self.t0, self.theta = step, 0.0
        self.z, self.error = [], 0.0
        largest = max(math.sqrt(dot(w, w)) for w in weights) + 1e-150     # squares of smaller numbers are no floats
        for w in weights:
            self.z.append([math.fsum(map(mul, w, x)) for x in p.x])
        self.error = fat(3 * U * largest * p.top + 1e-300)
        for k, row in enumerate(self.z):
            for i, v in enumerate(row):
                need(abs(v) > self.error or v == 0 and not any(a and b for a, b in zip(weights[k], p.x[i])),
                     f'sign of pre-activation of neuron {k} and sample {i} at the step')
        self.active = [[v >= 0 for v in row] for row in self.z]
        slopes = [[1.0 if on else p.slope for on in row] for row in self.active]
        for k, i, s in flips:
            slopes[k][i] = s
        square = 0.0
        for k, s in sliding.items():
            inner = [[p.gram[i][j] for j in s] for i in s]
            b = solve(inner, [self.z[k][i] for i in s])
            for i in range(p.n):
                self.z[k][i] -= sum(bj * p.gram[i][j] for bj, j in zip(b, s))
            total = sum(map(abs, b))
            self.error = max(self.error, fat(3 * U * largest * p.top + total * (p.gram_error + (len(s) + 4) * 2 * U * p.top ** 2)
                                             + 2 * U * largest * p.top))
            square += max(0.0, sum(abs(bi) * sum(abs(bj) * p.absgram[i][j] for bj, j in zip(b, s)) for bi, i in zip(b, s)))
            for i in s:
                slopes[k][i] = None
        self.square = fat(square)     # ‖W_T − Z_T‖²
        self.mode = Mode(p, slopes)
        self.pieces, self.travel = 0, fat(math.sqrt(sum(dot(w, w) for w in weights))) + fat(math.sqrt(self.square))

    def time(self):
        """Bounds of the step number at the start of the piece."""
        e = exp(self.theta)
        return thin(self.t0 * e), fat(self.t0 * e)

    def multipliers(self):
        """λ_l = t e^{−s_l} in floats, and a bound of the error of log λ."""
        p, m = self.p, self.mode
        values, biggest = [], max(max(map(abs, row)) for row in self.z)
        for i in range(p.n):
            s = 0.0
            for k in range(p.k):
                if m.slopes[k][i]:
                    s += p.sign[k] * p.a * m.slopes[k][i] * self.z[k][i]
            values.append(self.t0 * exp(self.theta - p.y[i] * s))
            need(values[-1] > 0, f'multiplier of sample {i} underflows')
        return values, fat(2 * self.error + 2 * (p.k + 6) * 2 * U * biggest + 4 * U * ((self.pieces + 1) * self.theta + 2 * biggest + 4))

    def piece(self, h, degree):
        """Taylor polynomials of λ on [0, h], and bounds of all that happens on the piece."""
        p, m, n = self.p, self.mode, self.p.n
        start, error = self.multipliers()
        lam = [[v] for v in start]
        rate = [[] for _ in range(n)]
        size = [[] for _ in range(n)]
        for j in range(degree + 1):
            column = [lam[l][j] for l in range(n)]
            for i in range(n):
                rate[i].append((1.0 if j == 0 else 0.0) - dot(m.kernel[i], column))
                size[i].append((1.0 if j == 0 else 0.0) + sum(abs(a * b) for a, b in zip(m.kernel[i], column)))
            if j < degree:
                for i in range(n):
                    lam[i].append(sum(map(mul, lam[i][:j + 1], reversed(rate[i]))) / (j + 1))
        powers = [h ** j for j in range(2 * degree + 2)]
        out = Bounds()
        out.h, out.lam, out.low, out.high, out.drift, out.off, out.sum = h, lam, [], [], [], [], []
        for i in range(n):
            c = list(map(abs, lam[i]))
            wiggle = sum(c[j] * powers[j] for j in range(1, degree + 1))
            out.low.append(lam[i][0] - fat(wiggle))
            out.high.append(fat(lam[i][0] + wiggle))
            out.drift.append(fat(sum(j * c[j] * powers[j - 1] for j in range(1, degree + 1))))
            out.sum.append(sum(lam[i][j] * powers[j + 1] / (j + 1) for j in range(degree + 1)))
            need(out.low[-1] > 0, f'multiplier of sample {i} stays positive on the piece at log(t/T) = {self.theta:.6g}: shorten it')
            # Residual λ' − λ(1 − κλ): coefficients below the degree vanish but for rounding, the others are those of the product.
            bad, total = 0.0, sum(c[j] * powers[j] for j in range(degree + 1))
            for j in range(degree, 2 * degree + 1):
                bad += abs(sum(lam[i][a] * rate[i][j - a] for a in range(j - degree, degree + 1))) * powers[j]
            majorant = total * sum(size[i][j] * powers[j] for j in range(degree + 1))
            noise = 8 * (n + degree + 8) * U * majorant + total * m.kernel_error * sum(
                abs(lam[l][j]) * powers[j] for l in range(n) for j in range(degree + 1))
            out.off.append(fat(error + h * (bad + noise) / out.low[-1]))
        self.spread(out)
        for k in range(p.k):                  # what sliding pairs add to ⟨p_i, Z⟩: they stay at zero to rounding
            for i in m.hold[k]:
                out.off[i] = fat(out.off[i] + p.a * max(map(abs, out.ends(k, i))))
        return out

    def spread(self, out):
        """Where every z can be on the piece: out.range[(k, i)] for pairs that may be near zero, out.end all values at the end."""
        p, m, h = self.p, self.mode, out.h
        total = out.sum
        out.end, out.reach = [], []
        for k in range(p.k):
            out.end.append([v + dot(row, total) for v, row in zip(self.z[k], m.move[k])])
            out.reach.append([dot(row, total) for row in m.absmove[k]])
        biggest = max(max(map(abs, row)) for row in out.end)
        widest = max(max(row) for row in out.reach)
        out.ends = lambda k, i: self.bounds_of(out, k, i)
        out.error = fat(self.error + m.move_error * sum(total) + (p.n + len(out.lam[0]) + 6) * 4 * U * (widest + biggest))

    def bounds_of(self, out, k, i):
        """Least and greatest z_ki on the piece, rounding included."""
        a, b = self.z[k][i], out.end[k][i]
        if len(out.lam[0]) > 1 and self.mode.slopes[k][i] is not None:
            row = self.mode.move[k][i]
            a, b = bernstein([a] + [dot(row, column) / (j + 1) for j, column in enumerate(zip(*out.lam))], out.h)
        elif len(out.lam[0]) > 1:
            bend = fat(out.h ** 2 / 8 * dot(self.mode.absmove[k][i], out.drift))
            return min(a, b) - bend - out.error, max(a, b) + bend + out.error
        return min(a, b) - out.error, max(a, b) + out.error

    def advance(self, out):
        self.z, self.error = out.end, out.error
        self.theta, self.pieces = self.theta + out.h, self.pieces + 1
        self.travel = fat(self.travel + self.p.length([fat(v) for v in out.sum]))

    def change(self, changes):
        """New slopes at the boundary. Returns the defect of the one step across it, times t."""
        p, m = self.p, self.mode
        lam, error = self.multipliers()
        total = 0.0
        for k in sorted({k for k, _, _ in changes}):
            total += sum(l * r for l, r in zip(lam, p.norm)) * 2 * p.a * p.q
            for kk, i, s in changes:
                if kk == k:
                    m.slopes[k][i] = s
                m.update(k)
        m.make_kernel()
        return fat(2 * total * exp(error))


class Bounds:
    """What is known of one piece."""
    slope = {}


class Tube:
    """‖W_t − Z_t‖ <= radius, piece by piece (sections 2, 4, 5)."""

    def __init__(self, reference):
        self.ref, p = reference, reference.p
        self.p = p
        self.square, self.linear = reference.square, 0.0
        self.free = [{i for i in range(p.n) if reference.mode.slopes[k][i] is None} for k in range(p.k)]   # N_k of section 4
        self.base = [[0.0 if s is None else s for s in row] for row in reference.mode.slopes]
        self.sure = [[reference.active[k][i] == (reference.mode.slopes[k][i] == 1) for i in range(p.n)] for k in range(p.k)]
        self.rows = [None] * p.k
        self.cache = {}
        self.last_open = {}
        self.depth = {}      # own pairs that crossed: how far z(W) may still be on the old side (section 4)

    def radius(self):
        return fat(fat(math.sqrt(self.square)) + self.linear)

    def rooms(self, free):
        """room[k][i] >= ‖Π_U(E_k ⊗ x_i)‖ for U of section 4 with the free pairs given."""
        p, n = self.p, self.p.n
        gamma = [[0.0] * n for _ in range(n)]
        blocks, mistake = [], 0.0
        for k in range(p.k):
            key = (p.sign[k], frozenset(free[k]), tuple(self.base[k]))
            if key not in self.cache:
                self.cache[key] = self.room_block(k, free[k])
            blocks.append(self.cache[key])
        count = {}
        for b in blocks:
            count[id(b)] = (b, count.get(id(b), (b, 0))[1] + 1)
        for b, times in count.values():
            mistake = max(mistake, b[3])
            for l in range(n):
                gamma[l] = [g + times * v for g, v in zip(gamma[l], b[2][l])]
        live = [l for l in range(n) if any(l not in free[k] and self.base[k][l] for k in range(p.k))]
        least = least_eigenvalue([[gamma[l][j] for j in live] for l in live],
                                 fat(2 * p.m * (mistake + (p.k + 4) * 2 * U * p.a ** 2 * p.top ** 2)))
        rooms = []
        done = {}
        for b in blocks:
            if id(b) not in done:
                row = []
                for i in range(n):
                    share = fat(b[1][i] / least) if least > 0 else (0.0 if b[1][i] == 0 else INF)
                    row.append(min(fat(math.sqrt(b[0][i] + share)), p.norm[i]))
                done[id(b)] = row
            rooms.append(done[id(b)])
        return rooms

    def room_block(self, k, free):
        """For one neuron: ‖Π_N x_i‖², Σ_l ⟨π_l, E_k ⊗ x_i⟩², its part of the Gram matrix of the π_l, error of an entry of that."""
        p, n, g = self.p, self.p.n, self.p.gram
        s = sorted(free)
        inner = [[g[i][j] for j in s] for i in s]
        coefficients = [solve(inner, [g[i][l] for i in s]) if s and l not in free else [] for l in range(n)]
        error = 0.0
        kept = [[0.0] * n for _ in range(n)]
        part = [0.0] * n
        for l in range(n):
            c = coefficients[l]
            if l in free:
                part[l] = p.norm[l] ** 2
                continue
            total = 1 + sum(map(abs, c))
            unit = total * ((len(s) + 4) * 4 * U * p.top ** 2 + p.gram_error)
            r = [abs(dot(row, c) - g[i][l]) + unit for row, i in zip(inner, s)]
            miss = math.sqrt(dot(r, r))
            if s:
                need(p.least > 0, 'samples depend on each other, and pairs of one neuron hop')
                value = sum(ci * g[i][l] for ci, i in zip(c, s)) + unit + total * miss
                part[l] = fat((math.sqrt(max(value, 0.0)) + miss / math.sqrt(p.least)) ** 2)
            error = max(error, unit + (miss / math.sqrt(p.least) * p.top if s else 0.0))
            kept[l] = [g[l][i] - sum(ci * g[i][j] for ci, j in zip(c, s)) for i in range(n)]
        slope = self.base[k]
        touch, gamma = [], [[0.0] * n for _ in range(n)]
        for i in range(n):
            touch.append(fat(sum((p.a * slope[l] * (abs(kept[l][i]) + error)) ** 2 for l in range(n) if l not in free and slope[l])))
        for l in range(n):
            for j in range(n):
                if l not in free and j not in free:
                    gamma[l][j] = p.a ** 2 * slope[l] * slope[j] * p.y[l] * p.y[j] * (kept[l][j] + kept[j][l]) / 2
        return part, touch, gamma, fat(p.a ** 2 * (error + 8 * U * p.top ** 2))

    def near(self, out, radius, stride):
        """Pairs whose sign may differ from the slope of the reference on the piece, after closing the set (section 4). Own pairs
        count as near within one step of it, too: they must not cross in the step that straddles the end of the piece."""
        p, ref = self.p, self.ref
        free = [set(f) for f in self.free]
        for k in range(p.k):
            free[k] |= {i for i in range(p.n) if ref.mode.slopes[k][i] is None}
        while True:
            rooms, grown = self.rooms(free), False
            found = {}
            for k in range(p.k):
                z, reach, room, slopes = ref.z[k], out.reach[k], rooms[k], ref.mode.slopes[k]
                for i in range(p.n):
                    margin = fat(room[i] * radius + (stride * p.norm[i] if p.own(k, i) else 0.0))
                    if abs(z[i]) > fat(margin + reach[i] + out.error) and (z[i] > 0) == (slopes[i] == 1) and slopes[i] is not None:
                        continue
                    low, high = out.ends(k, i)
                    if slopes[i] == 1 and low > margin or slopes[i] == p.slope and high < -margin:
                        continue
                    found[k, i] = (low, high)
                    if self.p.own(k, i) and self.sure[k][i]:
                        continue                      # its signs may be known otherwise; decided in own()
                    if i not in free[k]:
                        free[k].add(i)
                        grown = True
            if not grown:
                return free, found

    def outward(self, k, i, free, high, low):
        """A lower bound of the outward drift of z_ki(W) a unit of log t, whatever the free pairs and the pair itself do (5)."""
        p, worst, slopes = self.p, 0.0, self.ref.mode.slopes[k]
        for l in range(p.n):
            pull = p.sign[k] * p.y[l] * p.gram[i][l] * (1 if slopes[i] == 1 else -1)
            least, most = (p.slope, 1.0) if l in free[k] or slopes[l] is None else (slopes[l], slopes[l])
            worst += thin(max(pull - p.gram_error, 0.0) * least * low[l]) - fat(max(p.gram_error - pull, 0.0) * most * high[l])
        worst -= 1e-9 * sum(high) * p.top ** 2
        return thin(p.q * p.a * worst) if worst > 0 else 0.0

    def own(self, found, free, high, low):
        """Own-class pairs of found: those that provably keep their sign, and those that may not, each with its drift if that counts."""
        kept, lost = [], {}
        for k, i in found:
            if self.p.own(k, i):
                drift = self.outward(k, i, free, high, low) if self.sure[k][i] or (k, i) in self.depth else 0.0
                if self.sure[k][i] and drift > 0:
                    kept.append((k, i))
                else:
                    lost[k, i] = drift
        return kept, lost

    def close(self, out, radius, begin, tail):
        """The closed set of free pairs for a radius, and with it bounds of t h_l: high, and of t g_l: g_high (section 4, (2))."""
        p, ref, n = self.p, self.ref, self.p.n
        g_high = [fat(h * exp(o)) for h, o in zip(out.high, out.off)]
        stride = 0.0 if tail else fat(2 * p.q * p.a * sum(g * exp(r * radius) * x for g, r, x in zip(g_high, p.row_norm, p.norm)) / (begin - 2))
        while True:
            free, found = self.near(out, radius, stride)
            eps, extra, hop = [0.0] * n, [0.0] * n, {}
            for (k, i), (least, most) in found.items():
                s = ref.mode.slopes[k][i]
                if p.own(k, i):
                    need(s is not None, f'own-class pair ({k}, {i}) cannot slide')
                    extra[i] += p.a * (1 - p.slope) * (max(abs(least), abs(most)) + p.norm[i] * radius)
                    continue
                wrong = max(abs(least), abs(most)) if s is None else max(0.0, most if s == p.slope else -least)
                eps[i] += p.a * (1 - p.slope) * wrong
                hop.setdefault(k, []).append(i)
            need(max(eps) < 0.69, 'wrong-sided pairs change a margin by less than log 2')
            room = [fat(r * radius + e) for r, e in zip(p.row_norm, eps)]
            high = [fat(g * exp(r)) for g, r in zip(g_high, room)]
            low = [max(0.0, thin(v * exp(-fat(o + r + x)) * (1 - 4 * g / begin)))
                   for v, o, r, x, g in zip(out.low, out.off, room, extra, g_high)]
            kept, lost = self.own(found, free, high, low)
            missing = [(k, i) for k, i in lost if i not in free[k]]
            if not missing:
                return free, found, kept, lost, hop, eps, g_high, high
            for k, i in missing:
                self.sure[k][i] = False

    def charge(self, out, radius, begin, end, tail=None):
        """What the piece adds to the squares and to the linear part (section 5), and what is to be committed. begin, end: its
        steps (end may be infinite); tail: the charges of the last piece in place of the defects."""
        p = self.p
        free, found, kept, lost, hop, eps, g_high, high = self.close(out, radius, begin, tail)
        need(tail is None or not lost, f'own-class pairs {list(lost)[:3]} (neuron, sample) keep their signs for ever')
        duration = fat(out.h + 3 / (begin - 2))
        inverse = fat(1 / (begin - 2) - (0.0 if end == INF else thin(1 / end)))
        damp = 1 - fat(0.5 * p.q * (2 / p.m) * sum(r * r for r in p.norm) * fat(max(high) / begin))
        need(damp > 0.1, 'steps are short: q Λ θ < 1.8 on the piece')
        hops = 0.0
        for k, pairs in hop.items():
            c = [g_high[i] * self.gap(k, i, out) for i in pairs]
            hops += sum(ci * sum(cj * p.absgram[i][j] for cj, j in zip(c, pairs)) for ci, i in zip(c, pairs))
        square = fat(p.q ** 2 * p.a ** 2 * hops / damp * inverse)
        if tail is None:
            square += fat(2 * p.q * dot(high, eps) * duration)
            drift = [fat(h * math.expm1(o) * (1 + 1e-9)) for h, o in zip(out.high, out.off)]
            linear = fat(p.length(drift) * duration) + fat(self.clipped(out) * duration)
            linear += fat(p.length([g * g + 0.5 * (d + h) for g, d, h in zip(g_high, out.drift, out.high)]) * inverse)
        else:
            linear, more = tail(high)
            square += more
        for (k, i), drift in lost.items():
            slip = max(map(abs, found[k, i])) + fat(p.norm[i] * radius)
            late = drift > 0 and (k, i) in self.depth
            time = min(duration, fat(self.depth[k, i] / drift + 6 / (begin - 2))) if late else duration
            linear += fat(p.q * p.a * (1 - p.slope) * high[i] * (p.norm[i] + slip * p.row_norm[i]) * time)
        return square, linear, (free, found, kept, lost, max(0.0, out.h - 6 / (begin - 2)))

    def gap(self, k, i, out):
        """Largest |α − slope of W| of a pair that may hop."""
        if self.ref.mode.slopes[k][i] is not None:
            return 1 - self.p.slope
        if (k, i) in out.slope:                  # the last piece: enclosed at V
            return fat(max(out.slope[k, i][1] - self.p.slope, 1 - out.slope[k, i][0]))
        row = self.ref.mode.hold[k][i]
        beta_low = sum(b * (lo if b > 0 else hi) for b, lo, hi in zip(row, out.low, out.high))
        beta_high = sum(b * (hi if b > 0 else lo) for b, lo, hi in zip(row, out.low, out.high))
        most = beta_high / out.low[i] if out.low[i] > 0 else 1.0
        least = beta_low / out.high[i] if out.high[i] > 0 else self.p.slope
        return fat(min(1 - self.p.slope, max(most - self.p.slope, 1 - least, 0.0) + 1e-9))

    def clipped(self, out):
        """q |a| ‖x‖ (β outside [γλ, λ]) summed over sliding pairs: the part that no slope in [γ, 1] gives."""
        p, m, total, done = self.p, self.ref.mode, 0.0, {}
        for k in range(p.k):
            for s, row in m.hold[k].items():
                key = (s, tuple(row))
                if key not in done:
                    done[key] = self.excess(out, s, row)
                total += done[key] * p.norm[s] * p.q * p.a
        return total

    def excess(self, out, s, row):
        p = self.p
        if not any(row) and p.slope == 0:
            return 0.0
        worst = 0.0
        for sign, bound in ((1.0, p.slope), (-1.0, 1.0)):       # β − γλ >= 0 and λ − β >= 0
            poly = [sign * (dot(row, column) - bound * column[s]) for column in zip(*out.lam)]
            size = sum(abs(b) * h for b, h in zip(row, out.high)) + out.high[s]
            if poly[0] - fat(sum(abs(c) * out.h ** j for j, c in enumerate(poly) if j)) > 1e-12 * size:
                continue
            low, _ = bernstein(poly, out.h)
            worst = max(worst, fat(max(0.0, -low) + 40 * U * p.n * size))
        return worst

    def commit(self, square, linear, state, radius):
        free, found, kept, lost, length = state
        self.square, self.linear = fat(self.square + square), fat(self.linear + linear)
        need(self.radius() <= radius, f'radius {radius:.6g} of the piece at log(t/T) = {self.ref.theta:.6g}: needs {self.radius():.6g}')
        self.free = free
        for pair, drift in list(lost.items()):
            if pair in self.depth and drift > 0:
                self.depth[pair] -= thin(drift * length)
                if self.depth[pair] <= 0:
                    del self.depth[pair], lost[pair]
            else:
                self.depth.pop(pair, None)
        for k in range(self.p.k):
            for i in range(self.p.n):
                if self.p.own(k, i):
                    self.sure[k][i] = (k, i) not in lost if (k, i) in found else True
                if (k, i) in found and (k, i) not in kept:
                    self.last_open[k, i] = self.ref.theta

    def cost(self, out, radius):
        return self.charge(out, radius, self.ref.time()[0], fat(self.ref.time()[1] * exp(out.h)))

    def piece(self, h, degree, radius):
        self.take(self.ref.piece(h, degree), radius)

    def take(self, out, radius):
        self.commit(*self.cost(out, radius), radius)
        self.ref.advance(out)
        # The next piece begins with freshly rounded multipliers: the step across feels their difference.
        fresh, _ = self.ref.multipliers()
        jump = [abs(f - sum(c * out.h ** j for j, c in enumerate(poly))) + 1e-12 * top for f, poly, top in zip(fresh, out.lam, out.high)]
        self.linear = fat(self.linear + self.p.length(jump) / (self.ref.time()[0] - 1))

    def change(self, changes):
        for k, i, s in changes:
            need(s != self.ref.mode.slopes[k][i], f'set of pair ({k}, {i}) changes nothing')
            need(s is not None or not self.p.own(k, i), f'own-class pair ({k}, {i}) cannot slide')
            self.free[k].add(i)
            if self.p.own(k, i):
                self.sure[k][i] = False
        old, _ = self.ref.multipliers()
        self.linear = fat(self.linear + self.ref.change(changes) / (self.ref.time()[0] - 1))
        new, off = self.ref.multipliers()
        self.linear = fat(self.linear + self.p.length([abs(a - b) for a, b in zip(old, new)]) / (self.ref.time()[0] - 1))
        step = self.p.q * self.p.a * self.p.top * dot(new, self.p.norm) * 2 * exp(off) / (self.ref.time()[0] - 1)
        for k, i, s in changes:
            if self.p.own(k, i):
                self.depth[k, i] = fat(self.p.norm[i] * self.radius() + abs(self.ref.z[k][i]) + self.ref.error + step)

    def tail(self, radius, support):
        """The straight line V log t + Z0 from here on (section 5). Returns the limit."""
        p, ref, n = self.p, self.ref, self.p.n
        limit = Limit(p, ref.mode, support)
        begin, late = ref.time()
        start, error = ref.multipliers()
        slide = [ref.z[k][i] for k in range(p.k) for i in range(n) if ref.mode.slopes[k][i] is None]
        first = fat(math.sqrt(sum((abs(v) + ref.error) ** 2 for v in slide) / p.least)) if slide else 0.0
        off = {l: fat(abs(log(start[l]) - log(limit.multiplier[l])) + error + limit.spread / limit.low[l] + p.row_norm[l] * first + 1e-12)
               for l in support}
        second = fat(math.sqrt(sum(v * v for v in off.values()) * p.q / limit.least))
        jump = fat(first + second)
        straddled = [max(limit.high[l] - start[l], start[l] - limit.low[l]) for l in range(n)]
        self.linear = fat(self.linear + jump + p.length(straddled) / (begin - 1))
        ref.error = fat(ref.error + jump * p.top)
        out = Bounds()
        out.slope = limit.switching
        out.h, out.off = 0.0, [0.0 if l in off else fat(error + p.row_norm[l] * jump) for l in range(n)]
        out.low = [limit.low[l] if l in off else 0.0 for l in range(n)]
        out.high = [limit.high[l] if l in off else fat(start[l]) for l in range(n)]
        out.lam, out.drift, out.error = [[v] for v in out.high], [0.0] * n, ref.error
        out.reach = [[0.0] * n for _ in range(p.k)]
        out.ends = lambda k, i: (0.0, 0.0) if ref.mode.slopes[k][i] is None else (ref.z[k][i] - ref.error, ref.z[k][i] + ref.error)

        def charges(high):
            more = 0.0
            for k in range(p.k):
                for i in range(n):
                    s = ref.mode.slopes[k][i]
                    if s is None or p.own(k, i):
                        continue
                    wrong = max(0.0, out.ends(k, i)[1] if s == p.slope else -out.ends(k, i)[0])
                    if wrong > 0:
                        need(limit.speed[k][i] > 0, f'pair ({k}, {i}) reaches the side it stays on')
                        more += 2 * p.q * high[i] * p.a * (1 - p.slope) * wrong * (wrong / limit.speed[k][i] + 3 / (begin - 2))
            inverse = fat(1 / (begin - 2))
            linear = p.length([h * h + 0.5 * h if l in off else 0.0 for l, h in enumerate(out.high)]) * inverse
            for l in range(n):
                if l not in off:
                    linear += p.q * p.row_norm[l] * out.high[l] * exp(out.off[l]) * (inverse + 1 / (limit.margin[l][0] - 1))
            return fat(linear), fat(more)

        self.commit(*self.charge(out, radius, begin, INF, charges), radius)
        self.final_rooms = self.rooms(self.free)
        return limit


class Limit:
    """V = q Σ λ_l π_l with κ λ = 1 on the support: enclosures, and every inequality that makes it a KKT point (section 1)."""

    def __init__(self, p, mode, support):
        self.p, self.mode, self.support, n = p, mode, support, p.n
        need(len(support) > 0, 'the support is not empty')
        star = fat(p.q * p.a * p.top * mode.residual / math.sqrt(p.least)) if mode.residual else 0.0
        move_error, kernel_error = fat(mode.move_error + star), fat(mode.kernel_error + 2 * star)
        kernel = [[(mode.kernel[i][j] + mode.kernel[j][i]) / 2 for j in support] for i in support]
        self.least = least_eigenvalue(kernel, kernel_error)
        need(self.least > 0, 'the kernel of the support is positive definite')
        values = solve(kernel, [1.0] * len(support))
        total = fat(sum(map(abs, values)))
        wrong = [abs(1 - dot(row, values)) + total * kernel_error + 4 * (n + 4) * U * (1 + sum(abs(a * b) for a, b in zip(row, values)))
                 for row in kernel]
        self.spread = fat(math.sqrt(dot(wrong, wrong)) / self.least)
        self.multiplier = [0.0] * n
        for l, v in zip(support, values):
            need(v > 2 * self.spread, f'multiplier of support sample {l} is positive: {v:.6g} ± {self.spread:.2g}')
            self.multiplier[l] = v
        lam = self.multiplier
        self.low = [thin(v - self.spread) if v else 0.0 for v in lam]
        self.high = [fat(v + self.spread) if v else 0.0 for v in lam]
        self.speed_error = fat(move_error * total + max(max(sum(row) for row in b) for b in mode.absmove) * (self.spread + (n + 4) * 4 * U * total))
        self.z = [[dot(mode.move[k][i], lam) for i in range(n)] for k in range(p.k)]
        self.margin = [(1.0, 1.0)] * n
        for i in range(n):
            if lam[i]:
                continue
            v = dot(mode.kernel[i], lam)
            e = fat(total * kernel_error + sum(map(abs, mode.kernel[i])) * (self.spread + (n + 4) * 4 * U * total))
            need(v - e > 1, f'margin of sample {i} off the support exceeds 1: {v:.9g} ± {e:.2g}')
            self.margin[i] = (v - e, v + e)
        self.pairs()
        self.norm = (thin(math.sqrt(p.q * (sum(self.low)))), fat(math.sqrt(p.q * sum(self.high))))

    def pairs(self):
        p, mode, lam = self.p, self.mode, self.multiplier
        self.speed = [[0.0] * p.n for _ in range(p.k)]      # |⟨v_k, x_i⟩| from below; 0: exactly zero
        self.switching, self.resting = {}, 0
        for k in range(p.k):
            slopes = mode.slopes[k]
            still = all(not lam[l] or slopes[l] == 0 or slopes[l] is None and not any(mode.hold[k][l]) for l in range(p.n)) \
                and (p.slope == 0 or None not in slopes)
            self.resting += still
            for i in range(p.n):
                if slopes[i] is None:
                    need(not p.own(k, i), f'own-class pair ({k}, {i}) cannot slide')
                    if still:
                        continue
                    need(lam[i] > 0, f'sample {i} of the sliding pair ({k}, {i}) is on the support')
                    row = mode.hold[k][i]
                    beta = dot(row, lam)
                    dc = mode.residual / p.least
                    e = fat(sum(map(abs, row)) * self.spread + dc * sum(self.high) + 8 * (p.n + 4) * U * sum(abs(r * v) for r, v in zip(row, lam)))
                    low, high = (beta - e) / self.high[i], (beta + e) / self.low[i]
                    low, high = low - 1e-12 * abs(low), high + 1e-12 * abs(high)
                    need(p.slope < low and high < 1, f'slope of the sliding pair ({k}, {i}) lies inside (γ, 1): {low:.9g} … {high:.9g}')
                    self.switching[k, i] = (low, high)
                elif not still:
                    v = self.z[k][i] * (1 if slopes[i] == 1 else -1)
                    need(v > self.speed_error, f'⟨v, x⟩ of pair ({k}, {i}) has the sign of its slope: {v:.6g} ± {self.speed_error:.2g}')
                    self.speed[k][i] = thin(v - self.speed_error)

    def stable_rank(self, neurons):
        """Enclosure of ‖V_j‖_F²/‖V_j‖₂² and of ‖V_j‖₂ for the neurons of a class, or None where they are zero."""
        p, n, lam = self.p, self.p.n, self.multiplier
        square, error = 0.0, 0.0
        for k in neurons:
            for l in range(n):
                s = self.mode.slopes[k][l]
                if s and lam[l]:
                    f = p.q * p.a * s
                    square += f * lam[l] * p.y[l] * p.sign[k] * self.z[k][l]
                    error += f * (self.high[l] * self.speed_error + self.spread * abs(self.z[k][l]) + 1e-13 * lam[l] * abs(self.z[k][l]))
        error = fat(error)
        if square <= error:
            return None
        z = [self.z[k] for k in neurons]
        gram = [[sum(row[i] * row[j] for row in z) for j in range(n)] for i in range(n)]
        biggest = max(max(map(abs, row)) for row in z)
        wrong = fat(len(z) * (2 * biggest * self.speed_error + self.speed_error ** 2 + (len(z) + 2) * 2 * U * biggest ** 2))
        v = [1.0 / (1 + i) for i in range(n)]
        for _ in range(300):
            v = solve(p.gram, [dot(row, v) for row in gram])
            size = math.sqrt(dot(v, v))
            v = [x / size for x in v]
        flat = fat(sum(map(abs, v)) ** 2)
        top = dot(v, [dot(row, v) for row in gram])
        bottom = dot(v, [dot(row, v) for row in p.gram])
        least = thin(top - flat * (wrong + 1e-14 * len(z) * biggest ** 2)) / fat(bottom + flat * (p.gram_error + 1e-14 * p.top ** 2))
        for exponent in range(-10, 0):
            most = least * (1 + 10.0 ** exponent)
            if cholesky([[most * g - h for g, h in zip(a, b)] for a, b in zip(p.gram, gram)],
                        fat(n * (wrong + most * (p.gram_error + 4 * U * p.top ** 2) + 4 * U * biggest ** 2 * len(z)))):
                return max(1.0, thin((square - error) / most)), fat((square + error) / thin(least)), math.sqrt(thin(least)), fat(math.sqrt(most))
        raise NotProved('spectral norm of the limit is enclosed')


# ---------------------------------------------------------------------------------------------------- the certificate

# The words of a line: n a number, h a hexadecimal double, y a label, c slopes (0: γ, 1, s: slides), p zeros and ones; + once or more.
LINES = {
    'problem': {'width': 'n', 'slope': 'h', 'rate': 'h', 'labels': 'y+', 'x': 'h+', 'step': 'n', 'w': 'h+'},
    'claim': {'radius': 'hh', 'log-straight-from': 'hh', 'offset': 'hh', 'norm': 'hh', 'normalized-margin': 'hh', 'loss-constant': 'hh',
              **{f'{what}-{who}': 'hh' for what in ('stable-rank', 'spectral-norm') for who in ('pos', 'neg', 'all')}, 'density': 'nnhh'},
    'derivation': {'pattern': 'pc+', 'slide': 'nn+', 'start': 'nnc', 'piece': 'hnh', 'set': 'nnc', 'tail': 'hp'}}
WORDS = {'n': (r'[0-9]{1,300}', int, 'a number'), 'h': (r'-?0x[01](\.[0-9a-f]{1,13})?p[+-]?[0-9]{1,4}', float.fromhex, 'a hexadecimal double'),
         'y': (r'[+-]', lambda v: 1.0 if v == '+' else -1.0, '+ or -'), 'c': (r'[01s]+', str, 'made of 0, 1 and s'), 'p': (r'[01]+', str, 'made of 0 and 1')}


def read(path):
    """The parts of a certificate: a list of (line number, name, values) each."""
    with open(path, 'rb') as f:
        raw = f.read()
    if not raw.isascii():
        raise BadFile('a certificate is ASCII text')
    lines = [(i, text.split()) for i, text in enumerate(raw.decode('ascii').split('\n'), 1) if text.strip() and not text.startswith('#')]
    if not lines or lines[0][1] != ['latetime-certificate', '1'] or lines[-1][1] != ['end']:
        raise BadFile("a certificate begins with 'latetime-certificate 1' and ends with 'end'")
    parts, left, part = {}, list(LINES), None
    for i, words in lines[1:-1]:
        if left and words == [left[0]]:
            part = left.pop(0)
            parts[part] = []
        elif part is None or words[0] not in LINES[part]:
            raise BadFile(f'line {i}: {words[0][:40]!r} is no line of {part or "a part"}; parts are problem, claim, derivation, in this order')
        else:
            parts[part].append((i, words[0], values(i, words, LINES[part][words[0]])))
    if left:
        raise BadFile(f'the part {left[0]!r} is missing')
    return parts


def values(i, words, form):
    rest, most = words[1:], form.rstrip('+')
    if len(rest) < len(most) or len(rest) > len(most) and most == form:
        raise BadFile(f'line {i}: {words[0]} takes {len(most)} words{" or more" * (most != form)}, not {len(rest)}')
    result = []
    for letter, word in zip(most + most[-1] * (len(rest) - len(most)), rest):
        pattern, convert, what = WORDS[letter]
        if not re.fullmatch(pattern, word):
            raise BadFile(f'line {i}: {word[:40]!r} is not {what}')
        try:
            result.append(convert(word))
        except OverflowError:
            raise BadFile(f'line {i}: {word} is no double') from None
        if letter == 'h' and result[-1] and not 1e-100 < abs(result[-1]) < 1e100:
            raise BadFile(f'line {i}: {word} is not within 10^-100 and 10^100 in size')
    return result


def problem_of(lines):
    single, many = {}, {'x': [], 'w': []}
    for i, name, found in lines:
        if name in many:
            many[name].append(found)
        elif name in single:
            raise BadFile(f'line {i}: {name} stands twice')
        else:
            single[name] = found
    x, w = many['x'], many['w']
    for name in ('width', 'slope', 'rate', 'labels') + ('step',) * bool(w) + ('w',) * ('step' in single):
        if name not in single and not (name == 'w' and w):
            raise BadFile(f'the problem has no {name}')
    (m,), (slope,), (rate,), y = (single[name] for name in ('width', 'slope', 'rate', 'labels'))
    if len(x) != len(y) or any(len(row) != len(x[0]) for row in x + w) or len(w) not in (0, 2 * m):
        raise BadFile('samples, labels, width and weights do not fit each other: a line x for each label, two lines w for each of the width')
    if not (0 <= slope < 1 and rate > 0 and 1 <= m <= 10 ** 6 and any(map(any, x))):
        raise BadFile('the problem has a slope in [0, 1), a rate > 0, a width of 1 to 10^6 and a sample that is not zero')
    if w and not 10 <= single['step'][0]:
        raise BadFile('the step is at least 10')
    return Problem(x, y, m, slope, rate), w, single['step'][0] if w else None


def derive(problem, weights, step, lines):
    """Follows the derivation; returns reference, tube (None at level A), limit."""
    slope_of = {'0': problem.slope, '1': 1.0, 's': None}
    sliding, flips, tube, pending, named = {}, [], None, [], set()
    for place, (i, kind, rest) in enumerate(lines, 1):
        if (kind in ('tail', 'pattern')) != (place == len(lines)):
            raise BadFile(f'line {i}: tail, or pattern, is the last line of a derivation and stands there once')
        if (kind == 'pattern') == bool(weights):
            raise BadFile(f'line {i}: pattern is the whole derivation of a problem without w, and of no other')
        if kind in ('slide', 'start', 'set'):
            pairs = [(rest[0], s) for s in (rest[1:] if kind == 'slide' else rest[1:2])]
            if not all(k < problem.k and s < problem.n for k, s in pairs):
                raise BadFile(f'line {i}: no such neuron or sample; they count from 0')
            if len(set(pairs)) < len(pairs) or named & set(pairs):
                raise BadFile(f'line {i}: a pair stands twice before the same piece')
            if kind != 'slide' and len(rest[2]) > 1:
                raise BadFile(f'line {i}: the slope of a pair is 0, 1 or s')
            if kind != 'set' and (tube or pending):
                raise BadFile(f'line {i}: {kind} stands before the first piece and every set')
            named |= set(pairs)
        if kind == 'pattern':
            if place > 1 or len(rest) - 1 != problem.k or any(len(word) != problem.n for word in rest[1:]):
                raise BadFile(f'line {i}: pattern stands alone and has a word of n letters for each neuron')
            rows = [[slope_of[c] for c in word] for word in rest[1:]]
            return None, None, Limit(problem, Mode(problem, rows), support_of(rest[0], problem))
        if kind == 'slide':
            if rest[0] in sliding:
                raise BadFile(f'line {i}: neuron {rest[0]} slides twice')
            sliding[rest[0]] = sorted(rest[1:])
        elif kind == 'start':
            flips.append((rest[0], rest[1], slope_of[rest[2]]))
        elif kind == 'set':
            if not tube and not pending:
                named = set(pairs)
            pending.append((rest[0], rest[1], slope_of[rest[2]]))
        else:
            tube = tube or Tube(Reference(problem, weights, step, sliding, flips))
            if pending:
                tube.change(pending)
            pending, named = [], set()
            if kind == 'tail':
                return tube.ref, tube, tube.tail(rest[0], support_of(rest[1], problem))
            if not (0 < rest[0] < 1e4 and rest[1] <= 60):
                raise BadFile(f'line {i}: a piece has a length in (0, 10^4) and a degree of at most 60')
            tube.piece(*rest)
    raise BadFile('the derivation does not come to an end')


def support_of(word, problem):
    if len(word) != problem.n:
        raise BadFile('the support is a word of n letters 0 and 1')
    return [i for i, c in enumerate(word) if c == '1']


def facts(problem, tube, limit):
    """Every quantity that a claim may state, with its proved enclosure."""
    found = {'norm': limit.norm, 'normalized-margin': (thin(1 / limit.norm[1]), fat(1 / limit.norm[0])),
             'loss-constant': (log(sum(limit.low) / problem.n) - 1e-12, log(sum(limit.high) / problem.n) + 1e-12)}
    m = problem.m
    for name, neurons in (('pos', range(m)), ('neg', range(m, 2 * m)), ('all', range(2 * m))):
        try:
            rank = limit.stable_rank(neurons)
        except (NotProved, ArithmeticError, ValueError):      # samples that depend on each other: the theorem stands without
            rank = None
        if rank:
            found['stable-rank-' + name] = rank[:2]
            found['spectral-norm-' + name] = rank[2:]
    if tube:
        found['radius'] = (0.0, tube.radius())
        found['log-straight-from'] = (0.0, fat(tube.ref.theta + log(tube.ref.t0)))
        found['offset'] = (0.0, fat(tube.ref.travel + 2 * tube.radius()))
    for (k, i), (low, high) in limit.switching.items():
        g = problem.slope
        found[f'density {k} {i}'] = ((low - g) / (1 - g) - 1e-12, (high - g) / (1 - g) + 1e-12)
    return found


def settling(problem, tube, limit):
    """The step from which on every pair that does not switch for ever is settled, or None where some pair need not settle."""
    worst, radius = tube.ref.theta if tube.last_open else 0.0, tube.radius()
    for k in range(problem.k):
        for i in range(problem.n):
            s = tube.ref.mode.slopes[k][i]
            if s is None:
                continue
            out = (tube.ref.z[k][i] if s == 1 else -tube.ref.z[k][i]) - tube.ref.error
            gap = fat(tube.final_rooms[k][i] * radius) - out
            if gap >= 0:
                if not limit.speed[k][i]:
                    return None
                worst = max(worst, tube.ref.theta + fat(gap / limit.speed[k][i] + 1e-12))
    return worst


def check(path):
    parts = read(path)
    problem, weights, step = problem_of(parts['problem'])
    _, tube, limit = derive(problem, weights, step, parts['derivation'])
    found = facts(problem, tube, limit)
    for _, name, rest in parts['claim']:
        name, (low, high) = ' '.join([name] + [str(v) for v in rest[:-2]]), rest[-2:]
        need(name in found, f'claim {name}: nothing of this name is proved')
        need(low <= found[name][0] and found[name][1] <= high, f'claim {name} in [{low!r}, {high!r}]: proved is [{found[name][0]!r}, {found[name][1]!r}]')
    return theorem(problem, tube, limit, step, found)


def up(x, digits=6):
    return format(Context(digits, ROUND_CEILING).create_decimal(Decimal(x)).normalize(), 'g')


def between(enclosure):
    """The enclosure in decimals, rounded outwards."""
    return f'[{-Decimal(up(-enclosure[0], 12))}, {up(enclosure[1], 12)}]'


def theorem(p, tube, limit, step, found):
    """The theorem in words; docs/proofs.md says what each sentence means exactly."""
    own = sum(limit.speed[k][i] > 0 for k in range(p.k) for i in range(p.n))
    text = [f'Theorem. Samples: {p.n} in dimension {p.d}; two-layer network with {p.m} neurons a class, slope {p.slope!r}; gradient descent with rate {p.rate!r}.',
            f'V is a KKT point of min ½‖V‖² subject to margins >= 1, and the only minimiser among the weights with its own-class signs; ‖V‖ in {between(found["norm"])}.',
            f'Support: {len(limit.support)} of {p.n} samples. Of {p.k * p.n} pairs {own} have a strict sign at V, {len(limit.switching)} have a slope strictly between {p.slope!r} and 1; {limit.resting} neurons rest.']
    text += [f'Stable rank of V, {name}: {between(found["stable-rank-" + name])}.' for name in ('pos', 'neg', 'all') if 'stable-rank-' + name in found]
    if tube:
        r, start = found['radius'][1], tube.ref.theta + log(tube.ref.t0)
        text += [f'Exact gradient descent from the stored weights W_T, T = {step}: ‖W_t − Z_t‖ <= {up(r)} for every t >= T, and Z_t = Z0 + V log(t/t0) for t >= t0, log t0 in {between((thin(start), fat(start)))}.',
                 f'W_t − V log t converges, W_t/‖W_t‖ -> V/‖V‖, t L(W_t) -> e^c with c in {between(found["loss-constant"])}.',
                 f'Stable ranks of W_t converge to those of V where that is not zero, and ‖W_t − V log(t/t0)‖ <= {up(found["offset"][1])} for t >= t0.']
        settled = settling(p, tube, limit)
        if settled is not None:
            text.append(f'All pairs with a strict sign at V keep it from t = {step} · e^{up(fat(settled))} on.')
        if limit.switching:
            text.append(f'The {len(limit.switching)} pairs (neuron, sample) with a slope strictly between switch infinitely often; each is active with a natural density:')
            text += [f'  neuron {k}, sample {i}: {between(found[f"density {k} {i}"])}' for k, i in sorted(limit.switching)]
    return '\n'.join(text)


def main(arguments):
    if len(arguments) != 1 or arguments[0] in ('-h', '--help'):
        print(__doc__)
        return 2
    try:
        print(check(arguments[0]))
        print('PROVED')
        return 0
    except NotProved as failure:
        print(f'NOT PROVED: {failure}')
        return 1
    except BadFile as failure:
        print(f'no certificate: {arguments[0]}: {failure}')
        return 2
    except OSError as failure:
        print(f'no certificate: {arguments[0]}: {failure.strerror}')
        return 2
    except (ArithmeticError, ValueError) as failure:
        print(f'NOT PROVED: numbers leave the range of doubles ({failure})')
        return 1


if __name__ == '__main__':
    sys.stdout.reconfigure(encoding='utf-8')
    sys.exit(main(sys.argv[1:]))
