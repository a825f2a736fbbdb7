"""Population strings: how a group, or a comparison between groups, is written as one text.

"overall"; "sex=female" for a group, "sex=female & age=60+" for an intersection; "by sex" and
"by sex & age" for what compares the groups of a feature or combination. A feature's name has its
backslashes and equals signs escaped with a backslash, a name or value a lone "&" between spaces,
so that no value can imitate another population.

Where there are more than two classes, a population about one class against the rest starts with
it: "label=mid", "label=mid & sex=female", "label=mid & by sex". A feature that is itself called
"label" is written with a backslash in front.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

OVERALL = "overall"
LABEL = "label"
JOIN = " & "
_LONE_AND = re.compile(r"(?<!\S)&(?!\S)")


def _escape(text: str) -> str:
    return _LONE_AND.sub(r"\\&", text.replace("\\", "\\\\"))


def _escape_name(name: str) -> str:
    escaped = _escape(name).replace("=", "\\=")
    return f"\\{escaped}" if name == LABEL else escaped


def name_group(features: Sequence[str], values: Sequence[str]) -> str:
    r"""Return the population string of a group.

    >>> name_group(["sex", "age"], ["female", "60+"])
    'sex=female & age=60+'
    >>> name_group([], [])
    'overall'
    """
    pairs = zip(features, values, strict=True)
    return JOIN.join(f"{_escape_name(name)}={_escape(value)}" for name, value in pairs) or OVERALL


def name_comparison(features: Sequence[str]) -> str:
    """Return the population string of a comparison between the groups of some features.

    >>> name_comparison(["sex", "age"])
    'by sex & age'
    """
    return "by " + JOIN.join(_escape_name(name) for name in features)


def name_class(label: str, population: str) -> str:
    """Return the population string of one class against the rest within a population.

    >>> name_class("mid", "sex=female")
    'label=mid & sex=female'
    >>> name_class("mid", "overall")
    'label=mid'
    >>> name_class("mid", "by sex & age")
    'label=mid & by sex & age'
    """
    start = f"{LABEL}={_escape(label)}"
    return start if population == OVERALL else f"{start}{JOIN}{population}"
