#!/usr/bin/env python3
"""Changes one word of a certificate at a time and asks the checker again.

usage: mutate.py CERTIFICATE [COUNT] [SEED]

A change of the claim in the unsafe direction, by one ulp or more, must be refused. A change anywhere else makes another
certificate: it may only be accepted with claims that the checker derives itself, so whatever is accepted is printed, and
counted apart: of the problem (a theorem about another run), of the derivation (another proof of the same claims).
Exit code 1 if a narrowed claim was accepted, or a program error came up.
"""
import math
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tools'))
import check_certificate as checker  # noqa: E402


def changed(word, dice):
    """Another word of the same kind."""
    if 'x' in word and word.lstrip('-').startswith('0x'):
        v = float.fromhex(word)
        return dice.choice([math.nextafter(v, math.inf), math.nextafter(v, -math.inf), v * (1 + 1e-9), v * 1.01, v * 0.5, v * 2, -v,
                            0.0, v + 1]).hex()
    if word in '+-':
        return '-' if word == '+' else '+'
    if word.isdigit() and set(word) <= {'0', '1'} and len(word) > 1:
        p = dice.randrange(len(word))
        return word[:p] + ('1' if word[p] == '0' else '0') + word[p + 1:]
    if word.isdigit():
        return str(max(0, int(word) + dice.choice([-1, 1, 2, 10])))
    return {'s': dice.choice('01')}.get(word, word)


def verdict(lines):
    with tempfile.NamedTemporaryFile('w', suffix='.txt', delete=False) as f:
        f.write('\n'.join(' '.join(words) for words in lines) + '\n')
    try:
        checker.check(f.name)
        return 'proved'
    except checker.NotProved:
        return 'not proved'
    except (checker.BadFile, ValueError, KeyError, IndexError, ArithmeticError):
        return 'no certificate'
    finally:
        os.unlink(f.name)


def main(path, count=300, seed=1):
    dice = random.Random(int(seed))
    lines = [line.split() for line in open(path, encoding='ascii')]
    part, parts = None, []
    for words in lines:
        part = words[0] if words[0] in ('problem', 'claim', 'derivation') and len(words) == 1 else part
        parts.append(part)
    tally, bad = {}, 0
    for _ in range(int(count)):
        where = dice.choice(['problem', 'claim', 'derivation'])
        row = dice.choice([r for r, p in enumerate(parts) if p == where and len(lines[r]) > 1])
        column = dice.choice([c for c in range(1, len(lines[row])) if changed(lines[row][c], dice) != lines[row][c]] or [0])
        copy = [list(words) for words in lines]
        new = changed(copy[row][column], dice) if column else copy[row][0]
        if new == copy[row][column]:
            continue
        old, copy[row][column] = copy[row][column], new
        kind = where
        if where == 'claim':
            if column >= len(lines[row]) - 2:
                low = column == len(lines[row]) - 2
                narrower = float.fromhex(new) > float.fromhex(old) if low else float.fromhex(new) < float.fromhex(old)
                kind = 'claim narrowed' if narrower else 'claim widened'
            else:
                kind = 'claim of another thing'
        answer = verdict(copy)
        tally[kind, answer] = tally.get((kind, answer), 0) + 1
        if kind == 'claim narrowed' and answer == 'proved':
            bad += 1
            print('accepted:', lines[row][:3], old, '->', new)
        if where != 'claim' and answer == 'proved':
            print('  still proved:', ' '.join(lines[row][:1]), f'word {column}', old, '->', new)
    for (kind, answer), times in sorted(tally.items()):
        print(f'{kind}: {answer} {times}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
