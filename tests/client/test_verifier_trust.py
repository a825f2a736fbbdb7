"""The offline verifier: trust files, with the sizes that each key may sign, revoked keys, and a quorum of witnesses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.notes import SigningKey, add_signature
from governance.notes import encode as spell
from tests.client.small_log import GOOD, KEY, NEXT_KEY, NOT_VERIFIABLE, STRANGER, TAMPERED, verifier
from tests.client.small_release import BUNDLE, SIZE, changed, judge, make_bundle, make_list
from tests.client.small_trust import WITNESSES, cosign, make_trust, witness_vkey


def trusting(**given: Any) -> Any:
    return verifier.read_trust(make_trust(**given))


def cosigned(*witnesses: SigningKey) -> Any:
    note = BUNDLE["receipt"]["checkpoint"]
    for witness in witnesses:
        note = cosign(note, witness)
    return changed(BUNDLE, "receipt.checkpoint", note)


def test_key_counts_over_its_sizes_only():
    assert judge(trusted=trusting()).outcome is GOOD
    assert judge(trusted=trusting(to_size=SIZE)).outcome is GOOD
    for ended in ({"to_size": SIZE - 1}, {"from_size": SIZE + 1}):
        verdict = judge(trusted=trusting(**ended))
        assert verdict.outcome is NOT_VERIFIABLE
        assert "may not sign one of 9 entries" in verdict.message
    assert judge(make_bundle(keys=[NEXT_KEY]), trusted=trusting()).outcome is NOT_VERIFIABLE


def test_retired_key_makes_no_revocation_list_for_a_longer_log():
    trust = trusting(to_size=SIZE)
    assert judge(trusted=trust).outcome is GOOD
    assert judge(trusted=trust, revocations=make_list(logSize=SIZE + 1)).outcome is NOT_VERIFIABLE
    assert judge(trusted=trust, revocations=make_list(logSize=SIZE + 1, key=NEXT_KEY)).outcome is GOOD


def test_quorum_of_witnesses_is_demanded():
    trust = trusting(quorum=2)
    one, two, three = WITNESSES
    assert [judge(cosigned(*given), trusted=trust).outcome for given in ((), (one,), (one, one), (one, two))] == [
        NOT_VERIFIABLE,
        NOT_VERIFIABLE,
        NOT_VERIFIABLE,
        GOOD,
    ]
    assert judge(cosigned(one, two, three, STRANGER), trusted=trust).outcome is GOOD
    assert "1 of the 2 witnesses" in judge(cosigned(three), trusted=trust).message


def test_revoked_key_counts_only_beside_a_witness():
    trust = trusting(revoked=True, to_size=SIZE)
    asked = {"trusted": trust, "revocations": make_list(key=NEXT_KEY, logSize=SIZE + 1)}
    assert judge(**asked).outcome is NOT_VERIFIABLE
    assert "its key is revoked" in judge(**asked).message
    assert judge(cosigned(WITNESSES[0]), **asked).outcome is GOOD
    assert judge(cosigned(WITNESSES[0]), trusted=trust).outcome is NOT_VERIFIABLE  # its list counts for nothing


def test_cosignature_that_does_not_fit_is_tampered():
    bundle = cosigned(WITNESSES[0])
    note = bundle["receipt"]["checkpoint"]
    later = cosign(BUNDLE["receipt"]["checkpoint"], WITNESSES[0], 1_795_000_001).splitlines()[-1].split()[2]
    real = note.splitlines()[-1].split()[2]
    mixed = spell(verifier._decode_base64(later, "it")[:12] + verifier._decode_base64(real, "it")[12:])
    forged = changed(bundle, "receipt.checkpoint", note.replace(real, mixed))
    assert judge(forged, trusted=trusting(quorum=1)).outcome is TAMPERED


def test_log_key_is_no_witness_and_a_witness_no_log_key():
    assert judge(trusted=[witness_vkey(WITNESSES[0])]).outcome is NOT_VERIFIABLE
    document = make_trust() | {"witnesses": [KEY.vkey]}
    with pytest.raises(verifier.NotVerifiable, match="not a witness's Ed25519"):
        verifier.read_trust(document)


def test_one_witness_under_two_names_counts_once():
    twin = replace(WITNESSES[0], name="twin.example.org")
    document = make_trust(quorum=1) | {"witnesses": [witness_vkey(WITNESSES[0]), witness_vkey(twin)]}
    with pytest.raises(verifier.NotVerifiable, match="wants 2 witnesses"):
        verifier.read_trust(document | {"quorum": 2})
    note = cosign(cosign(BUNDLE["receipt"]["checkpoint"], WITNESSES[0]), twin)
    trust = replace(verifier.read_trust(document), quorum=2)
    assert judge(changed(BUNDLE, "receipt.checkpoint", note), trusted=trust).outcome is NOT_VERIFIABLE


def test_trust_in_another_log_says_nothing():
    trust = verifier.read_trust(make_trust() | {"origin": "another.example.org/log"})
    assert judge(trusted=trust).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "countersign/trust/2"),
        ("origin", None),
        ("keys", None),
        ("keys.0.vkey", "none"),
        ("keys.0.from_size", "0"),
        ("keys.0.to_size", "9"),
        ("keys.0.revoked", 0),
        ("keys.0", None),
        ("witnesses", None),
        ("witnesses", [5]),
        ("quorum", 4),
        ("quorum", -1),
        ("quorum", None),
    ],
)
def test_malformed_trust_file_is_not_verifiable(path, value):
    document = make_trust()
    if path == "keys.0":
        document["keys"][0] = value
    else:
        document = changed(document, path, value)
    with pytest.raises(verifier.NotVerifiable):
        verifier.read_trust(document)


def test_key_that_does_not_say_when_it_ends_is_not_verifiable():
    """Left out would read as never: a retired key must not come back by a misspelt name."""
    document = make_trust(to_size=SIZE)
    document["keys"][0]["to_siz"] = document["keys"][0].pop("to_size")
    with pytest.raises(verifier.NotVerifiable, match="until which size"):
        verifier.read_trust(document)


def test_checkpoint_with_both_keys_of_a_rotation_counts_under_either():
    note = add_signature(BUNDLE["receipt"]["checkpoint"], NEXT_KEY)
    bundle = changed(BUNDLE, "receipt.checkpoint", note)
    assert judge(bundle, trusted=trusting()).outcome is GOOD
    assert judge(bundle, trusted=trusting(to_size=SIZE - 1)).outcome is NOT_VERIFIABLE
