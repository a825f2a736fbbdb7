"""`manage.py log_keys`: list the log's keys, add one, and end one with an overlap or at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.actions.log import add_log_key, retire_log_key, revoke_log_key
from governance.actors import COMMAND, Actor
from governance.exceptions import GovernanceError
from governance.log_state import keys_in_log
from governance.models import User
from governance.signer_files import SignerError
from governance.signer_keys import KeyRing, forget_order, order_end, prepare_key
from governance.trust import RETIRED, REVOKED, TrustedKey

ENDS = {"retire": (RETIRED, retire_log_key), "revoke": (REVOKED, revoke_log_key)}


class Command(BaseCommand):
    help = "Show or change the keys that the log is signed with. Run it as the signer's user: it writes to its folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every key with the sizes over which it counts")
        verbs.add_parser("add", help="make a further key; checkpoints carry both signatures from then on")
        for name, text in (
            ("retire", "end a key in order: what it signed stays valid"),
            ("revoke", "end a key that is lost or stolen: what it signed counts only where witnesses cosigned it"),
        ):
            verb = verbs.add_parser(name, help=text)
            verb.add_argument("key_id", help="eight hexadecimal digits, as `list` shows them")
            verb.add_argument("--reason", required=True, help="recorded in the log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refused input ends with exit code 1 and the reason; then nothing was recorded."""
        try:
            if options["verb"] == "list":
                self._list()
            elif options["verb"] == "add":
                self._add()
            else:
                self._end(options["verb"], options["key_id"], options["reason"])
        except GovernanceError as error:
            raise CommandError(error.message) from None
        except SignerError as error:
            raise CommandError(str(error)) from None

    def _list(self) -> None:
        for key in keys_in_log():
            until = "now" if key.to_size is None else str(key.to_size)
            revoked = "  REVOKED" if key.revoked else ""
            self.stdout.write(f"{key.key_id}  signs from {key.from_size} to {until} entries{revoked}\n  {key.vkey}")

    def _add(self) -> None:
        KeyRing.load()
        vkey = prepare_key(keys_in_log())
        entry = add_log_key(vkey=vkey, actor=_operator())
        self.stdout.write(f"Recorded as entry {entry.index}. From the next checkpoint on, this key signs as well:")
        self.stdout.write(vkey)
        self.stdout.write("Hand it to everybody who verifies, then retire the old key: manage.py log_keys retire")

    def _end(self, verb: str, key_id: str, reason: str) -> None:
        type, act = ENDS[verb]
        key = _find_key(key_id)
        new = order_end(type, key)
        try:
            entry = act(vkey=key.vkey, reason=reason, actor=_operator())
        except GovernanceError:
            if new:
                forget_order(type, key)
            raise
        self.stdout.write(f"Recorded as entry {entry.index}. The key {key_id} signs nothing from there on.")
        self.stdout.write("Its file may be destroyed once the signer has sealed that entry.")


def _find_key(key_id: str) -> TrustedKey:
    for key in keys_in_log():
        if key.key_id == key_id:
            return key
    raise CommandError(f"The log has no key {key_id}. See: manage.py log_keys list")


def _operator() -> Actor:
    return Actor(User.objects.system(), COMMAND)
