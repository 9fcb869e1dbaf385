#!/usr/bin/env python3
"""Makes a certificate of the run in an NPZ export: a stand-in for the prover, slow and plain.

usage: produce.py RESULT.npz SLOPE RATE OUT.txt [initial]
RESULT.npz is `latetime export DIR --npz` of a run that ended after exact steps at T (final.weights, final.step). With `initial` the
theorem is about descent from the run's initial weights (level C): every step is done again in fixed point.

The search (Search) finds the modes of the reference, its pieces and the radius of each; it decides nothing that the checker
does not check again. Radii are found with the checker's own bounds, which here are a library.
"""
import copy
import math
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tools'))
import check_certificate as checker  # noqa: E402
import replay_steps  # noqa: E402

DEGREE = 16


class Search:
    def __init__(self, problem, weights, step, start=0.0):
        self.p, self.lines, self.start = problem, [], start
        self.weights, self.step = weights, step
        self.G = np.array(problem.pull)
        self.y, self.sign = np.array(problem.y), np.array(problem.sign)
        self.value = {'0': problem.slope, '1': 1.0}
        self.own = self.sign[:, None] * self.y[None, :] > 0

    # ---- slopes of a neuron whose pairs `zero` are at zero: a small box QP (docs/proofs.md, 6)
    def decide(self, k, zero, slopes, lam):
        g, gam = self.G, self.p.slope
        zero = [i for i in zero if not self.own[k, i]]
        fixed = [l for l in range(self.p.n) if l not in zero and slopes[l] != 's']
        force = {s: self.sign[k] * sum(self.y[l] * self.value[slopes[l]] * lam[l] * g[l, s] for l in fixed) for s in zero}
        beta = {s: lam[s] * (1 + gam) / 2 for s in zero}
        for _ in range(2000):
            most = 0.0
            for s in zero:
                new = (force[s] - sum(beta[r] * g[r, s] for r in zero if r != s)) / g[s, s]
                new = min(max(new, gam * lam[s]), lam[s])
                most, beta[s] = max(most, abs(new - beta[s]) / lam[s]), new
            if most < 1e-15:
                break
        out = {}
        for s in zero:
            share = (beta[s] / lam[s] - gam) / (1 - gam)
            out[s] = '0' if share < 1e-10 else '1' if share > 1 - 1e-10 else 's'
        return out

    def begin(self):
        p = self.p
        z = np.array([[float(np.dot(w, x)) for x in np.array(p.x)] for w in np.array(self.weights)])
        slopes = np.where(z >= 0, 1.0, p.slope)
        u = self.y * ((self.sign * p.a) @ (slopes * z))
        lam = self.step / (1 + np.exp(u))
        reach = 4 * p.q * p.a * lam * np.diag(self.G) / self.step
        sliding, flips = {}, []
        for k in range(p.k):
            zero = [i for i in range(p.n) if not self.own[k, i] and abs(z[k, i]) <= reach[i]]
            if not zero:
                continue
            row = ['1' if slopes[k, l] == 1 else '0' for l in range(p.n)]
            for s, letter in self.decide(k, zero, row, lam).items():
                if letter == 's':
                    sliding.setdefault(k, []).append(s)
                elif letter != row[s]:
                    flips.append((k, s, letter))
        sliding = sorted(sliding.items())
        for k, s in sliding:
            self.lines.append('slide %d %s' % (k, ' '.join(map(str, s))))
        for change in flips:
            self.lines.append('start %d %d %s' % change)
        self.tube = checker.Tube(checker.Reference(p, self.weights, self.step, sliding, flips, self.start))
        self.ref = self.tube.ref
        self.radius = 0.0
        self.arrays()

    def arrays(self):
        mode = self.ref.mode
        floats = {b: [[v / checker.ONE for v in row] for row in b.move] for b in set(mode.blocks)}
        self.move = np.array([floats[b] for b in mode.blocks])
        self.side = np.array([[{'1': 1.0, '0': -1.0, 's': 0.0}[c] for c in row] for row in mode.letters])
        self.sliders = [(k, s) for k in range(self.p.k) for s in mode.blocks[k].hold]
        self.hold = np.array([[v / checker.ONE for v in mode.blocks[k].hold[s]] for k, s in self.sliders]).reshape(-1, self.p.n)
        self.kernel = np.array([[v / checker.ONE for v in row] for row in mode.kernel])

    def gaps(self, lam, total, z):
        """Of pairs: how far on the right side; of sliders: how far inside their bounds. Negative is an event."""
        pairs = np.where(self.side == 0, 1e300, self.side * (z + self.move @ total))
        if not len(self.hold):
            return pairs, np.zeros(0)
        beta, own = self.hold @ lam, lam[[s for _, s in self.sliders]]
        return pairs, np.minimum(beta - self.p.slope * own, own - beta) / own

    def first_event(self, poly, h):
        """Earliest time in (0, h] at which a gap is negative, or None."""
        z = np.array(checker.floats(self.ref.z))
        def at(t):
            powers = t ** np.arange(poly.shape[1])
            return self.gaps(poly @ powers, poly @ (powers * t / np.arange(1, poly.shape[1] + 1)), z)
        cells = 1 if poly.shape[1] == 1 else max(1, int(math.ceil(8 * h)))
        floor_pairs, floor_sliders = at(0.0)
        low = 0.0
        for c in range(1, cells + 1):
            high = h * c / cells
            pairs, slides = at(high)
            if (pairs < np.minimum(-1e-11, floor_pairs * (floor_pairs < 0) * 2 - 1e-11)).any() or (slides < -1e-9).any():
                for _ in range(80):
                    mid = (low + high) / 2
                    pairs, slides = at(mid)
                    if (pairs < -1e-12).any() or (slides < -1e-10).any():
                        high = mid
                    else:
                        low = mid
                return high
            low = high
        return None

    def advance(self, h, degree):
        out = checker.Piece(self.ref, h, degree)
        radius = max(self.radius, self.tube.radius() * (1 + 1e-6))
        for _ in range(60):
            square, linear, state = self.tube.charge(out, radius)
            wanted = math.sqrt(self.tube.square + square) + self.tube.linear + linear
            if wanted * (1 + 1e-7) <= radius:
                break
            radius = wanted * 1.01
            checker.need(radius < 1e3, 'radius stays finite (own-class pairs: %s)' % (list(state[0].lost)[:3],))
        self.radius = radius
        self.lines.append('piece %s %d %s' % (h.hex(), degree, radius.hex()))
        self.tube.take(out, radius)

    def events_now(self):
        """Re-decides every neuron with a gap that is zero to rounding and falls. Returns whether one has other slopes."""
        p, ref = self.p, self.ref
        lam = np.array(ref.lam_float)
        z = np.array(checker.floats(ref.z))
        pairs, slides = self.gaps(lam, np.zeros(p.n), z)
        speed = self.side * (self.move @ lam)
        changes = []
        neurons = {k for k, i in zip(*np.where((pairs < 1e-9) & (speed < 0)))}
        rate = (np.array([1.0] * p.n) - self.kernel @ lam) * lam
        for (k, s), gap, row in zip(self.sliders, slides, self.hold):
            if gap < 1e-8:
                neurons.add(k)
        for k in sorted(neurons):
            slopes = list(ref.mode.letters[k])
            for i in range(p.n):
                if self.own[k, i] and pairs[k, i] < 1e-9 and speed[k, i] < 0:
                    slopes[i] = '0' if slopes[i] == '1' else '1'
                    changes.append((k, i, slopes[i]))
            zero = [i for i in range(p.n) if not self.own[k, i] and abs(z[k, i]) < 1e-9]
            for i, s in self.decide(k, zero, ['s' if i in zero else s for i, s in enumerate(slopes)], lam + 1e-6 * rate).items():
                if s != ref.mode.letters[k][i]:
                    changes.append((k, i, s))
        if changes:
            for k, i, s in changes:
                self.lines.append('set %d %d %s' % (k, i, s))
            self.tube.change(changes)
            self.arrays()

    def zone(self):
        """How long own pairs that the reference has crossed with need until the run has, too; 0 if there are none."""
        lam, g, longest = np.array(self.ref.lam_float), self.p.q * self.p.a * (1 - self.p.slope), 0.0
        for (k, i), c in self.tube.crossings.items():
            before = self.side[k, i] * (self.move[k, i] @ lam) - g * self.G[i, i] * lam[i]      # with the slope of the old side
            if c.depth is not None and before > 0:
                longest = max(longest, 0.6 * c.depth / before)
        return longest

    def run(self, most=4000):
        self.begin()
        zone, stretch = 0.0, 1.0
        for _ in range(most):
            lam = np.array(self.ref.lam_float)
            unrest = np.abs(1 - self.kernel @ lam)
            still = (unrest * lam).max() < 2e-10 * lam.max()
            if still:
                poly, h, degree = lam[:, None], 1e3, 0
                if self.settled(lam):
                    self.finish(lam)
                    return
            else:
                degree, h = DEGREE, 0.75
                poly = self.series(lam, degree)
                while (np.abs(poly[:, 1:]) @ h ** np.arange(1, degree + 1) > 0.6 * lam).any() or \
                        (np.abs(poly[:, -1]) * h ** degree > 1e-9 * lam).any():
                    h *= 0.8
            if zone:
                h, zone = min(h, zone), 0.0
            event = self.first_event(poly, h)
            if event is not None:
                h = event
                before = self.before_own(poly, h)
                if before is not None:
                    self.advance(before, degree)
                    continue
            if h > 1e-14:
                self.advance(float(h), degree)
            if event is not None:
                self.events_now()
            zone = self.zone()
            stretch = 2 * stretch if zone else 1.0
            zone *= stretch
        raise checker.NotProved('the reference comes to its straight end')

    def before_own(self, poly, h):
        """When an own-class pair crosses at h: a piece that ends before its zone begins, if there is one."""
        powers = h ** np.arange(poly.shape[1])
        z = np.array(checker.floats(self.ref.z))
        pairs, _ = self.gaps(poly @ powers, poly @ (powers * h / np.arange(1, poly.shape[1] + 1)), z)
        hit = [(k, i) for k, i in zip(*np.where((pairs < 1e-9) & self.own)) if i not in self.tube.free[k]]
        if not hit:
            return None
        rooms = self.tube.rooms(self.tube.free)
        lam = poly @ powers
        zones = [1.03 * rooms[k][i] * self.radius / abs(self.move[k, i] @ lam) for k, i in hit]
        before = h - max(zones)
        return before if before > 0.02 * max(zones) else None

    def series(self, lam, degree):
        coefficients = [lam]
        rates = []
        for j in range(degree):
            rates.append((1.0 if j == 0 else 0.0) - self.kernel @ coefficients[j])
            coefficients.append(sum(coefficients[a] * rates[j - a] for a in range(j + 1)) / (j + 1))
        return np.array(coefficients).T

    def settled(self, lam):
        speed = self.side * (self.move @ lam)
        z = np.array(checker.floats(self.ref.z))
        wrong = (self.side != 0) & (speed < -1e-13)
        near = (self.side != 0) & self.own & (np.abs(z) <= 1.2 * self.radius * np.array(self.p.norm)[None, :]) & (np.abs(speed) > 0)
        self.pending = near
        return not wrong.any()

    def finish(self, lam):
        p = self.p
        support = ''.join('1' if v > 1e-5 * lam.max() else '0' for v in lam)
        for h in (0.0, 2.0, 5.0, 20.0, 60.0, 200.0):
            saved = copy.deepcopy((self.tube, self.lines, self.radius))
            try:
                if h:
                    self.advance(h, 0)
                radius = self.radius * (1 + 1e-9)
                for _ in range(40):
                    trial = copy.deepcopy(self.tube)
                    try:
                        self.limit = trial.tail(radius, [i for i, c in enumerate(support) if c == '1'])
                        break
                    except checker.NotProved as failure:
                        if not str(failure).startswith('radius'):
                            raise
                        radius *= 1.05
                self.tube, self.radius = trial, radius
                self.lines.append('tail %s %s' % (radius.hex(), support))
                return
            except checker.NotProved as failure:
                if not str(failure).startswith('own-class pair') or h == 200.0:
                    raise
                self.tube, self.lines, self.radius = saved
                self.ref = self.tube.ref


def write_limit(path, problem, search):
    """The certificate of level A of the same limit: it says nothing about a run."""
    letters = map(''.join, search.tube.ref.mode.letters)
    support = ''.join('1' if i in search.limit.support else '0' for i in range(problem.n))
    write_text(path, problem, checker.facts(problem, None, search.limit), ['pattern %s %s' % (support, ' '.join(letters))])


def write(path, problem, weights, step, search, initial=()):
    write_text(path, problem, checker.facts(problem, search.tube, search.limit), search.lines, weights, step, initial)


def write_text(path, problem, facts, derivation, weights=None, step=None, initial=()):
    hexes = lambda row: ' '.join(float(v).hex() for v in row)
    with open(path, 'w') as f:
        f.write('latetime-certificate 2\nproblem\n')
        f.write('width %d\nslope %s\nrate %s\nlabels %s\n' % (problem.m, problem.slope.hex(), problem.rate.hex(),
                                                              ' '.join('+' if v > 0 else '-' for v in problem.y)))
        f.writelines('x %s\n' % hexes(row) for row in problem.x)
        if weights:
            f.write('step %d\n' % step)
            f.writelines('w %s\n' % hexes(row) for row in weights)
            f.writelines('w0 %s\n' % hexes(row) for row in initial)
        f.write('claim\n')
        for name, (low, high) in facts.items():
            f.write('%s %s %s\n' % (name, float(low).hex(), float(high).hex()))
        f.write('derivation\n')
        f.write('\n'.join(derivation) + '\nend\n')


def load(path, slope, rate):
    z = np.load(path)
    x, y, w = z['data.x'], z['data.y'].ravel(), z['final.weights']
    m = w.shape[1]
    problem = checker.Problem([list(map(float, r)) for r in x], [int(v) for v in y], m, slope, rate)
    return problem, [list(map(float, r)) for r in w.reshape(2 * m, -1)], int(z['final.step'][0])


def follow(problem, initial, step):
    """Exact descent from the initial weights, as doubles, and a bound of what they are off."""
    reached, drift = replay_steps.Descent(problem, initial).follow(step)
    weights = [[v / checker.ONE for v in row] for row in reached]
    return weights, replay_steps.start_distance(weights, reached, drift)


def main(path, slope, rate, out, initial=None):
    start = time.time()
    problem, weights, step = load(path, float(slope), float(rate))
    distance = 0.0
    if initial:
        initial = [list(map(float, r)) for r in np.load(path)['network.initial_weights'].reshape(problem.k, -1)]
        weights, distance = follow(problem, initial, step)
    search = Search(problem, weights, step, distance)
    try:
        search.run()
    except checker.NotProved as failure:
        print(f'{path} T={step:g} NOT PROVED {failure} [theta {search.ref.theta / checker.ONE:.3g} radius {search.radius:.3g} {time.time() - start:.1f}s]')
        return 1
    write(out, problem, weights, step, search, initial or ())
    print(f'{path} T={step:g} certificate R={search.radius:.4g} pieces {sum(l.startswith("piece") for l in search.lines)} '
          f'events {sum(l.startswith("set") for l in search.lines)} switching {len(search.limit.switching)} {time.time() - start:.1f}s')
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
