"""How a session's program proves with a signature that its person is there: password, code, passkey."""

from __future__ import annotations

from typing import Any

from governance.reauthentication import Proof
from portal.actors import session_of
from portal.api.fields import FreeObject, Strict, Text


class Signed(Strict):
    """The body of what is signed. Its validated ``password`` is the whole proof, which the actions take as such."""

    password = Text(required=False, default="", write_only=True, help_text="The signer's own, at every signature.")
    code = Text(
        required=False, default="", write_only=True, help_text="What the code generator shows, for whoever has one."
    )
    passkey = FreeObject(
        required=False,
        default=None,
        allow_null=True,
        write_only=True,
        help_text="Instead of both: the passkey's answer to the question from /passkey-questions.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fold the three into one, tied to the session that the passkey was asked in."""
        view = self.context["view"]
        view.takes_proof = True
        session = session_of(view.request)
        attrs["password"] = Proof(attrs["password"], attrs.pop("code"), attrs.pop("passkey"), session)
        return attrs
