"""Checkpoints as they are handed out: with the cosignatures of witnesses, and of a key that is still believed."""

from __future__ import annotations

from django.db.models import Count, Q, QuerySet

from governance.exceptions import IntegrityBroken
from governance.models import Checkpoint
from governance.signer_files import SignerError, read_trust
from governance.trust import Trust


def served_note(checkpoint: Checkpoint) -> str:
    """The signed note, with a line for each witness that cosigned it."""
    return checkpoint.note + "".join(cosignature.line for cosignature in checkpoint.cosignatures.all())


def covering_checkpoint(index: int) -> Checkpoint | None:
    """The oldest checkpoint that seals entry ``index`` for an outsider; None while nothing seals it.

    That is one whose key was not revoked since and which a quorum of witnesses cosigned. Where there is none yet, any
    that covers the entry. Raises ``IntegrityBroken`` while the trust file is damaged.
    """
    covering = Checkpoint.objects.filter(size__gt=index).order_by("size")
    try:
        trust = read_trust()
    except SignerError:
        raise IntegrityBroken("The log's trust file cannot be read. An operator must look at the signer.") from None
    if trust is None:
        return covering.first()
    sound = _believed(covering, trust)
    return _cosigned(sound, trust).first() or sound.first() or covering.first()


def _believed(checkpoints: QuerySet[Checkpoint], trust: Trust) -> QuerySet[Checkpoint]:
    """Those that a key signed which was not revoked since."""
    if not any(key.revoked for key in trust.keys):
        return checkpoints
    signed = Q(pk__in=())
    for key in trust.keys:
        if not key.revoked:
            ending = Q() if key.to_size is None else Q(size__lte=key.to_size)
            signed |= Q(size__gte=key.from_size) & ending
    return checkpoints.filter(signed)


def _cosigned(checkpoints: QuerySet[Checkpoint], trust: Trust) -> QuerySet[Checkpoint]:
    if not trust.quorum:
        return checkpoints
    names = [vkey.split("+", 1)[0] for vkey in trust.witnesses]
    counted = checkpoints.annotate(vouching=Count("cosignatures", filter=Q(cosignatures__witness__in=names)))
    return counted.filter(vouching__gte=trust.quorum)
