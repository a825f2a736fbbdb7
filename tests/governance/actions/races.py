"""Doing the same thing several times at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connections

from governance.exceptions import GovernanceError


def race(act: Callable[[], object], times: int = 5) -> list[str]:
    """Do the same in several threads at once and return how each ended: "done" or the refusal's code, sorted.

    Anything but a refusal is named by its class, so that it is seen.
    """
    barrier, outcomes = threading.Barrier(times), []

    def run() -> None:
        barrier.wait()
        try:
            act()
            outcomes.append("done")
        except GovernanceError as error:
            outcomes.append(error.code)
        except Exception as error:
            outcomes.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)
