#!/usr/bin/env python3
"""Holds the tubes of certificates to real steps: e_t <= R, at steps that lie 5 % apart.

usage: follow.py UNTIL CERTIFICATE...

Takes plain double steps from W_T (level C: from W_0) to step UNTIL, and compares the distance from the reference curve, found
anew in NumPy (judge.py), with the radius of each piece and with the claimed one. Prints a line a certificate. Exit code 1 if a
distance exceeds its radius.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge  # noqa: E402


def main(until, *paths):
    shares, faults = [], 0
    for path in paths:
        with open(path, encoding='ascii') as f:
            statement = judge.Statement([line.split() for line in f if line.strip()])
        try:
            shares.append(statement.judge_run(float(until) / statement.step))
            print(f'{path}: from step {statement.step} to {float(until):g} at most {shares[-1]:.3g} of the radius', flush=True)
        except judge.False_ as failure:
            faults += 1
            print(f'{path}: FALSE: {failure}', flush=True)
    print(f'{len(paths)} certificates, {faults} false; largest share of a radius {max(shares, default=0):.3g}')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
