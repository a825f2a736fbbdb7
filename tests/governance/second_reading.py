"""A second reading of the rules of release, from the log's entries alone. It shares nothing with the gate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.models import AuditLogEntry, Release, User

NEEDED = ("validator", "approver")
VALID = timedelta(days=30)
RELEASING = ("version.promoted", "version.promoted_in_emergency", "release.rolled_back")
# What a person does to a version that keeps them from signing it.
DEEDS = {"version.registered", "version.submitted", "evidence.submitted", "waiver.granted"}


class SecondReading:
    """The log as read so far. An entry that releases is judged when it is first read, by what stood before it.

    Entries are only ever added, so a judgement holds for good; ``read_all_again`` makes sure of both at the end.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.keys: dict[int, str] = {}

    def catch_up(self) -> int:
        """Read what is new, judge the releases in it, and return how many entries there are."""
        rows = AuditLogEntry.objects.filter(index__gte=len(self.entries)).order_by("index")
        for index, body in rows.values_list("index", "body"):
            assert index == len(self.entries)
            entry = json.loads(bytes(body))
            self.entries.append(entry)
            self.counts[entry["type"]] += 1
            if entry["type"] in RELEASING:
                self.check(entry)
        return len(self.entries)

    def check_live(self, live: Iterable[Release]) -> None:
        """What runs was released by an entry that was judged, and one version runs in an environment."""
        live = list(live)
        assert len({(release.model_id, release.environment) for release in live}) == len(live)
        for release in live:
            assert self.entries[release.log_index]["type"] in RELEASING
            assert names(self.entries[release.log_index], release.version_id)

    def read_all_again(self) -> None:
        """Read the whole log from its start, and judge every release once more."""
        again = SecondReading()
        again.catch_up()
        assert again.entries[: len(self.entries)] == self.entries

    def check(self, made: dict[str, Any]) -> None:
        self.keys = dict(User.objects.values_list("pk", "person_key"))
        if made["type"] == "version.promoted_in_emergency":
            self.check_emergency(made)
        else:
            self.check_release(made)

    def check_emergency(self, made: dict[str, Any]) -> None:
        asked = next(
            item
            for item in self.entries
            if item["type"] == "emergency.asked" and item["subject"]["id"] == made["data"]["request"]
        )
        assert self.keys[asked["actor"]["id"]] != self.keys[made["actor"]["id"]]
        assert moment(made["data"]["expires_at"]) <= moment(made["at"]) + timedelta(hours=72)

    def check_release(self, made: dict[str, Any]) -> None:
        version = next(item["id"] for item in made["related"] if item["kind"] == "version")
        before = self.entries[: made["index"]]
        touched = self.contributors(before, version)
        if made["type"] == "version.promoted":
            self.check_refusals(before, version)
        filled: dict[str, set[str]] = {role: set() for role in NEEDED}
        for item in before:
            data = item["data"]
            if (
                item["type"] != "sign_off.given"
                or not names(item, version)
                or data["dossier"] != made["data"]["dossier"]
            ):
                continue
            person = self.keys[data["signer"]]
            is_fresh = moment(item["at"]) + VALID >= moment(made["at"])
            is_personal = item["actor"]["authentication"] == "session" and person not in touched
            if data["decision"].startswith("approve") and data["role"] in filled and is_fresh and is_personal:
                filled[data["role"]].add(person)
        assert any(one != other for one in filled["validator"] for other in filled["approver"]), (filled, touched)
        assert self.keys[made["actor"]["id"]] not in touched

    def check_refusals(self, before: list[dict[str, Any]], version: int) -> None:
        """The last word of everybody who refused is another one, or was overruled."""
        last: dict[tuple[str, str], Any] = {}
        for item in before:
            if item["type"] == "sign_off.given" and names(item, version):
                last[self.keys[item["data"]["signer"]], item["data"]["role"]] = item
        overruled = {item["subject"]["id"] for item in before if item["type"] == "sign_off.overruled"}
        standing = [item for item in last.values() if item["data"]["decision"] in ("reject", "request_changes")]
        assert all(item["subject"]["id"] in overruled for item in standing)

    def contributors(self, entries: list[dict[str, Any]], version: int) -> set[str]:
        """Who uploaded to, submitted, waived for or described this version, by its entries."""
        return {self.keys[item["actor"]["id"]] for item in entries if item["type"] in DEEDS and names(item, version)}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def names(entry: dict[str, Any], version: int) -> bool:
    return any((item["kind"], item["id"]) == ("version", version) for item in (entry["subject"], *entry["related"]))
