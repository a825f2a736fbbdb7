"""A promotion in a small log, with its attestation and a revocation list, made by the portal's own code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from governance.canonical import canonical_bytes, sha256_hex
from governance.envelopes import seal
from governance.notes import SigningKey
from tests.client.small_log import KEY, ORIGIN, Log, verifier

ARTIFACT = b"the model"
DIGEST = sha256_hex(ARTIFACT)
DOSSIER = sha256_hex(b"the dossier")
AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PROMOTION, SIZE = 4, 9
STATEMENT_TYPE = "application/vnd.in-toto+json"
LIST_TYPE = "application/vnd.countersign.revocations+json"
KINDS = {
    "regular": "version.promoted",
    "emergency": "version.promoted_in_emergency",
    "rollback": "release.rolled_back",
}


def make_statement(**changes: Any) -> dict[str, Any]:
    """A statement as the portal issues it; ``changes`` go into its predicate."""
    predicate = {
        "project": "Decision support",
        "model": "Triage",
        "version": 2,
        "environment": "production",
        "kind": "regular",
        "dossier": DOSSIER,
        "policy": sha256_hex(b"the policy"),
        "findings": [["criterion:R-1", "MET"]],
        "signOffs": [],
        "conditions": [],
        "soloMode": False,
        "promotedAt": "2026-11-20T08:00:00.000000Z",
        "notBefore": "2026-11-20T08:00:00.000000Z",
        "expiresAt": "2027-02-18T08:00:00.000000Z",
    }
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model.bin", "digest": {"sha256": DIGEST.removeprefix("sha256:")}}],
        "predicateType": "urn:countersign:attestation:promotion:2",
        "predicate": predicate | changes,
    }


def make_bundle(statement: dict[str, Any] | None = None, *, keys: list[SigningKey] | None = None, **entry: Any) -> Any:
    """The bundle of a promotion of this statement; ``entry`` changes what its log entry says."""
    said = make_statement() if statement is None else statement
    text = canonical_bytes(said).decode()
    log = make_log(text, said["predicate"], entry)
    receipt = log.receipt(PROMOTION, SIZE) | {"document_digest": DOSSIER}
    if keys:
        receipt["checkpoint"] = log.checkpoint(SIZE, keys[0])
    return {"envelope": json.loads(seal(STATEMENT_TYPE, text, keys or [KEY])), "receipt": receipt}


def make_log(text: str, predicate: dict[str, Any], changes: dict[str, Any]) -> Log:
    bodies = []
    for index in range(SIZE):
        body: dict[str, Any] = {"index": index, "type": "noise.made", "at": "2026-11-20T08:00:00.000000Z"}
        if index == PROMOTION:
            environment = predicate["environment"]
            data = {"environment": environment, "dossier": DOSSIER, "statement": sha256_hex(text.encode())}
            body |= {"type": KINDS[predicate["kind"]], "subject": {"digest": DOSSIER}, "data": data}
            body |= changes
        bodies.append(canonical_bytes(body))
    return Log(bodies)


def make_list(*statements: Any, key: SigningKey = KEY, **changes: Any) -> Any:
    """A revocation list that names the statements; ``changes`` go into its payload."""
    payload = {
        "format": "countersign/revocations/1",
        "origin": ORIGIN,
        "issuedAt": "2026-11-24T06:00:00.000000Z",
        "validUntil": "2026-11-25T06:00:00.000000Z",
        "logSize": SIZE,
        "revoked": [
            {
                "statement": sha256_hex(canonical_bytes(statement)),
                "release": 7,
                "endedAt": "2026-11-23T10:00:00.000000Z",
                "reason": "Drift.",
            }
            for statement in statements
        ],
    }
    return json.loads(seal(LIST_TYPE, canonical_bytes(payload | changes).decode(), [key]))


BUNDLE = make_bundle()
LIST = make_list()


def judge(bundle: Any = BUNDLE, trusted: Any = None, **asked: Any) -> Any:
    """Ask the stand-alone verifier as a deployer would."""
    questions = {"digest": DIGEST, "environment": "production", "at": AT, "revocations": LIST} | asked
    return verifier.verify_attestation(bundle, [KEY.vkey] if trusted is None else trusted, **questions)


def changed(value: Any, path: str, new: Any) -> Any:
    """A copy with one value deep inside exchanged; the path is written with dots."""
    copy = json.loads(json.dumps(value))
    *parents, last = path.split(".")
    target = copy
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[last] = new
    return copy
