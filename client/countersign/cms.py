"""Signatures as PAdES writes them: CMS (RFC 5652), X.509, RSA with PKCS #1 v1.5 (RFC 8017), ECDSA on P-256 (FIPS
186-5), time stamps (RFC 3161). The standard library alone.

Checked is that a signature fits its content and its certificate, strictly: what is not written in its one way is
refused. Whether the certificate is to be believed, the caller decides: the log names it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import NoReturn

RECEIPT = "2.25.69893105574680129279992736280345793293"
"""The attribute that holds the log's receipt."""
DATA, SIGNED_DATA, STAMP_INFO = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE, STAMP = "1.2.840.113549.1.9.16.2.47", "1.2.840.113549.1.9.16.2.14"
FORMER_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
"""Older time-stamp authorities name their certificate by SHA-1; the signature itself never rests on that."""
HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
RSA_KEY, EC_KEY, P256_CURVE = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.2.840.10045.3.1.7"
SIGNED_BY = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
COMMON_NAME = "2.5.4.3"


class Changed(Exception):
    """Two things that must agree do not."""


class Unreadable(Exception):
    """The signature is malformed or of a kind that is not known here, so nothing can be said."""


def refuse(message: str) -> NoReturn:
    """Raise Unreadable."""
    raise Unreadable(message)


# DER, strictly.


@dataclass(frozen=True)
class Der:
    """One value: its tag, what is inside, and its exact bytes."""

    tag: int
    body: bytes
    raw: bytes

    def children(self) -> list[Der]:
        """The values inside, in order."""
        found, place = [], 0
        while place < len(self.body):
            child = read_der(self.body, place)
            found.append(child)
            place += len(child.raw)
        return found

    def number(self) -> int:
        """The value as a whole number."""
        if self.tag != 0x02 or not self.body:
            refuse("the signature is malformed: a number was expected")
        return int.from_bytes(self.body, "big", signed=True)

    def name(self) -> str:
        """The value as an object identifier."""
        if self.tag != 0x06 or not self.body or self.body[-1] & 0x80:
            refuse("the signature is malformed: an identifier was expected")
        arcs, arc = [], 0
        for byte in self.body:
            arc = arc << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def read_der(data: bytes, place: int = 0) -> Der:
    """Read one value in its only encoding. Refuses everything else."""
    head = data[place : place + 2]
    if len(head) < 2 or head[0] & 0x1F == 0x1F:
        refuse("the signature is malformed: it ends too early")
    length, start = head[1], place + 2
    if length & 0x80:
        width = length & 0x7F
        length, start = int.from_bytes(data[start : start + width], "big"), start + width
        if not 1 <= width <= 4 or length < 0x80 or length.bit_length() <= 8 * (width - 1):
            refuse("the signature is malformed: a length is not written in its one way")
    if start + length > len(data):
        refuse("the signature is malformed: it ends too early")
    return Der(head[0], data[start : start + length], data[place : start + length])


# The signature (CMS).


@dataclass(frozen=True)
class Signed:
    """What a signature that fits says of itself."""

    name: str
    fingerprint: str
    fingerprints: tuple[str, ...]
    receipt: bytes | None
    stamp: str
    content: bytes | None = None


def open_signature(digits: bytes, covered: bytes) -> Signed:
    """Check a detached signature over `covered`. Raises Tampered and NotVerifiable."""
    text = digits[1:-1]
    if not re.fullmatch(rb"(?:[0-9a-f]{2})+", text):
        raise Changed("the signature is not written as the portal writes it")
    whole = bytes.fromhex(text.decode("ascii"))
    content = read_der(whole)
    if whole[len(content.raw) :].strip(b"\0"):
        raise Changed("something was written behind the signature")
    return _open_signed_data(content, covered)


def _open_signed_data(content: Der, covered: bytes | None) -> Signed:
    """Check the one signature. `covered` is None where the content is inside, as in a time stamp."""
    kind, wrapped = _expect(content.children(), 2)
    if kind.name() != SIGNED_DATA:
        refuse("the signature is of an unknown kind")
    parts = read_der(wrapped.body).children()
    enclosed = _expect(parts[2].children(), 1)
    inside = read_der(enclosed[1].body).body if len(enclosed) > 1 else None
    if len(parts) < 5 or parts[3].tag != 0xA0 or len(parts[-1].children()) != 1:
        refuse("the signature holds no certificate, or more than one signature")
    certificates = parts[3].children()
    signer = parts[-1].children()[0]
    fields = signer.children()
    algorithm = HASHES.get(fields[2].children()[0].name())
    if algorithm is None or fields[3].tag != 0xA0:
        refuse("the signature uses an algorithm that is not known here")
    attributes = _read_attributes(fields[3])
    hashed = hashlib.new(algorithm, covered if covered is not None else inside or b"").digest()
    if _one(attributes, MESSAGE_DIGEST).body != hashed:
        raise Changed("the content is not the one that was signed")
    if _one(attributes, CONTENT_TYPE).name() != (DATA if covered is not None else STAMP_INFO):
        raise Changed("the signature is over content of another kind")
    first = _find_signer(certificates, attributes)
    signed_text = b"\x31" + fields[3].raw[1:]
    if not fits(first, algorithm, signed_text, fields[5].body):
        raise Changed("the signature does not fit its certificate")
    others = [item for item in certificates if item is not first]
    later = _read_attributes(fields[6]) if len(fields) > 6 else {}
    if covered is not None:
        _check_frame(content, certificates, first, fields, later)
    stamp = _check_stamp(later[STAMP][0], fields[5].body) if STAMP in later else "without a time stamp"
    receipt = _one(later, RECEIPT).body if RECEIPT in later else None
    prints = tuple("sha256:" + hashlib.sha256(item.raw).hexdigest() for item in (first, *others))
    return Signed(_common_name(first), prints[0], prints, receipt, stamp, inside)


def _expect(found: list[Der], least: int) -> list[Der]:
    if len(found) < least:
        refuse("the signature is malformed: something is missing")
    return found


def _read_attributes(part: Der) -> dict[str, list[Der]]:
    found: dict[str, list[Der]] = {}
    for item in part.children():
        name, values = _expect(item.children(), 2)
        if name.name() in found:
            refuse("the signature says something twice")
        found[name.name()] = values.children()
    return found


def _one(attributes: dict[str, list[Der]], name: str) -> Der:
    values = attributes.get(name, [])
    if len(values) != 1:
        refuse("the signature lacks something that it must say")
    return values[0]


def _check_frame(
    content: Der, certificates: list[Der], first: Der, fields: list[Der], later: dict[str, list[Der]]
) -> None:
    """Write the frame, which no signature covers, again from what it holds: it must come out the same."""
    serial, _algorithm, issuer = _fields_of(first)[:3]
    hashing, signing = fields[2], fields[4]
    if any(len(kind.children()) > 1 and kind.children()[1].raw != b"\5\0" for kind in (hashing, signing)):
        raise Changed("the signature names another algorithm than it was made with")
    named = signing.children()[0].name()
    if named != RSA_KEY and SIGNED_BY.get(named) != HASHES.get(hashing.children()[0].name()):
        raise Changed("the signature names another algorithm than it was made with")
    kind, wrapped = content.children()
    enclosed = read_der(wrapped.body).children()[2]
    number, who = b"\2\1\1", write_der(0x30, issuer.raw + serial.raw)
    signed = number + who + _again(hashing) + write_der(0xA0, fields[3].body) + _again(signing)
    signed += write_der(0x04, fields[5].body)
    if len(fields) > 6:
        signed += write_der(0xA1, b"".join(_write_attribute(item) for item in fields[6].children()))
    body = number + write_der(0x31, _again(hashing)) + write_der(0x30, enclosed.children()[0].raw)
    body += write_der(0xA0, b"".join(item.raw for item in certificates)) + write_der(0x31, write_der(0x30, signed))
    whole = write_der(0x30, kind.raw + write_der(0xA0, write_der(0x30, body)))
    if whole != content.raw or enclosed.children()[0].name() != DATA or not {*later} <= {RECEIPT, STAMP}:
        raise Changed("what stands around the signature is not as it was written")


def _again(algorithm: Der) -> bytes:
    return write_der(0x30, b"".join(item.raw for item in algorithm.children()))


def _write_attribute(attribute: Der) -> bytes:
    name, values = attribute.children()
    value = values.children()[0]
    tag = 0x04 if name.name() == RECEIPT else 0x30
    return write_der(0x30, name.raw + write_der(0x31, write_der(tag, value.body)))


def write_der(tag: int, body: bytes) -> bytes:
    """One value in its only encoding."""
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _find_signer(certificates: list[Der], attributes: dict[str, list[Der]]) -> Der:
    """The certificate whose hash was signed along."""
    newer = SIGNING_CERTIFICATE in attributes
    said = _one(attributes, SIGNING_CERTIFICATE if newer else FORMER_SIGNING_CERTIFICATE)
    named = said.children()[0].children()[0].children()
    algorithm = "sha256" if newer else "sha1"
    if named[0].tag == 0x30:
        algorithm = HASHES.get(named[0].children()[0].name(), "")
        named = named[1:]
    if not algorithm:
        refuse("the certificate is named by a hash that is not known here")
    for item in certificates:
        if hashlib.new(algorithm, item.raw).digest() == named[0].body:
            return item
    raise Changed("the certificate that signed is not in the file")


def _check_stamp(stamp: Der, signature: bytes) -> str:
    """A time stamp over the signature; who its authority is, is for the reader to judge."""
    found = _open_signed_data(stamp, None)
    fields = read_der(found.content or b"").children()
    algorithm, imprint = fields[2].children()
    hashed = HASHES.get(algorithm.children()[0].name())
    if hashed is None or imprint.body != hashlib.new(hashed, signature).digest():
        raise Changed("the time stamp is over something else")
    moment = next(item.body for item in fields if item.tag == 0x18).decode("ascii", "replace")
    return f"time stamp {moment} by {found.name!r}"


def _common_name(certificate: Der) -> str:
    subject = _fields_of(certificate)[4]
    for group in subject.children():
        name, value = group.children()[0].children()
        if name.name() == COMMON_NAME:
            return value.body.decode("utf-8", "replace")
    return "somebody without a name"


def _fields_of(certificate: Der) -> list[Der]:
    """Serial number, algorithm, issuer, validity, subject, key, ..., the version left out."""
    fields = _expect(certificate.children(), 3)[0].children()
    return _expect(fields[1:] if fields and fields[0].tag == 0xA0 else fields, 6)


# The mathematics. Slow and not constant-time: nothing here is secret.


def fits(certificate: Der, algorithm: str, message: bytes, signature: bytes) -> bool:
    """Say whether the signature is the certificate's over the message."""
    kind, bits = _expect(_fields_of(certificate)[5].children(), 2)
    names = kind.children()
    if names[0].name() == RSA_KEY:
        modulus, exponent = (item.number() for item in read_der(bits.body[1:]).children())
        return _fits_rsa(modulus, exponent, algorithm, message, signature)
    if names[0].name() == EC_KEY and len(names) > 1 and names[1].name() == P256_CURVE:
        return _fits_p256(bits.body[1:], algorithm, message, signature)
    refuse("a certificate has a key of a kind that is not known here")


def _fits_rsa(modulus: int, exponent: int, algorithm: str, message: bytes, signature: bytes) -> bool:
    size = (modulus.bit_length() + 7) // 8
    number = {"sha256": 1, "sha384": 2, "sha512": 3}[algorithm]
    hashed = hashlib.new(algorithm, message).digest()
    prefix = bytes.fromhex(f"30{len(hashed) + 17:02x}300d06096086480165030402{number:02x}050004{len(hashed):02x}")
    wanted = b"\0\1" + b"\xff" * (size - 3 - len(prefix) - len(hashed)) + b"\0" + prefix + hashed
    if len(signature) != size or modulus < 1 << 2040 or not 3 <= exponent < 1 << 64:
        return False
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == wanted


_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_Point = tuple[int, int] | None
_G: _Point = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def _fits_p256(key: bytes, algorithm: str, message: bytes, signature: bytes) -> bool:
    x, y = int.from_bytes(key[1:33], "big"), int.from_bytes(key[33:], "big")
    if len(key) != 65 or key[0] != 4 or max(x, y) >= _P or (y * y - x * x * x + 3 * x - _B) % _P:
        return False
    pair = read_der(signature)
    if pair.tag != 0x30 or pair.raw != signature or len(pair.children()) != 2:
        return False
    r, s = (item.number() for item in pair.children())
    if not 0 < r < _N or not 0 < s < _N:
        return False
    hashed = int.from_bytes(hashlib.new(algorithm, message).digest()[:32], "big")
    inverse = pow(s, -1, _N)
    point = _add(_multiply(hashed * inverse % _N, _G), _multiply(r * inverse % _N, (x, y)))
    return point is not None and point[0] % _N == r


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return other if one is None else one
    if one[0] == other[0]:
        if (one[1] + other[1]) % _P == 0:
            return None
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, _P) % _P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P) % _P
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    result: _Point = None
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result
