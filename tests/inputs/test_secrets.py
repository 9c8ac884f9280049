"""Credentials stay out of everything that is recorded; settings are never masked by mistake."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.inputs.secrets import (
    looks_secret,
    mask_argv,
    mask_settings,
    mask_text,
    mask_tokens,
    secret_values,
)

SECRET = """
api_key apikey API_KEY apiKey password db.password passwd secret client_secret auth_token
access_token token args.token HF_TOKEN hf-token credentials private_key aws_access_key_id
aws_secret_access_key args.api-key openai_api_key wandb_key secret.0 PASSPHRASE authToken
""".split()  # noqa: SIM905
HARMLESS = """
max_tokens tokenizer pad_token eos_token token_type sort_key primary_key n_tokens key monkey
secretary token_dropout compass author api_version secret_size credentials_path num_keys
passes mask_token hotkey token_embedding_dim
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", SECRET)
def test_names_of_credentials(name: str) -> None:
    assert looks_secret(name, "abc")


@pytest.mark.parametrize("name", HARMLESS)
def test_names_of_settings(name: str) -> None:
    assert not looks_secret(name, "abc")


@pytest.mark.parametrize("value", [5, 0.5, True, None, "5", "1e-3", "true", "None", ""])
def test_numbers_and_switches_are_never_masked(value: object) -> None:
    assert not looks_secret("token", value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        (["--api-key", "abc"], ["--api-key", "***"]),
        (["--api-key=abc"], ["--api-key=***"]),
        (["api_key=abc"], ["api_key=***"]),
        (["+db.password=abc"], ["+db.password=***"]),
        (["HF_TOKEN=abc"], ["HF_TOKEN=***"]),
        (["--token", "5"], ["--token", "5"]),
        (["--max-tokens", "100"], ["--max-tokens", "100"]),
        (["--api-key", "--flag"], ["--api-key", "--flag"]),
        (["--url", "https://u:p@h/x"], ["--url", "https://***@h/x"]),
        (["--url=https://tok@h/x"], ["--url=https://***@h/x"]),
        (["ssh://git@host/x"], ["ssh://git@host/x"]),
        (["ghp_0123456789abcdefghijABCDEFGHIJ0123"], ["***"]),
        (["AKIAABCDEFGHIJKLMNOP"], ["***"]),
        (["sk-proj-abc123def456ghi789jkl0"], ["***"]),
        (["sk-learn-something-rather-long"], ["sk-learn-something-rather-long"]),
        (["x --api-key abc --lr 1; PASSWORD=foo y"], ["x --api-key *** --lr 1; PASSWORD=*** y"]),
        (["tell the secret story of it"], ["tell the secret story of it"]),
    ],
)
def test_commands_are_masked(words: list[str], masked: list[str]) -> None:
    assert list(mask_argv(["python", "t.py", *words])) == ["python", "t.py", *masked]


def test_settings_are_masked_by_name_and_by_looks() -> None:
    found = mask_settings(
        {"lr": 1, "api_key": "x", "db": "postgres://a:b@c/d", "max_tokens": "10", "n": None}
    )
    assert found == (
        {"lr": 1, "api_key": "***", "db": "postgres://***@c/d", "max_tokens": "10", "n": None},
        ("api_key", "db"),
    )


def test_the_log_holds_no_value_that_was_given() -> None:
    argv = ["python", "t.py", "--api-key", "abc", "--password=hunter22", "sh --secret 'tt tt'"]
    values = secret_values(argv, {"db.passwd": "zz9plural", "lr": 1})
    assert values == {"abc", "hunter22", "tt tt", "zz9plural"}
    log = b"abc abcd xhunter22x \xff zz9plural https://u:pw@h/ \x1b[31mred"
    assert mask_text(log, values) == b"*** abcd x***x \xff *** https://***@h/ \x1b[31mred"


def test_private_keys_are_masked_whole() -> None:
    text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz\n-----END RSA PRIVATE KEY-----\nb"
    assert mask_tokens(text) == "a\n***\nb"


@given(st.binary(max_size=300))
def test_other_bytes_of_a_log_stay_as_they_are(data: bytes) -> None:
    if b"://" not in data and b"-----BEGIN" not in data:
        assert mask_text(data) == data or b"***" in mask_text(data)


def test_hostile_logs_take_linear_time() -> None:
    began = time.monotonic()
    for piece in (
        b"://",
        b"eyJ",
        b"sk-",
        b"a://b",
        b"-----BEGIN ",
        b"ghp_a",
        b"api-key-",
        b"eyJaaaaaaaa-",
    ):
        mask_text(piece * 60_000)
        mask_argv([" " + piece.decode() * 5_000])
    assert time.monotonic() - began < 20
