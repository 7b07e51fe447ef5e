"""Secrets are taken out, and what is none stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import dfx
from dfx.services.redaction import may_hold_secrets, redact, redact_command

SECRET = "s3cr3t-Xyzzy-0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@example.org/a.git",
        f"https://{SECRET}@example.org",
        f"postgresql+psycopg://dfx:{SECRET}@db:5432/runs?sslmode=require",
        f"postgresql://db/runs?user=me&password={SECRET}",
        f'+API_KEY = "{SECRET}"',
        f"-  'password': '{SECRET}',",
        f"+export HF_TOKEN={SECRET}",
        f"+db_password: {SECRET}",
        "hf_" + SECRET.replace("-", ""),
        "\n+".join(
            ["+-----BEGIN EC PRIVATE KEY-----", SECRET[-10:], "-----END EC PRIVATE KEY-----"]
        ),
    ],
)
def test_secret_is_taken_out(text: str) -> None:
    redacted = redact(text)

    assert SECRET not in redacted
    assert SECRET[-10:] not in redacted
    assert "***" in redacted
    assert text.count("\n") == redacted.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "+password=hunter22XYZ\r",
        "+password: hunter22XYZ  # production",
        "+api_key = hunter22XYZ,",
        "+STRIPE=rk_live_hunter22XYZ0123456789",
        "+DB_PASS=hunter22XYZ",
        "+Authorization: Bearer hunter22XYZ0123456789",
        "+cookie: eyJhbGciOiJI.eyJzdWIi.hunter22XYZ",
        "+machine example.org login me password hunter22XYZ",
    ],
)
def test_secret_is_taken_out_of_code_too(text: str) -> None:
    assert "hunter22XYZ" not in redact(text)
    assert redact(text).startswith(text[:4])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+password: correct-horse-battery", "+password: ***"),
        ("+db_password = correcthorse", "+db_password = ***"),
        ("PASS=hunterhunter", "PASS=***"),
        ("password: ${DB_PASSWORD}", "password: ${DB_PASSWORD}"),
        ("max_tokens: 51200000", "max_tokens: 51200000"),
    ],
)
def test_word_in_a_file_of_settings_is_a_secret(line: str, expected: str) -> None:
    """Where in code it is the name of something else, as in `password = previous`."""
    assert expected == redact(line, is_code=False)
    assert line == redact(line)


def test_code_stays_as_it_is() -> None:
    """A patch must still apply: our own code, which speaks of tokens and passwords, as well."""
    modules = sorted(Path(dfx.__file__).parent.rglob("*.py"))
    for path in modules:
        if path.name != "redaction.py":
            assert path.read_text() == redact(path.read_text()), path
    lines = (
        "token = tokens[0]\npassword: str\nself.secret = secret\nmax_tokens=512\n"
        "token=options.v2_token,\npassword = previous_one  # or none\nbypass = version2_of_it\n"
    )

    assert len(modules) > 40
    assert lines == redact(lines)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--token", SECRET], ["--token", "***"]),
        ([f"--db-password={SECRET}"], ["--db-password=***"]),
        (["--weights", f"https://me:{SECRET}@h/w.pth"], ["--weights", "https://***@h/w.pth"]),
        (["--set", f"hub.token={SECRET}"], ["--set", "hub.token=***"]),
        (["--name", "token", "--lr", "1e-4"], ["--name", "token", "--lr", "1e-4"]),
    ],
)
def test_command_line_keeps_everything_else(words: list[str], expected: list[str]) -> None:
    assert expected == redact_command(words)


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        (".env", True),
        (".env.local", True),
        ("deploy/prod.env", True),
        ("keys/server.pem", True),
        ("secrets/a.txt", True),
        ("aws_credentials.json", True),
        ("secrets.py", True),
        ("train.py", False),
        ("models/tokenizer.json", False),
        ("get_token.sh", False),
        ("token_loss.py", False),
        ("environment.yml", False),
        ("keyboard.md", False),
    ],
)
def test_files_that_hold_secrets_are_known_by_their_names(path: str, holds: bool) -> None:
    assert holds is may_hold_secrets(path)
