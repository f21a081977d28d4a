"""A program of its own that grants and revokes: `python granting.py STATE NUMBER ROUNDS PEOPLE`.

In each round every one of its people gets a grant; half of them end by themselves, the others by
revocation, or by a withdrawal that is taken back. It prints a line for each: the grant's
reference, and in seconds since 1970 when it could first be used and when it ended.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.access import Step, What, changing_access
from storage.database import open_record

OPEN_FOR = 0.6  # seconds


def main(state: Path, number: int, rounds: int, people: int) -> None:
    database = open_record(state)

    def add(*steps: Step) -> list[Step]:
        with changing_access(database) as changes:
            return [changes.add(step) for step in steps]

    for _ in range(rounds):
        granted: list[Step] = []
        began: list[float] = []
        for place in range(people):
            now = datetime.now(UTC)
            length = OPEN_FOR if place % 2 else 3600.0
            until = now + timedelta(seconds=length)
            granted += add(
                Step(
                    at=now, what=What.GRANT, person=f"p{number}.{place}", by="oak", site="x",
                    starts=now, until=until, purpose="lesson",
                )
            )  # fmt: skip
            began.append(time.time())
        time.sleep(OPEN_FOR)
        for place, grant in enumerate(granted):
            assert grant.until
            ended = grant.until.timestamp()
            if place % 2 == 0:
                about = {"at": datetime.now(UTC), "person": grant.person, "by": "oak"}
                if place % 4:
                    add(Step(what=What.WITHDRAW, **about), Step(what=What.RESTORE, **about))
                else:
                    add(Step(what=What.REVOKE, site="x", **about))
                ended = time.time()
            print(grant.reference, began[place], ended, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
