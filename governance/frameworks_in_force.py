"""The frameworks that stand, and the facts that they and the product know."""

from __future__ import annotations

from governance.exceptions import InvalidInput
from governance.frameworks.catalogue import Framework, parse_framework
from governance.frameworks.vocabulary import FactKind, facts
from governance.models import FrameworkEdition


def frameworks_in_force() -> dict[str, Framework]:
    """Every framework that stands, by its id, in the order of their titles."""
    return {edition.key: parse_framework(edition.text) for edition in FrameworkEdition.objects.in_force()}


def find_framework(key: str) -> Framework:
    """A framework that stands. Raises ``InvalidInput`` for one that does not."""
    edition = FrameworkEdition.objects.in_force().filter(key=key).first()
    if edition is None:
        raise InvalidInput(f"There is no framework “{key}” in force.", field="framework")
    return parse_framework(edition.text)


def all_facts() -> dict[str, FactKind]:
    """Every fact that may be answered: the product's and those of the house's own frameworks."""
    known = dict(facts())
    for framework in frameworks_in_force().values():
        known |= framework.private_facts
    return known


def find_fact(id: str) -> FactKind:
    found = facts().get(id) or all_facts().get(id)
    if found is None:
        raise InvalidInput(f"There is no fact “{id}”.", field="fact")
    return found
