#!/usr/bin/env python3
"""The theorems of docs/theorems: their certificates are accepted, and made again to the same bytes.

usage: gallery_test.py LATETIME [FOLDER OF MNIST]
"""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
GALLERY = os.path.join(ROOT, 'docs', 'theorems')
LEVELS = {'switching': 'B', 'stable-rank-above-one': 'C', 'symmetric': 'C', 'mnist': 'C'}
PROGRAM = ''


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


class Gallery(unittest.TestCase):
    def test_every_folder_is_in_the_table(self):
        folders = sorted(name for name in os.listdir(GALLERY) if os.path.isdir(os.path.join(GALLERY, name)))
        self.assertEqual(folders, sorted(LEVELS))
        with open(os.path.join(GALLERY, 'README.md'), encoding='utf-8') as page:
            text = page.read()
        for name, level in LEVELS.items():
            self.assertIn(f'| `{name}`, {level} |', text)

    def test_the_checker_accepts_them(self):
        for name in LEVELS:
            with self.subTest(name):
                checked = run(sys.executable, 'tools/check_certificate.py', f'docs/theorems/{name}/certificate.txt')
                self.assertEqual(checked.returncode, 0, checked.stdout[-500:])
                self.assertTrue(checked.stdout.rstrip().endswith('PROVED'))

    def test_the_program_makes_them_again(self):
        for name, level in LEVELS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                out = os.path.join(folder, 'out')
                made = run(PROGRAM, 'run', f'docs/theorems/{name}/config.toml', '--out', out)
                if name == 'mnist' and made.returncode == 2 and 'fetch-data' in made.stderr:
                    self.skipTest('no MNIST images on this machine')
                self.assertEqual(made.returncode, 0, made.stderr)
                proved = run(PROGRAM, 'prove', out, '--level', level)
                self.assertEqual(proved.returncode, 0, proved.stderr)
                with open(os.path.join(out, 'certificate.txt'), encoding='ascii') as one, \
                        open(os.path.join(GALLERY, name, 'certificate.txt'), encoding='ascii') as other:
                    self.assertEqual(one.read(), other.read(), 'the certificate is another')


if __name__ == '__main__':
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
