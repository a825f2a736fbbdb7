"""The log's own keys, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from governance.projections.base import Entry, Problem, Projection
from governance.trust import KEY_ENTRIES, KeyHistoryError, Trust, TrustedKey, follow


class LogKeys(Projection):
    """The trust file must tell of the keys what the entries tell, up to some entry: the newest may not be sealed yet.

    Plain keys, trusted for every size, tell nothing.
    """

    types = KEY_ENTRIES

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self.states: list[tuple[TrustedKey, ...]] = [tuple(TrustedKey(key.vkey) for key in trust.keys[:1])]
        self.last: int | None = None

    def read_one(self, entry: Entry) -> Iterable[str]:
        try:
            self.states.append(follow(self.states[-1], entry.body))
        except KeyHistoryError as error:
            return [str(error)]
        self.last = entry.index
        return ()

    def finish(self) -> Iterator[Problem]:
        is_plain = all(key == TrustedKey(key.vkey) for key in self.trust.keys)
        if not is_plain and self.trust.keys not in self.states:
            yield Problem(self.last, "the log's keys in the trust file are not those that the entries name")
