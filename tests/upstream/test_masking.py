"""Providers' words, made fit to be shown."""

import pytest

from tiercel.upstream.masking import MAX_MESSAGE_CHARS, clean_code, clean_message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect API key provided: sk-abc123def456.", "Incorrect API key provided: ***"),
        ("key sk-proj-abc***xyz is wrong", "key *** is wrong"),
        ("header was 'Bearer abc.def'", "header was '***'"),
        ("key AIzaSyA1234567890 not valid", "key *** not valid"),
        ("role arn:aws:iam::123456789012:role/x denied", "role *** denied"),
        ("Quota of projects/my-project-1/locations/eu", "Quota of ***/locations/eu"),
        ("project 123456789012 is disabled", "project *** is disabled"),
        ("in organization org-Ab12Cd34 on tokens", "in organization *** on tokens"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIi expired", "token *** expired"),
        ("fetching https://user:pw@host/x failed", "fetching ***host/x failed"),
        ("id 0123456789abcdef0123456789abcdef", "id ***"),
        ("Unknown field user_content in key_facts", "Unknown field user_content in key_facts"),
        ("'temperature' must be between 0 and 2", "'temperature' must be between 0 and 2"),
        ("a\r\nb\x00c\x1b[31md\u202ee", "a b c [31md e"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    assert clean_message(text) == expected


def test_long_message_is_cut() -> None:
    cut = clean_message("word " * 1_000)
    assert (len(cut) <= MAX_MESSAGE_CHARS, cut[-1]) == (True, "…")


@pytest.mark.parametrize(
    ("code", "expected"),
    [("rate_limit", "rate_limit"), ("a\r\nb", "a_b"), ("", None), (None, None), ("\x00", None)],
)
def test_code_is_one_plain_word(code: str | None, expected: str | None) -> None:
    assert clean_code(code) == expected


def test_credential_is_masked_in_pieces_too() -> None:
    assert clean_message("got canary-4711…, canary-4711-key", "canary-4711-key") == "got ***…, ***"
