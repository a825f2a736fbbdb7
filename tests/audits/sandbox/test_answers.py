"""Answers are believed nothing."""

from __future__ import annotations

import pytest

from audits.errors import BadInput
from audits.sandbox.answers import read_answer
from audits.sandbox.failures import SandboxFailure
from audits.sandbox.walls import JobLimits

LIMITS = JobLimits()

RUBBISH = {
    "nothing": b"",
    "not json": b"hello",
    "not utf-8": b'{"result": "\xff"}',
    "a list": b"[1]",
    "a number": b"7",
    "null": b"null",
    "no result": b"{}",
    "result is a list": b'{"result": [1]}',
    "nan": b'{"result": {"value": NaN}}',
    "infinity": b'{"result": {"value": -Infinity}}',
    "overflow": b'{"result": {"value": 1e999}}',
    "endless number": b'{"result": {"value": ' + b"9" * 5_000 + b"}}",
    "deep": b'{"result": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
    "two answers": b'{"result": {}}{"result": {}}',
    "bad input without a place": b'{"bad_input": {"message": "x"}}',
    "bad input in row x": b'{"bad_input": {"message": "x", "column": null, "row": "x", "line": null}}',
    "error without a type": b'{"error": 1}',
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_is_a_failure_that_says_so(name: str) -> None:
    with pytest.raises(SandboxFailure, match="something that is not a result") as caught:
        read_answer(RUBBISH[name], 0, b"said \xff\x1b[31m on stderr", LIMITS)
    assert caught.value.cause == "unreadable"
    assert caught.value.detail.isascii()
    assert "\x1b" not in caught.value.detail


def test_result_and_bad_input_are_read() -> None:
    assert read_answer(b'{"result": {"value": null}}', 0, b"", LIMITS) == {"value": None}
    with pytest.raises(BadInput, match="column 'a', row 3: wrong"):
        read_answer(b'{"bad_input": {"message": "wrong", "column": "a", "row": 3, "line": null}}', 0, b"", LIMITS)


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        (128 + 11, "crash", "SIGSEGV"),
        (128 + 6, "crash", "SIGABRT"),
        (128 + 9, "memory", "more memory than the limit of 3,072 MiB"),
        (-9, "memory", "killed by the system"),
        (128 + 24, "processor", "more processor time"),
        (1, "crash", "exit code 1"),
        (255, "crash", "exit code 255"),
    ],
)
def test_exit_codes_in_words(code: int, cause: str, words: str) -> None:
    with pytest.raises(SandboxFailure, match=words) as caught:
        read_answer(b'{"result": {}}', code, b"", LIMITS)
    assert caught.value.cause == cause


def test_want_of_memory_is_told_as_the_limit() -> None:
    with pytest.raises(SandboxFailure, match="more memory than the limit") as caught:
        read_answer(b'{"error": {"type": "MemoryError"}}', 0, b"", LIMITS)
    assert caught.value.cause == "memory"
