#!/usr/bin/env python3
"""Lemma 1 of docs/proofs.md on random instances of low dimension, at its edge where a search pushes them.

usage: lemma_test.py [INSTANCES]      exit code 1 if the inequality fails anywhere, or never fails without its factor 1/(1−r)
"""
import sys

import numpy as np


def instance(dice):
    n, d, m = dice.integers(1, 4), dice.integers(1, 4), dice.integers(1, 4)
    return {'x': dice.normal(size=(n, d)), 'y': dice.choice([-1.0, 1.0], n), 'a': np.r_[np.ones(m), -np.ones(m)] / m,
            'slope': dice.choice([0.0, 0.2, 0.7]), 'w': dice.normal(size=(2 * m, d)) * dice.choice([0.1, 1, 3]),
            'step': dice.normal(size=(2 * m, d)) * 10.0 ** dice.uniform(-5, 0.5), 'declared': dice.random((2 * m, n)),
            'shift': dice.normal(size=(2 * m, d)) * 10.0 ** dice.uniform(-5, 0.5) * (dice.random() < 0.5), 'taken': dice.random((2 * m, n)) < 0.5,
            'r': dice.uniform(0.02, 0.97), 'truthful': dice.random() < 0.5}


def sides(p, factor=True):
    """Both sides of Lemma 1 with δ = 0; q is set by r = ½ q Λ θ, or r = q Λ θ with a shift."""
    x, y, a, gamma = p['x'], p['y'], p['a'], p['slope']
    own = a[:, None] * y[None, :] > 0
    shift = p['shift']
    w, z = p['w'], p['w'] + p['step'] - shift               # W − Z − F = −step
    pre_w, pre_z, seen = w @ x.T, z @ x.T, shift @ x.T
    slope_w = np.where(pre_w >= 0, 1.0, gamma)
    declared = np.where(own, np.where(p['declared'] < 0.5, gamma, 1.0), gamma + (1 - gamma) * p['declared'])
    if p['truthful']:
        declared = np.where(own, slope_w, declared)
    sigma = lambda v: np.maximum(v, gamma * v)
    features = lambda slopes: (y[:, None] * (a[:, None] * slopes).T)[:, :, None] * x[:, None, :]      # n × K × d
    phi = lambda u: 1 / (1 + np.exp(u))
    f_declared, f_half = features(declared), features(np.where(own, declared, slope_w))
    s = np.einsum('lkd,kd->l', f_declared, z)
    concave = (np.where(own, np.abs(a)[:, None] * declared * pre_w, -np.abs(a)[:, None] * sigma(pre_w))).sum(0)
    g, h_half, h = phi(s), phi(concave), phi(y * (a @ sigma(pre_w)))
    flat = f_half.reshape(len(y), -1)
    top = np.linalg.eigvalsh(flat @ flat.T).max()
    theta = max(g.max(), h_half.max())
    if top * theta == 0:
        return 0.0, 0.0
    q = (1 if shift.any() else 2) * p['r'] / (top * theta)
    eps = np.where(own, 0, np.abs(a)[:, None] * (sigma(pre_z + seen) - declared * (pre_z + seen))).sum(0)
    c = np.einsum('lkd,kd->l', f_declared, shift)
    wrong = own & (slope_w != declared)
    taken = wrong & p['taken'] & shift.any()
    omega = np.where(wrong, np.abs(a)[:, None] * (1 - gamma) * np.abs(pre_w), 0).sum(0)
    norms = np.linalg.norm(x, axis=1)
    nu = q * (h_half * omega * norms * np.sqrt(2 / (len(a) / 2))).sum() \
        + q * np.where(wrong & ~taken, h_half * (1 - gamma) * np.abs(a)[:, None] * norms, 0).sum()
    b = q * np.linalg.norm(np.einsum('l,lkd->kd', g, f_declared - f_half))
    moved = shift + q * np.einsum('l,lkd->kd', h, features(np.where(taken, slope_w - declared, 0.0)))
    left = np.linalg.norm(w + q * np.einsum('l,lkd->kd', h, features(slope_w)) - z - q * np.einsum('l,lkd->kd', g, f_declared) - moved)
    paid = 2 * q * (h_half * eps).sum() + q * (np.maximum(g, h_half) * c ** 2).sum()
    right = np.sqrt(np.sum(p['step'] ** 2) + b ** 2 / ((1 - p['r']) if factor else 1) + paid) + nu
    return left, right


def climb(dice, p, factor, rounds=60):
    """Moves the instance so that left/right grows."""
    best = -np.inf
    for _ in range(rounds):
        trial = dict(p)
        name = dice.choice(['x', 'w', 'step', 'declared'] + ['shift'] * bool(p['shift'].any()))
        trial[name] = p[name] + dice.normal(size=p[name].shape) * 10.0 ** dice.uniform(-4, 0)
        if name == 'declared':
            trial[name] = np.clip(trial[name], 0, 1)
        left, right = sides(trial, factor)
        if left - right > best * right:
            best, p = (left - right) / right if right > 0 else best, trial
    return best


def main(count=400):
    dice = np.random.default_rng(5)
    worst = max(max((l - r) / max(r, 1e-300) for l, r in [sides(instance(dice))]) for _ in range(20 * int(count)))
    worst = max([worst] + [climb(dice, instance(dice), True) for _ in range(int(count))])
    without = max(climb(dice, dict(instance(dice), truthful=True), False) for _ in range(int(count)))
    print(f'largest (left − right)/right: {worst:.3g}; without the factor 1/(1−r): {without:.3g}')
    return 0 if worst <= 1e-9 and without > 1e-3 else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
