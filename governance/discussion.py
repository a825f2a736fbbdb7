"""What of a dossier can be spoken about, and who is spoken to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

from governance.dossier import Dossier
from governance.gate import GateDecision
from governance.models import Membership, Project, User

MENTION = re.compile(r"(?<![\w@.])@([\w.+-]*\w)")
MOST_MENTIONS = 20


def list_items(dossier: Dossier, decision: GateDecision) -> dict[str, str]:
    """Key -> title of everything in the dossier that a remark can be about: each finding, each part as it stands."""
    items = {
        "dossier": _("The whole dossier"),
        "model": _("The model's description"),
        "version": _("The version and its artifacts"),
        "proof_of_concept": _("Proof of concept"),
        "lineage": _("Lineage"),
        "policy": _("Promotion policy"),
        "sign_offs": _("Sign-offs"),
        "contributors": _("Contributors"),
    }
    items |= {f"requirement:{item.key}": f"{item.key} {item.title}" for item in dossier.requirements}
    items |= {f"evidence:{item.id}": item.title for item in dossier.evidence}
    items |= {f"evaluation:{item.id}": f"{item.kind.replace('_', ' ')}: {item.dataset}" for item in dossier.evaluations}
    items |= {f"sign_off:{item.id}": f"{item.signer}, {item.role}" for item in dossier.sign_offs}
    return items | {finding.key: finding.title for finding in decision.findings}


def find_mentioned(text: str, project: Project) -> list[User]:
    """The members of the project whose logins the text names as “@login”, each once, in the order of their logins."""
    logins = {login.lower() for login in MENTION.findall(text)}
    members = Membership.objects.current().filter(project=project).values("user_id")
    found = User.objects.filter(pk__in=members, is_active=True, username__in=logins).order_by("username")
    return list(found[:MOST_MENTIONS])


def spell_mentions(people: Iterable[User]) -> list[int]:
    """As the log keeps them."""
    return sorted(person.pk for person in people)
