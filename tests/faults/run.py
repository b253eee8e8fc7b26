"""Break an installation for as long as you like: ``python -m tests.faults.run --seconds 300 --seed 7``.

Exit codes: 0 nothing is lost, and every act was answered in time; 1 something is wrong; 2 an act was answered late.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.faults.campaign import GOAL, run, table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="for how long things break")
    parser.add_argument("--seed", type=int, default=1, help="what breaks when follows from it")
    parser.add_argument("--accords", type=int, default=12, help="accords that run meanwhile")
    parser.add_argument("--longest", type=float, default=5.0, help="seconds that a fault lasts at most")
    parser.add_argument(
        "--keep", type=Path, help="where to leave logs and histories, should something be wrong"
    )
    given = parser.parse_args()
    outcome = asyncio.run(
        run(
            given.seed,
            given.seconds,
            given.accords,
            given.longest,
            lambda line: print(line, flush=True),
            given.keep,
        )
    )
    print(
        f"\nseed {given.seed}: {len(outcome.effects)} faults, {outcome.acts} acts, {outcome.signals} signals\n"
    )
    print(table(outcome))
    for problem in outcome.problems:
        print(f"WRONG: {problem}")
    for ended in outcome.ended_by_themselves:
        print(f"ended by itself: {ended}")
    for late in outcome.late():
        print(f"LATE (more than {GOAL:g} s): {late}")
    return 1 if outcome.problems else 2 if outcome.late() else 0


if __name__ == "__main__":
    sys.exit(main())
