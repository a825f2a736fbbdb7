"""Reading the YAML of a policy: a small part of the language in which a text can be read in one way only.

No anchors, aliases, tags or merge keys, no key twice; a number is decimal digits, a truth is ``true`` or ``false``.
Every value knows its line, so that a refusal can point at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import yaml

from governance.exceptions import InvalidInput

LONGEST_TEXT = 20_000
DEEPEST = 6
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,8})", re.ASCII)
TRUTHS = {"true": True, "false": False}
# libyaml's parser where it is installed: a framework of a hundred controls takes a second without it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TEXT_TAG = "tag:yaml.org,2002:str"


class PolicyFault(InvalidInput):
    """What is wrong with a policy's text, at which line and key. ``line`` is None where no single line is at fault."""

    def __init__(self, message: str, *, line: int | None = None, key: str = "") -> None:
        where = ", ".join(part for part in (f"line {line}" if line else "", f"“{key}”" if key else "") if part)
        super().__init__(f"{where[:1].upper()}{where[1:]}: {message}" if where else message, field="text")
        self.line = line
        self.key = key
        self.fault = message


@dataclass(frozen=True)
class Value:
    """A value of the text. ``content`` is a mapping, a list, or a scalar that is text, a whole number or a truth."""

    content: dict[str, Value] | list[Value] | str | int | bool | None
    key: str
    line: int

    def fault(self, message: str) -> PolicyFault:
        return PolicyFault(message, line=self.line, key=self.key)

    def mapping(self, known: Iterable[str]) -> dict[str, Value]:
        """The content as a mapping of known keys."""
        if not isinstance(self.content, dict):
            raise self.fault("this must be a mapping of keys.")
        known = tuple(known)
        for name, value in self.content.items():
            if name not in known:
                raise value.fault(f"unknown key; known are {', '.join(known)}.")
        return self.content

    def items(self, most: int) -> list[Value]:
        if not isinstance(self.content, list):
            raise self.fault("this must be a list.")
        if len(self.content) > most:
            raise self.fault(f"this list may have at most {most} items.")
        return self.content

    def text(self) -> str:
        if not isinstance(self.content, str):
            raise self.fault("this must be text; put it in quotes.")
        return self.content

    def whole_number(self, least: int, most: int) -> int:
        """A number of decimal digits. ``true`` is none, though it would count as 1."""
        if isinstance(self.content, bool) or not isinstance(self.content, int):
            raise self.fault(f"this must be a whole number from {least} to {most}.")
        if not least <= self.content <= most:
            raise self.fault(f"{self.content} is not within {least} to {most}.")
        return self.content

    def truth(self) -> bool:
        if not isinstance(self.content, bool):
            raise self.fault("this must be true or false.")
        return self.content

    def choice(self, allowed: Iterable[str]) -> str:
        allowed = tuple(allowed)
        if not isinstance(self.content, str) or self.content not in allowed:
            raise self.fault(f"“{self.shown}” is none of {', '.join(allowed)}.")
        return self.content

    @property
    def shown(self) -> str:
        return str(self.content)[:60] if isinstance(self.content, str | int) else "…"


def read_policy_text(text: str, *, what: str = "policy", longest: int = LONGEST_TEXT, deepest: int = DEEPEST) -> Value:
    """Read a text into values. Raises ``PolicyFault`` at the line at fault. ``what`` it is, a message says."""
    if len(text) > longest:
        raise PolicyFault(f"A {what} may have at most {longest:,} characters.")
    try:
        _refuse_what_is_not_used(text, deepest)
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = error.problem or error.context or "it cannot be read"
        raise PolicyFault(f"this is not valid YAML: {why}.", line=mark.line + 1 if mark else None) from None
    except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
        position = error.start if isinstance(error, UnicodeEncodeError) else error.position
        line = text.count("\n", 0, position) + 1
        raise PolicyFault("a character here cannot be used.", line=line) from None
    except yaml.YAMLError:
        raise PolicyFault(f"The {what} is not valid YAML.") from None
    if root is None:
        raise PolicyFault(f"The {what} is empty.")
    return _read(root, "")


def _refuse_what_is_not_used(text: str, deepest: int) -> None:
    """Look at the stream before anything is built from it: what refers to or contains itself is never expanded."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise PolicyFault("anchors and aliases (& and *) are not used here.", line=line)
        if getattr(event, "tag", None) is not None:
            raise PolicyFault("tags (!) are not used here.", line=line)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > deepest:
            raise PolicyFault("this is nested too deeply.", line=line)


def _read(node: yaml.Node, key: str) -> Value:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Value([_read(item, key) for item in node.value], key, line)
    if isinstance(node, yaml.MappingNode):
        return Value(_read_mapping(node), key, line)
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there is no fourth kind of node
    return Value(_read_scalar(node), key, line)


def _read_mapping(node: yaml.MappingNode) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for named, node_value in node.value:
        line = named.start_mark.line + 1
        if not isinstance(named, yaml.ScalarNode) or named.tag != TEXT_TAG:
            raise PolicyFault("a key must be plain text.", line=line)
        name = str(named.value)
        if name in found:
            raise PolicyFault("this key is given twice.", line=line, key=name)
        value = _read(node_value, name)
        # A list's line is the line of its key: that is where a reader looks for it.
        found[name] = Value(value.content, name, line) if isinstance(value.content, list | dict) else value
    return found


def _read_scalar(node: yaml.ScalarNode) -> str | int | bool | None:
    """Plain words mean what they look like. What another reader of YAML would take for a date, a fraction or an octal
    number stays None and fits nowhere."""
    written = str(node.value)
    if node.style or node.tag == TEXT_TAG:
        return written
    if INTEGER.fullmatch(written):
        return int(written)
    return TRUTHS.get(written)
