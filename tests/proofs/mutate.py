#!/usr/bin/env python3
"""Changes certificates, one thing at a time, and asks the checker and a judge of its own (judge.py).

usage: mutate.py COUNT SEED CERTIFICATE...

COUNT changes are drawn, every kind of field as often as every other: a number by one ulp or more up or down, its sign, a
letter, a word, a line. The claims are first made as narrow as the checker accepts. A claim that is narrower than that, by one
ulp too, must be refused. Whatever else is accepted is another
statement or another proof; the judge must find no fault in it, by 60 digits for what it says of the limit and, for the first of
each kind, by real steps. Needs NumPy. Exit code 1 if a narrower claim or a false statement was accepted, or the checker
fell over; the certificate is then kept beside the first one.
"""
import contextlib
import io
import math
import os
import random
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tools'), os.path.dirname(os.path.abspath(__file__))]
import check_certificate as checker  # noqa: E402
import judge  # noqa: E402

STEPS_OF_A_KIND = 4      # accepted changes of a kind that are followed by real steps


def other_number(word, dice):
    v = float.fromhex(word)
    return dice.choice([math.nextafter(v, math.inf), math.nextafter(v, -math.inf), v * (1 + 1e-9), v * (1 - 1e-9), v * 1.01, v * 0.5, v * 2, -v,
                        0.0, v + 1, v - 1]).hex()


def other_word(word, dice):
    """Another word of the same form."""
    if '0x' in word:
        return other_number(word, dice)
    for pair in (('+', '-'), ('logistic', 'exponential')):
        if word in pair:
            return pair[1 - pair.index(word)]
    if len(word) > 1 and set(word) <= set('01s'):
        p = dice.randrange(len(word))
        return word[:p] + dice.choice(sorted(set('01s' if 's' in word else '01') - {word[p]})) + word[p + 1:]
    if word.isdigit():
        return str(max(0, int(word) + dice.choice([-1, 1, 2, 10])))
    return dice.choice('01')


def narrowest(path):
    """By its words, every quantity that the certificate may state, as enclosed as the checker derives it."""
    parts = checker.read(path)
    problem, weights, step, initial = checker.problem_of(parts['problem'])
    start = checker.start_of(problem, weights, step, initial, parts['claim'], False) if initial else 0.0
    return checker.facts(problem, *checker.derive(problem, weights, step, parts['derivation'], start))


class Certificate:
    def __init__(self, path):
        with open(path, encoding='ascii') as f:
            self.lines = [line.split() for line in f if line.strip()]
        found = narrowest(path)
        for words in self.lines[self.lines.index(['claim']) + 1:self.lines.index(['derivation'])]:
            words[-2:] = [bound.hex() for bound in found[' '.join(words[:-2])]]
        part, self.fields = None, {}
        for r, words in enumerate(self.lines):
            if words[0] in ('problem', 'claim', 'derivation') and len(words) == 1:
                part = words[0]
            for c in range(1, len(words) if part else 0):
                name = f'{part} {words[0]}' + (f' {c}' if part == 'derivation' and words[0] != 'slide' else '')
                if part == 'claim':
                    name = f'claim {words[0]} ' + ('pair' if c < len(words) - 2 else 'low' if c == len(words) - 2 else 'high')
                self.fields.setdefault(name, []).append((r, c))
        self.inner = range(1, len(self.lines) - 1)

    def change(self, kind, dice):
        """Changed lines, or None where nothing changed, and how the kind is called."""
        lines = [list(words) for words in self.lines]
        if kind in self.fields:
            r, c = dice.choice(self.fields[kind])
            old, lines[r][c] = lines[r][c], other_word(lines[r][c], dice)
            if lines[r][c] == old:
                return None, kind
            if kind.startswith('claim') and kind.endswith(('low', 'high')):
                narrower = (float.fromhex(lines[r][c]) > float.fromhex(old)) == kind.endswith('low')
                kind = 'claim narrowed' if narrower and float.fromhex(lines[r][c]) != float.fromhex(old) else 'claim widened'
            return lines, kind
        r = dice.choice(self.inner)
        if kind == 'line left out':
            del lines[r]
        elif kind == 'line doubled':
            lines.insert(r, list(lines[r]))
        elif kind == 'lines exchanged':
            s = dice.choice(self.inner)
            lines[r], lines[s] = lines[s], lines[r]
        elif kind == 'word left out':
            del lines[r][dice.randrange(len(lines[r]))]
        elif kind == 'word doubled':
            c = dice.randrange(len(lines[r]))
            lines[r].insert(c, lines[r][c])
        elif kind == 'words exchanged':
            c, e = (dice.randrange(len(lines[r])) for _ in range(2))
            lines[r][c], lines[r][e] = lines[r][e], lines[r][c]
        return (None if lines == self.lines else lines), kind

    def kinds(self):
        return list(self.fields) + ['line left out', 'line doubled', 'lines exchanged', 'word left out', 'word doubled', 'words exchanged']


def answer_of(lines, path):
    """What the checker, as a program, says: its exit code and its words."""
    with open(path, 'w', encoding='ascii') as f:
        f.write('\n'.join(' '.join(words) for words in lines) + '\n')
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = checker.main([path])
    return code, printed.getvalue()


def mutate(count, seed, paths, say=print):
    """Returns the counts by (kind, answer) and the faults."""
    dice, tally, faults, followed = random.Random(seed), {}, [], {}
    certificates = [Certificate(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        while sum(tally.values()) < count:
            certificate = certificates[sum(tally.values()) % len(certificates)]
            kind = dice.choice(certificate.kinds())
            lines, kind = certificate.change(kind, dice)
            if lines is None:
                continue
            fault, answer = None, 'accepted'
            try:
                code, words = answer_of(lines, os.path.join(folder, 'changed.txt'))
                answer = ['accepted', 'not proved', 'no certificate'][code]
                if code and words.count('\n') != 1:
                    fault = 'the refusal is not one line'
            except Exception as failure:            # whatever it is, it is what this program looks for
                fault = f'the checker fell over: {failure!r}'
            if answer == 'accepted' and kind == 'claim narrowed':
                fault = 'a narrower claim was accepted'
            elif answer == 'accepted':
                try:
                    statement = judge.Statement(lines)
                    statement.judge_limit()
                    if statement.w and followed.get(kind, 0) < STEPS_OF_A_KIND and 'claim' not in kind:
                        followed[kind] = followed.get(kind, 0) + 1
                        statement.judge_run(2.5)
                except judge.False_ as failure:
                    fault = f'a false statement was accepted: {failure}'
            if fault:
                faults.append((kind, fault, lines))
                say(f'FAULT {kind}: {fault}')
            tally[kind, answer] = tally.get((kind, answer), 0) + 1
    return tally, faults, sum(followed.values())


def main(count, seed, *paths):
    tally, faults, followed = mutate(int(count), int(seed), paths)
    answers = ['accepted', 'not proved', 'no certificate']
    print(f'{"kind":34}' + ''.join(f'{a:>16}' for a in answers))
    for kind in sorted({kind for kind, _ in tally}):
        print(f'{kind:34}' + ''.join(f'{tally.get((kind, a), 0):16}' for a in answers))
    print(f'{"all":34}' + ''.join(f'{sum(v for (_, b), v in tally.items() if a == b):16}' for a in answers), f'  ({followed} followed by real steps)')
    for i, (kind, fault, lines) in enumerate(faults):
        with open(f'{paths[0]}.fault-{i}', 'w', encoding='ascii') as f:
            f.write(f'# {kind}: {fault}\n' + '\n'.join(' '.join(words) for words in lines) + '\n')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
