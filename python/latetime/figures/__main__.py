"""python3 -m latetime.figures DIR [--width column|page] [--to DIR]: draws the tables that lie in DIR."""

import argparse
import os
import sys

from . import COLUMN, PAGE, draw, save
from ._paper import picture_name, tables_in


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m latetime.figures", description=__doc__.split(": ")[1])
    parser.add_argument("folder", metavar="DIR", help="folder that `latetime reproduce FIGURE --out DIR` wrote")
    parser.add_argument("--width", choices=("column", "page"), default="page", help="of the figures; default: page")
    parser.add_argument("--to", metavar="DIR", help="another folder for the pictures")
    options = parser.parse_args(arguments)
    names = tables_in(options.folder)
    if not names:
        print(f"latetime.figures: {options.folder}: holds no fig1.csv … fig5.csv; make them by "
              "latetime reproduce FIGURE --out DIR", file=sys.stderr)
        return 2
    to = options.to or options.folder
    os.makedirs(to, exist_ok=True)
    for name in names:
        made = draw(name, options.folder, COLUMN if options.width == "column" else PAGE)
        print("  ".join(save(made, os.path.join(to, picture_name(name)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
