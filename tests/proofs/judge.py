"""Is the statement of a certificate true? Found without the checker: the limit in 60 digits, the run by real steps.

It reads words where the checker reads them and shares nothing else with it. It proves nothing: it tells a false statement from
one that is true as far as can be seen, and is for small problems only.
"""
import math
from decimal import Decimal, getcontext

import numpy as np

getcontext().prec = 60


def product(a, b):
    return sum((x * y for x, y in zip(a, b)), Decimal(0))


def solve(a, b):
    n = len(a)
    rows = [list(row) + [v] for row, v in zip(a, b)]
    for j in range(n):
        p = max(range(j, n), key=lambda i: abs(rows[i][j]))
        rows[j], rows[p] = rows[p], rows[j]
        if not rows[j][j]:
            raise False_('dependent samples')
        for i in range(n):
            if i != j and rows[i][j]:
                f = rows[i][j] / rows[j][j]
                rows[i] = [u - f * v for u, v in zip(rows[i], rows[j])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def definite(a):
    """LDLᵀ with positive pivots?"""
    a = [list(row) for row in a]
    for j in range(len(a)):
        if a[j][j] <= 0:
            return False
        for i in range(j + 1, len(a)):
            f = a[i][j] / a[j][j]
            a[i] = [u - f * v for u, v in zip(a[i], a[j])]
    return True


def largest_eigenvalue(a):
    v, top = [Decimal(1) / (3 + i) for i in range(len(a))], Decimal(0)
    for _ in range(4000):
        w = [product(row, v) for row in a]
        size = product(w, w).sqrt()
        if not size:
            return Decimal(0)
        old, top = top, product(v, w) / product(v, v)
        v = [x / size for x in w]
        if abs(top - old) < Decimal('1e-40') * top:
            break
    more = top * (1 + Decimal('1e-13'))
    need(definite([[(more if i == j else 0) - u for j, u in enumerate(row)] for i, row in enumerate(a)]), 'the largest eigenvalue is found')
    return top


class False_(Exception):
    """The statement is false."""


def need(truth, words):
    if not truth:
        raise False_(words)


class Statement:
    def __init__(self, lines):
        lines = [line for line in lines if line]
        part = {name: lines.index([name]) for name in ('problem', 'claim', 'derivation')}
        problem = lines[part['problem'] + 1:part['claim']]
        self.claims = lines[part['claim'] + 1:part['derivation']]
        self.derivation = lines[part['derivation'] + 1:-1]
        one = {words[0]: words[1:] for words in problem}
        self.m, self.slope, self.rate = int(one['width'][0]), float.fromhex(one['slope'][0]), float.fromhex(one['rate'][0])
        self.exponential = one.get('loss') == ['exponential']
        self.y = [1 if v == '+' else -1 for v in one['labels']]
        read = lambda name: [[float.fromhex(v) for v in words[1:]] for words in problem if words[0] == name]
        self.x, self.w, self.initial = read('x'), read('w'), read('w0')
        self.step = int(one['step'][0]) if self.w else None
        self.n, self.k = len(self.y), 2 * self.m
        self.sign = [1] * self.m + [-1] * self.m

    def slopes_at_step(self):
        """Letters of all pairs as the reference begins."""
        rows = [['1' if math.fsum(a * b for a, b in zip(w, x)) >= 0 else '0' for x in self.x] for w in self.w]
        for words in self.derivation:
            if words[0] == 'start':
                rows[int(words[1])][int(words[2])] = words[3]
        for words in self.derivation:
            if words[0] == 'slide':
                for i in words[2:]:
                    rows[int(words[1])][int(i)] = 's'
        return rows

    def last_slopes(self):
        if self.derivation[0][0] == 'pattern':
            return [list(word) for word in self.derivation[0][2:]]
        rows = self.slopes_at_step()
        for words in self.derivation:
            if words[0] == 'set':
                rows[int(words[1])][int(words[2])] = words[3]
        return rows

    def judge_limit(self):
        """Theorem A and every claim about V, in 60 digits."""
        n, x = self.n, [[Decimal(v) for v in row] for row in self.x]
        gram = [[product(a, b) for b in x] for a in x]
        slope, q, a = Decimal(self.slope), Decimal(self.rate) / n, 1 / Decimal(self.m)
        letters, support = self.last_slopes(), [i for i, c in enumerate(self.derivation[-1][1 if self.derivation[-1][0] == 'pattern' else 2]) if c == '1']
        alpha = {'1': Decimal(1), '0': slope}
        own = lambda k, i: self.sign[k] * self.y[i] > 0
        # rows[k][l]: coefficients of the samples in row k of π_l
        rows, shares = [], {}
        for k in range(self.k):
            s, row = [i for i in range(n) if letters[k][i] == 's'], []
            for l in range(n):
                c = [Decimal(0)] * n
                if l not in s and alpha[letters[k][l]]:
                    value = alpha[letters[k][l]]
                    c[l] = value
                    for i, v in zip(s, solve([[gram[i][j] for j in s] for i in s], [value * gram[i][l] for i in s])):
                        c[i] -= v
                        shares[k, i, l] = -self.y[i] * self.y[l] * v
                row.append([self.y[l] * self.sign[k] * a * v for v in c])
            rows.append(row)
        images = [[[product(c, column) for column in gram] for c in row] for row in rows]       # ⟨row k of π_l, x_i⟩
        kappa = [[q * sum(product(rows[k][i], images[k][l]) for k in range(self.k)) for l in range(n)] for i in range(n)]
        lam = [Decimal(0)] * n
        for l, v in zip(support, solve([[kappa[i][j] for j in support] for i in support], [Decimal(1)] * len(support))):
            need(v > 0, f'multiplier {l} is positive')
            lam[l] = v
        z = [[q * sum(lam[l] * images[k][l][i] for l in range(n)) for i in range(n)] for k in range(self.k)]
        tiny, self.density = Decimal('1e-40'), {}
        for i in range(n):
            need(lam[i] or product(kappa[i], lam) > 1, f'margin of sample {i} exceeds 1')
        for k in range(self.k):
            still = all(abs(v) < tiny for v in z[k])
            for i in range(n):
                if letters[k][i] == 's':
                    need(not own(k, i), 'own pairs do not slide')
                    beta = sum(shares.get((k, i, l), 0) * lam[l] for l in range(n))
                    need(slope * lam[i] < beta < lam[i] or still and beta == 0 and slope == 0, f'slope of ({k}, {i}) lies between')
                    if lam[i] and beta:
                        self.density[k, i] = (beta / lam[i] - slope) / (1 - slope)
                else:
                    need(still or (z[k][i] > tiny if letters[k][i] == '1' else z[k][i] < -tiny), f'sign of ({k}, {i})')
        coefficients = [[q * sum(lam[l] * rows[k][l][i] for l in range(n)) for i in range(n)] for k in range(self.k)]
        norm = (q * sum(lam)).sqrt()
        true = {'norm': norm, 'normalized-margin': 1 / norm, 'loss-constant': (sum(lam) / n).ln()}
        for name, ks in (('pos', range(self.m)), ('neg', range(self.m, self.k)), ('all', range(self.k))):
            outer = [[product(coefficients[k], z[j]) for j in ks] for k in ks]
            square = sum(outer[j][j] for j in range(len(outer)))
            if square > tiny:
                top = largest_eigenvalue(outer)
                true['stable-rank-' + name], true['spectral-norm-' + name] = square / top, top.sqrt()
        for (k, i), v in self.density.items():
            true[f'density {k} {i}'] = v
        for words in self.claims:
            name, (low, high) = ' '.join(words[:-2]), (Decimal(float.fromhex(v)) for v in words[-2:])
            if name in true:
                need(low <= true[name] * (1 + Decimal('1e-12')) and true[name] * (1 - Decimal('1e-12')) <= high, f'claim {name}: it is {true[name]:.20g}')
            else:
                need(name in ('radius', 'log-straight-from', 'offset', 'start-distance'), f'claim {name} is about something')

    def steps(self, w, count):
        """Plain gradient descent in doubles."""
        x, y, sign, a, q = np.array(self.x), np.array(self.y), np.array(self.sign), 1 / self.m, self.rate / self.n
        gram, z, c = x @ x.T, w @ x.T, np.zeros((self.k, self.n))
        for _ in range(count):
            slopes = np.where(z >= 0, 1.0, self.slope)
            g = 1 / ((0 if self.exponential else 1) + np.exp(y * (a * (sign @ (slopes * z)))))
            change = q * a * sign[:, None] * slopes * (g * y)[None, :]
            c += change
            z += change @ gram
        return w + c @ x

    def judge_run(self, multiple):
        """Real steps from W_T to multiple · T stay within the radius of each piece, but for multiples of x_i in neurons k whose own
        pair (k, i) crosses, and all of it within the claimed radius; the offset and the start of the line. Returns the largest share
        of a radius that was used."""
        claims = {words[0]: float.fromhex(words[-1]) for words in self.claims}
        curve, x = Curve(self), np.array(self.x)
        w, t, last, worst, share = np.array(self.w), self.step, self.step * multiple, 0.0, 0.0
        if self.initial:
            w = self.steps(np.array(self.initial), self.step)
            size = np.linalg.norm(w - np.array(self.w))
            need(size <= claims['start-distance'] * (1 + 1e-9) + 1e-11, f'from the initial weights the distance is {size:.6g}')
        gram, crossing = x @ x.T, {}
        inverse = np.linalg.pinv(gram)
        for words in self.derivation:
            if words[0] == 'set' and self.sign[int(words[1])] * self.y[int(words[2])] > 0:
                crossing.setdefault(int(words[1]), set()).add(int(words[2]))
        for words in self.derivation:
            if words[0] == 'set':
                curve.letters[int(words[1])][int(words[2])] = words[3]
            if words[0] not in ('piece', 'tail'):
                continue
            curve.begin(int(words[2]) if words[0] == 'piece' else None)
            length = float.fromhex(words[1]) if words[0] == 'piece' else math.inf
            radius = float.fromhex(words[3] if words[0] == 'piece' else words[1])
            end = self.step * math.exp(min(curve.theta + length, 50.0))
            while t < min(end, last):
                stop = int(math.ceil(min(end, last, max(t + 1, t * 1.05))))
                off = w @ x.T - curve.z_at(math.log(t / self.step) - curve.theta)
                size = math.sqrt(max(0.0, np.einsum('ki,ij,kj->', off, inverse, off)))
                worst = max(worst, size)
                for k, i in crossing.items():
                    some = sorted(i)
                    off[k] -= off[k, some] @ np.linalg.pinv(gram[np.ix_(some, some)]) @ gram[some]
                size = math.sqrt(max(0.0, np.einsum('ki,ij,kj->', off, inverse, off)))
                need(size <= radius * (1 + 1e-9) + 1e-9, f'distance {size:.6g} at step {t} within {radius:.6g}')
                share = max(share, size / radius)
                w, t = self.steps(w, stop - t), stop
            if words[0] == 'tail':
                need(claims.get('log-straight-from', math.inf) >= curve.theta + math.log(self.step) - 1e-9, 'claim log-straight-from')
                need(claims.get('radius', math.inf) >= worst, 'claim radius')
                start = math.sqrt(max(0.0, np.einsum('ki,ij,kj->', curve.z, inverse, curve.z)))
                need(claims.get('offset', math.inf) >= start - 1e-6, 'claim offset')
                return share
            curve.end(length)


class Curve:
    """The reference of section 3 in doubles, as far as its pre-activations go."""

    def __init__(self, s):
        self.s, self.letters, self.theta = s, s.slopes_at_step(), 0.0
        self.gram = np.array(s.x) @ np.array(s.x).T
        self.z = np.array(s.w) @ np.array(s.x).T
        for words in s.derivation:
            if words[0] == 'slide':
                k, i = int(words[1]), list(map(int, words[2:]))
                self.z[k] -= self.gram[:, i] @ np.linalg.solve(self.gram[np.ix_(i, i)], self.z[k, i])

    def begin(self, degree):
        s, n = self.s, self.s.n
        self.move, kernel, u = np.zeros((s.k, n, n)), np.zeros((n, n)), np.zeros(n)
        for k in range(s.k):
            i = [j for j in range(n) if self.letters[k][j] == 's']
            slopes = np.array([{'1': 1.0, '0': s.slope, 's': 0.0}[c] for c in self.letters[k]])
            p = self.gram - (self.gram[:, i] @ np.linalg.solve(self.gram[np.ix_(i, i)], self.gram[i]) if i else 0)
            self.move[k] = s.rate / s.n / s.m * s.sign[k] * p * (slopes * s.y)[None, :]
            kernel += np.array(s.y)[:, None] * s.sign[k] / s.m * slopes[:, None] * self.move[k]
            u += np.array(s.y) * s.sign[k] / s.m * slopes * self.z[k]
        lam = [s.step * np.exp(self.theta - u)]
        if degree is None:
            lam = [np.zeros(n)]
            on = [i for i, c in enumerate(s.derivation[-1][2]) if c == '1']
            lam[0][on] = np.linalg.solve(kernel[np.ix_(on, on)], np.ones(len(on)))
        for j in range(degree or 0):
            rates = [(1.0 if i == 0 else 0.0) - kernel @ lam[i] for i in range(j + 1)]
            lam.append(sum(lam[i] * rates[j - i] for i in range(j + 1)) / (j + 1))
        self.lam = lam

    def z_at(self, past):
        return self.z + self.move @ sum(c * past ** (j + 1) / (j + 1) for j, c in enumerate(self.lam))

    def end(self, length):
        self.z, self.theta = self.z_at(length), self.theta + length
