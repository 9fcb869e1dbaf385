#!/usr/bin/env python3
"""Two programs that share no code agree: what the prover proves of random problems, the checker accepts.

usage: agreement_test.py PROOF_HUNT [RUNS]
"""
import os
import subprocess
import sys
import tempfile

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tools', 'check_certificate.py')
LEAST = 10  # certificates, of the runs of the default


def main(hunt, runs='60'):
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([hunt, '--runs', runs, '--seed', '41', '--from', '1e4', '--steps', '2e4',
                               '--certificates', folder], capture_output=True, text=True, check=False)
        print(made.stdout, made.stderr)
        refused = 0
        names = sorted(os.listdir(folder))
        for name in names:
            checked = subprocess.run([sys.executable, CHECKER, os.path.join(folder, name)], capture_output=True, text=True, check=False)
            last = checked.stdout.rstrip().split('\n')[-1]
            if checked.returncode != 0 or last != 'PROVED':
                refused += 1
                print(f'{name}: {last}')
        print(f'{len(names)} certificates, {refused} refused')
        return 0 if made.returncode == 0 and refused == 0 and len(names) >= LEAST else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
