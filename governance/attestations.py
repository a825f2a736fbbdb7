"""Attestations: what was promoted, said for machines, as an in-toto statement (v1).

The promotion writes the statement; the signer process seals it in a DSSE envelope once a checkpoint covers the
promotion's log entry, so that no web process ever holds a key.
"""

from __future__ import annotations

from typing import Any

from governance.canonical import canonical_bytes, sha256_hex
from governance.dossier_items import instant

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:countersign:attestation:promotion:1"


def statement(dossier: Any, decision: Any) -> str:
    """The canonical statement: subjects are the artifact digests, the predicate is what was judged and signed."""
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": item.name, "digest": {"sha256": item.digest.removeprefix("sha256:")}}
            for item in dossier.version.artifacts
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "model": dossier.model.name,
            "project": dossier.model.project,
            "version": dossier.version.number,
            "environment": decision.environment,
            "dossier": dossier.digest,
            "policy": decision.policy_digest,
            "findings": [[finding.key, finding.status] for finding in decision.findings],
            "signOffs": [
                {"name": item.signer, "role": item.role, "meaning": item.meaning, "at": instant(item.signed_at)}
                for item in dossier.sign_offs
                if item.is_current
            ],
            "promotedAt": instant(decision.judged_at),
        },
    }
    return canonical_bytes(document).decode()


def statement_digest(text: str) -> str:
    return "sha256:" + sha256_hex(text.encode())
