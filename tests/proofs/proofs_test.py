#!/usr/bin/env python3
"""Certificates of small random runs: proved, true at real steps, and refused when what they say is changed."""
import contextlib
import io
import math
import os
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal
from unittest import mock

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import judge  # noqa: E402
import mutate  # noqa: E402
import produce  # noqa: E402

checker = produce.checker


def read(path):
    with open(path, encoding='ascii') as f:
        return f.read().split('\n')


class Run:
    """Gradient descent in plain NumPy, in the coordinates w_k(t) − w_k(T) = Σ c_kl x_l."""

    def __init__(self, seed, n, d, m, slope, rate, init_std, shift=0.0):
        dice = np.random.default_rng(seed)
        self.x = dice.normal(size=(n, d)) + shift * dice.normal(size=d)
        self.y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        self.m, self.slope, self.rate = m, slope, rate
        self.w = dice.normal(size=(2 * m, d)) * init_std
        self.sign = np.r_[np.ones(m), -np.ones(m)]
        self.a = self.sign / m
        self.gram = self.x @ self.x.T
        self.t = 0

    def advance(self, t):
        q = self.rate / len(self.y)
        while self.t < t:
            z, c = self.w @ self.x.T, np.zeros((2 * self.m, len(self.y)))
            for _ in range(min(t - self.t, 20000)):
                slopes = np.where(z >= 0, 1.0, self.slope)
                g = 1 / (1 + np.exp(self.y * (self.a @ (slopes * z))))
                step = q * self.a[:, None] * slopes * (g * self.y)[None, :]
                c += step
                z += step @ self.gram
                self.t += 1
            self.w = self.w + c @ self.x
        return self

    def problem(self, **other):
        value = dict(m=self.m, slope=self.slope, rate=self.rate, **other)
        return checker.Problem([list(map(float, r)) for r in self.x], list(map(int, self.y)), value['m'], value['slope'], value['rate'])

    def weights(self):
        return [list(map(float, r)) for r in self.w]


RUNS = {  # what each shows
    'ReLU, pairs hop for ever': dict(seed=3, n=4, d=30, m=4, slope=0.0, rate=0.1, init_std=0.01),
    'leaky, settled': dict(seed=1, n=5, d=40, m=5, slope=0.5, rate=0.1, init_std=0.01),
    'samples off the support': dict(seed=2, n=6, d=12, m=4, slope=0.2, rate=0.1, init_std=0.3),
    'more samples than dimensions': dict(seed=8, n=5, d=4, m=3, slope=0.5, rate=0.1, init_std=0.3),
    'correlated samples': dict(seed=8, n=4, d=30, m=3, slope=0.5, rate=0.1, init_std=0.03, shift=0.5),
    'an own pair crosses': dict(seed=5170, n=4, d=28, m=3, slope=0.3, rate=0.1, init_std=0.36906625857275166),
}
STEP = 20000


class Certificates(unittest.TestCase):
    made = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for number, (name, options) in enumerate(RUNS.items()):
            run = Run(**options).advance(STEP)
            search = produce.Search(run.problem(), run.weights(), STEP)
            try:
                search.run(600)
            except checker.NotProved as failure:
                cls.made[name] = (run, None, str(failure))
                continue
            path = os.path.join(cls.folder.name, f'{number}.txt')
            produce.write(path, run.problem(), run.weights(), STEP, search)
            cls.made[name] = (run, search, path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def each(self):
        for name, (run, search, path) in self.made.items():
            with self.subTest(name):
                self.assertIsNotNone(search, path)
                yield run, search, path

    def test_proved_by_the_program(self):
        for run, search, path in self.each():
            done = subprocess.run([sys.executable, os.path.join(HERE, '..', '..', 'tools', 'check_certificate.py'), path],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertTrue(done.stdout.endswith('PROVED\n'))

    def test_real_steps_stay_in_the_tube(self):
        for run, search, path in self.each():
            judge.Statement([line.split() for line in read(path) if line]).judge_run(8)

    def test_kinds_of_runs_are_there(self):
        limits = {name: search.limit for name, (_, search, _) in self.made.items() if search}
        self.assertGreater(len(limits['ReLU, pairs hop for ever'].switching), 0)
        self.assertLess(len(limits['samples off the support'].support), 6)
        self.assertGreater(len(limits['more samples than dimensions'].switching), 0)
        self.assertTrue(self.crossings('an own pair crosses'))

    def crossings(self, name):
        """Lines `set` of own pairs that the reference crosses with before 8 T, where real steps are held to it."""
        run, search, path = self.made[name]
        past, found = 0.0, []
        for words in map(str.split, search.lines):
            past += float.fromhex(words[1]) if words[0] == 'piece' else 0.0
            if words[0] == 'set' and search.own[int(words[1]), int(words[2])] and past < math.log(8):
                found.append(words)
        return found

    def test_mismatches_of_a_crossing_are_charged(self):
        """Without them the radii would be smaller: shifts are seen on the pieces around the crossing, and join the distance after it."""
        seen, merged = [], []
        class Watched(checker.Tube):
            def own_charges(self, *rest):
                linear, crossings, shifts, joins = super().own_charges(*rest)
                seen.extend(shifts.values())
                merged.append(joins)
                return linear, crossings, shifts, joins
        run, search, path = self.made['an own pair crosses']
        with mock.patch.object(checker, "Tube", Watched):
            checker.check(path)
        self.assertTrue(seen and min(seen) > 0)
        largest = max(seen) * max(search.p.norm)
        self.assertGreater(max(merged), 0)
        self.assertLess(max(merged), 1.001 * largest)
        self.assertGreater(search.radius, max(merged))

    def test_a_slope_that_is_set_to_itself_is_refused(self):
        for run, search, path in self.each():
            text = read(path)
            first = next(i for i, line in enumerate(text) if line.startswith('piece'))
            for slope in '10':      # one of them is that of the pair (0, 0), an own one
                self.refused(text[:first + 1] + [f'set 0 0 {slope}'] * 2 + text[first + 1:], f'set to {slope} twice')

    def test_narrower_claims_are_refused(self):
        for number, (run, search, path) in enumerate(self.each()):
            text = read(path)
            rows = range(text.index('claim') + 1, text.index('derivation'))
            for row in rows:
                for column, away in ((-2, math.inf), (-1, -math.inf)):
                    if (number + row + column) % 2:  # the other bound of this line is another run's
                        continue
                    words = text[row].split()
                    old = float.fromhex(words[column])
                    if column == -2 and old == 0:
                        continue
                    words[column] = math.nextafter(old, away).hex()
                    self.refused(text[:row] + [' '.join(words)] + text[row + 1:], text[row])

    def test_another_rate_slope_step_or_label_is_refused(self):
        for run, search, path in self.each():
            text = read(path)
            for word, change in (('rate', 1.01), ('rate', 0.99), ('slope', None), ('step', 2), ('step', 0.5), ('labels', None), ('w', -1.0), ('x', 1.01)):
                row = next(r for r, line in enumerate(text) if line.split()[0] == word)
                words = text[row].split()
                if word == 'labels':
                    words[1:] = ['-' if v == '+' else '+' for v in words[1:]]
                elif word == 'slope':
                    words[1] = (float.fromhex(words[1]) + 0.01).hex()
                elif word == 'step':
                    words[1] = str(int(int(words[1]) * change))
                else:
                    words[1:] = [(float.fromhex(v) * change).hex() for v in words[1:]]
                self.refused(text[:row] + [' '.join(words)] + text[row + 1:], word)

    def test_an_event_left_out_is_refused(self):
        """The reference then goes on with a wrong slope: that is charged, and the claims no longer follow."""
        for run, search, path in self.each():
            text = read(path)
            rows = [r for r, line in enumerate(text) if line.split()[:1] in (['set'], ['slide'])]
            for row in rows[:6]:
                self.refused(text[:row] + text[row + 1:], text[row])

    def test_a_wrong_limit_is_refused(self):
        for run, search, path in self.each():
            text = read(path)
            words = text[-3].split()
            self.assertEqual(words[0], 'tail')
            words[2] = ('0' if words[2][0] == '1' else '1') + words[2][1:]
            self.refused(text[:-3] + [' '.join(words)] + text[-2:], 'support')
            self.refused(text[:-3] + ['set 0 0 ' + ('0' if search.ref.mode.letters[0][0] == '1' else '1')] + text[-3:], 'pattern')

    def test_a_limit_alone(self):
        for number, (run, search, _) in enumerate(self.each()):
            path = os.path.join(self.folder.name, f'limit-{number}.txt')
            produce.write_limit(path, run.problem(), search)
            self.assertIn('KKT', checker.check(path))
            self.assertNotIn('W_t', checker.check(path))
            text = read(path)
            row = next(r for r, line in enumerate(text) if line.startswith('pattern'))
            words = text[row].split()
            still = {k for k, letters in enumerate(search.tube.ref.mode.letters) if run.slope == 0 and '1' not in letters}
            for k, word in enumerate(words[2:]):
                for i, letter in enumerate(word):
                    for other in set('01s') - {letter}:
                        if k in still and other != '1' and run.sign[k] != run.y[i]:
                            continue          # a neuron that is zero at V: 0 and s say the same
                        changed = words[:2 + k] + [word[:i] + other + word[i + 1:]] + words[3 + k:]
                        self.refused(text[:row] + [' '.join(changed)] + text[row + 1:], f'{k} {i} {other}')
            for changed in (words[:-1], words + [words[-1]], words[:1] + words[2:], words[:2] + [words[2] + '0'] + words[3:],
                            [words[0], ('0' if words[1][0] == '1' else '1') + words[1][1:]] + words[2:]):
                self.refused(text[:row] + [' '.join(changed)] + text[row + 1:], 'pattern')
            self.refused(text[:row] + [text[row]] * 2 + text[row + 1:], 'two patterns')
            self.refused(text[:row] + ['set 0 0 1'] + text[row:], 'a change of slope without a run')
            claim = text.index('derivation')
            self.refused(text[:claim] + ['radius 0x0.0p+0 0x1p40'] + text[claim:], 'a claim about a run')
            for r in range(text.index('claim') + 1, claim):
                words = text[r].split()
                for column, away in ((-2, math.inf), (-1, -math.inf)):
                    changed = list(words)
                    changed[column] = math.nextafter(float.fromhex(words[column]), away).hex()
                    self.refused(text[:r] + [' '.join(changed)] + text[r + 1:], text[r])

    def from_the_beginning(self):
        """Lines of a certificate of level C."""
        run = Run(seed=9, n=3, d=19, m=3, slope=0.1, rate=0.1, init_std=0.01)
        initial, problem, step = run.weights(), run.problem(), 30000
        weights, distance = produce.follow(problem, initial, step)
        search = produce.Search(problem, weights, step, distance)
        search.run(600)
        path = os.path.join(self.folder.name, 'initial.txt')
        produce.write(path, problem, weights, step, search, initial)
        return path, read(path)

    def test_own_pairs_count_as_near_within_one_step(self):
        """They must not cross in the step that straddles the end of a piece; the last piece has none."""
        strides = []
        class Watched(checker.Tube):
            def near(self, out, radius, stride, shift, sure):
                strides.append(stride)
                return super().near(out, radius, stride, shift, sure)
        run, search, path = self.made['leaky, settled']
        tube = Watched(checker.Reference(run.problem(), run.weights(), STEP, [], [], 0.0))
        out, still = checker.Piece(tube.ref, 0.1, 8), tube.shifts({})[0]
        tube.charge(out, 0.01)
        radius = checker.Problem.length(tube.p, out.high) / STEP              # one step is at most this long
        self.assertGreater(strides[0] * max(tube.p.norm), 0)
        self.assertLess(strides[0], 10 * radius)
        _, found = tube.near(out, 0.01, 0.0, still, tube.sure)
        k, i = next((k, i) for k in range(tube.p.k) for i in range(tube.p.n) if tube.p.own(k, i) and (k, i) not in found)
        self.assertIn((k, i), tube.near(out, 0.01, min(map(abs, out.span(k, i))) / tube.p.norm[i], still, tube.sure)[1])
        strides.clear()
        with mock.patch.object(checker, "Tube", Watched):
            checker.check(path)
        self.assertGreater(strides[0], 0)
        self.assertEqual(strides[-1], 0)

    def test_the_step_into_the_line_is_charged_off_the_support_too(self):
        jumps = []
        class Watched(checker.Tube):
            def jump(self, old):
                jumps.append([abs(a - b) / checker.ONE for a, b in zip(old, self.ref.lam)])
                super().jump(old)
        run, search, path = self.made['samples off the support']
        with mock.patch.object(checker, "Tube", Watched):
            checker.check(path)
        off = set(range(run.problem().n)) - set(search.limit.support)
        self.assertTrue(off and all(abs(jumps[-1][i] / search.ref.lam_float[i] - 1) < 1e-12 for i in off), jumps[-1])

    def test_from_the_initial_weights(self):
        path, text = self.from_the_beginning()
        self.assertIn('initial weights W_0', checker.check(path))
        judge.Statement([line.split() for line in text if line]).judge_run(2)
        self.assertIn('NOT CHECKED', checker.check(path, True))
        self.assertNotIn('NOT CHECKED', checker.check(path))
        with mock.patch.dict(sys.modules, {'replay_steps': None}), self.assertRaisesRegex(checker.NotProved, 'replay_steps.py'):
            checker.check(path)
        step = next(r for r, line in enumerate(text) if line.startswith('step'))
        self.refused(text[:step] + ['loss exponential'] + text[step:], 'the steps of another loss')
        rows = [r for r, line in enumerate(text) if line.startswith('w0')]
        claim = next(r for r, line in enumerate(text) if line.startswith('start-distance'))
        words = text[rows[1]].split()
        nudged = [words[0], (float.fromhex(words[1]) * (1 + 1e-9)).hex()] + words[2:]
        self.refused(text[:rows[1]] + [' '.join(nudged)] + text[rows[1] + 1:], 'other initial weights')
        self.refused(text[:rows[0]] + text[rows[0] + 1:], 'one of them is missing')
        high = text[claim].split()[-1]
        self.refused(text[:claim] + ['start-distance 0x0.0p+0 ' + math.nextafter(float.fromhex(high), 0).hex()] + text[claim + 1:], 'nearer')
        step = next(r for r, line in enumerate(text) if line.startswith('step'))
        self.refused(text[:step] + ['step 30001'] + text[step + 1:], 'one step later')
        self.refused([line for r, line in enumerate(text) if not (line.startswith('w ') or r == step)], 'no weights at T')

    def test_every_step_of_descent_is_exact(self):
        """Against plain steps in 60 digits; signs change in most of these runs."""
        flips = 0
        for seed in range(12):
            dice = np.random.default_rng(seed)
            n, d, m, slope = dice.integers(1, 5), dice.integers(1, 6), int(dice.integers(1, 4)), float(dice.choice([0.0, 0.2, 0.7]))
            x, w = dice.normal(size=(n, d)), dice.normal(size=(2 * m, d)) * 0.3
            y = [int(v) for v in dice.choice([-1, 1], n)]
            loss = ['logistic', 'exponential'][seed % 2]
            problem = checker.Problem([list(map(float, r)) for r in x], y, m, slope, 0.1, loss)
            reached, drift = produce.replay_steps.Descent(problem, [list(map(float, r)) for r in w]).follow(250)
            exact_x, exact_w = ([[Decimal(float(v)) for v in row] for row in rows] for rows in (x, w))
            started = [[judge.product(r, v) >= 0 for v in exact_x] for r in exact_w]
            for _ in range(250):
                z = [[judge.product(r, v) for v in exact_x] for r in exact_w]
                slopes = [[Decimal(1) if v >= 0 else Decimal(slope) for v in row] for row in z]
                h = [1 / ((loss == 'logistic') + (y[i] * sum(problem.sign[k] * slopes[k][i] * z[k][i] for k in range(2 * m)) / m).exp()) for i in range(n)]
                for k in range(2 * m):
                    for i in range(n):
                        f = Decimal(0.1) / int(n) * h[i] * y[i] * problem.sign[k] * slopes[k][i] / m
                        exact_w[k] = [a + f * b for a, b in zip(exact_w[k], exact_x[i])]
            flips += started != [[judge.product(r, v) >= 0 for v in exact_x] for r in exact_w]
            wrong = max(abs(Decimal(a) / checker.ONE - b) for ours, theirs in zip(reached, exact_w) for a, b in zip(ours, theirs))
            self.assertLess(wrong, 1e-40)
            self.assertLess(drift, 1e-20)
        self.assertGreater(flips, 4)

    def test_a_file_that_is_no_certificate_is_refused_in_one_line(self):
        text = read(self.made['ReLU, pairs hop for ever'][2])
        at = {name: next(r for r, line in enumerate(text) if line.startswith(name)) for name in
              ('problem', 'width', 'step', 'x', 'labels', 'claim', 'radius', 'derivation', 'slide', 'piece', 'tail', 'end')}
        weights = [r for r, line in enumerate(text) if line.startswith('w ')]
        def swap(name, line):
            return text[:at[name]] + ([line] if line is not None else []) + text[at[name] + 1:]
        def add(name, line):
            return text[:at[name]] + [line] + text[at[name]:]
        cases = {
            'after tail': add('end', 'piece 0x1p0 0 0x1p0'), 'tail twice': add('end', text[at['tail']]), 'no tail': swap('tail', None),
            'a word too many': swap('piece', text[at['piece']] + ' 0'), 'a word too few': swap('width', 'width'),
            'two words of the width': swap('width', 'width 4 4'), 'unknown in the problem': add('x', 'noise 0x1p0'),
            'unknown claim': add('radius', 'speed 0x0p0 0x1p0'), 'unknown in the derivation': add('piece', 'jump 0 0 1'),
            'weights are missing': [line for r, line in enumerate(text) if r not in weights], 'no step': swap('step', None),
            'one weight is missing': text[:weights[0]] + text[weights[0] + 1:], 'no labels': swap('labels', None),
            'nan': swap('radius', 'radius 0x0p0 nan'), 'infinite': swap('radius', 'radius 0x0p0 inf'), 'decimal': swap('radius', 'radius 0 1.5'),
            'more digits than a double': swap('radius', 'radius 0x0p0 0x1.00000000000001p0'), 'overflow': swap('radius', 'radius 0x0p0 0x1p1024'),
            'a negative number': swap('step', 'step -20000'), 'a giant number': swap('step', 'step ' + '9' * 5000), 'a giant width': swap('width', 'width ' + '9' * 99),
            'no such neuron': swap('slide', 'slide 8 0'), 'no such sample': swap('slide', 'slide 0 4'), 'a pair twice': swap('slide', 'slide 0 1 1'),
            'a neuron slides twice': add('slide', text[at['slide']]), 'slide after a piece': add('tail', 'slide 7 1'), 'a slope of two letters': add('piece', 'set 0 0 10'),
            'degree': swap('piece', 'piece 0x1p0 61 0x1p0'), 'backwards': swap('piece', 'piece -0x1p0 4 0x1p0'), 'end twice': add('end', 'end'),
            'another loss': add('x', 'loss hinge'), 'two losses': text[:at['x']] + ['loss logistic'] * 2 + text[at['x']:],
            'not ASCII': add('x', 'x é'), 'empty': [], 'parts in another order': ['claim', 'problem'] + text[2:], 'a part twice': add('end', 'claim'),
            'a part is missing': swap('claim', None), 'early step': swap('step', 'step 9'), 'a sample of another dimension': swap('x', 'x 0x1p0'),
            'version': ['latetime-certificate 3'] + text[1:], 'cut': text[:at['piece']]}
        path = os.path.join(self.folder.name, 'no-certificate.txt')
        for what, lines in cases.items():
            with self.subTest(what):
                with open(path, 'w', encoding='utf-8') as f:
                    f.write('\n'.join(lines))
                self.answer(path, 2)
        self.answer(self.folder.name, 2)
        self.answer(os.path.join(self.folder.name, 'is-not-there'), 2)

    def certificates(self):
        limit = os.path.join(self.folder.name, 'limit.txt')
        run, search, path = self.made['ReLU, pairs hop for ever']
        produce.write_limit(limit, run.problem(), search)
        return [path for _, _, path in self.made.values()] + [limit]

    def test_changed_certificates_are_refused_or_true(self):
        tally, faults, followed = mutate.mutate(120, 5, self.certificates(), lambda words: None)
        self.assertEqual([fault[:2] for fault in faults], [])
        self.assertGreater(followed, 0)
        self.assertGreater(tally['claim narrowed', 'not proved'], 20)

    def test_the_judge_finds_what_is_false(self):
        for path in self.certificates():
            lines = [line.split() for line in read(path) if line]
            judge.Statement(lines).judge_limit()
            for row in range(lines.index(['claim']) + 1, lines.index(['derivation'])):
                low, high = map(float.fromhex, lines[row][-2:])
                for claim in ((high + 1e-6, high + 1), (low - 1, low - 1e-6)):
                    if lines[row][0] not in ('radius', 'log-straight-from', 'offset'):
                        with self.assertRaises(judge.False_, msg=lines[row]):
                            judge.Statement(lines[:row] + [lines[row][:-2] + [v.hex() for v in claim]] + lines[row + 1:]).judge_limit()
            with self.assertRaises(judge.False_):       # labels
                other = [['labels'] + ['+' if v == '-' else '-' for v in words[1:]] if words[0] == 'labels' else words for words in lines]
                judge.Statement(other).judge_limit()
            if lines[-2][0] == 'tail':
                judge.Statement(lines).judge_run(2)
                tenth = lambda words, c: words[:c] + [(float.fromhex(words[c]) / 100).hex()] + words[c + 1:]
                other = [tenth(words, 3) if words[0] == 'piece' else tenth(words, 1) if words[0] == 'tail' else words for words in lines]
                with self.assertRaises(judge.False_):
                    judge.Statement(other).judge_run(2)

    def answer(self, path, code):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(checker.main([path]), code, printed.getvalue())
        self.assertEqual(printed.getvalue().count('\n'), 1, printed.getvalue())

    def refused(self, text, what):
        path = os.path.join(self.folder.name, 'changed.txt')
        with open(path, 'w') as f:
            f.write('\n'.join(text))
        with self.assertRaises((checker.NotProved, checker.BadFile, ArithmeticError), msg=what):
            checker.check(path)


if __name__ == '__main__':
    unittest.main()
