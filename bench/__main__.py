"""script/bench NAME [--json FILE] [options of the benchmark]"""

import argparse
import importlib
import json
import sys
from pathlib import Path

BENCHMARKS = {
    "api": "how fast the API answers, from a thousand stored bots to a million",
    "capture": "CPU and memory of bots in a six-person meeting, beside the usual screen recorder",
    "schedules": "ten thousand scheduled bots due at once: three servers, one killed half-way, none sent twice",
    "webhooks": "Status changes by the thousand to five endpoints, one dead and one slow: rate, delay, CPU",
    "video": "CPU and speed of rendering a six-person meeting from its tape, by layout and size",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args, rest = parser.parse_known_args()
    if args.name is None:
        for name, what in BENCHMARKS.items():
            print(f"  {name:10} {what}")
        return 0
    figures = importlib.import_module(f"bench.{args.name}").run(rest)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
