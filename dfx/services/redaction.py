"""Taking secrets out of what is about to be recorded: addresses, command lines and patches.

What looks like a secret is replaced by `***`, and the number of lines stays. It is a safety net: no
pattern knows every secret, so nothing that exists to hold them is read in the first place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

HIDDEN = "***"

_NAMES = (
    r"password|passwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|auth[_-]?key"
)

# A password, or a token in the place of the user; a user alone is no secret.
_IN_ADDRESS = re.compile(
    r"(?<=://)(?:[^/\s\"'<>{}|\\:@]*:[^/\s\"'<>{}|\\]+|[^/\s\"'<>{}|\\@]{16,})(?=@)"
)
_KNOWN_TOKEN = re.compile(
    r"\b(?:hf_|gh[oprsu]_|github_pat_|glpat-|sk-|xox[abeprs]-|AKIA|ya29\.)[A-Za-z0-9_-]{16,}"
)
_QUOTED_VALUE = re.compile(
    rf"(?i)((?:{_NAMES})\w*[\"']?\s*[=:]\s*(?:\w+\()?)([\"'])(?!\2)[^\"'\n]+(?=\2)"
)
_BARE_VALUE = re.compile(
    rf"(?im)^([+ -]?\s*(?:export\s+)?[\w.-]*(?:{_NAMES})[\w.-]*\s*[=:]\s*)"
    # With a digit in it: a name that is assigned is code.
    r"(?=\S*\d)[^\s\"'#()\[\]]{8,}$"
)
_QUERY_VALUE = re.compile(rf"(?i)([?&](?:{_NAMES})\w*=)[^&\s\"']+")
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(?=-----END|\Z)", re.DOTALL)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{8,}")

_OPTION = re.compile(rf"(?i)--?[\w.-]*(?:{_NAMES})[\w.-]*")
_ASSIGNMENT = re.compile(rf"(?i)(-{{0,2}}[\w.-]*(?:{_NAMES})[\w.-]*=).+", re.DOTALL)

_HOLDS_SECRETS = re.compile(
    rf"(?i)(\.env.*|.*\.env|\.netrc|_netrc|\.pgpass|\.npmrc|\.pypirc|\.git-credentials|id_[a-z0-9]+"
    rf"|kubeconfig|.*\.(pem|key|p12|pfx|jks|kdbx|gpg|asc|ovpn)|.*({_NAMES}).*)"
)


def redact(text: str) -> str:
    """The text without what looks like a secret.

    >>> redact("https://me:pass@example.org/x.git")
    'https://***@example.org/x.git'
    >>> redact('api_key = "abc"')
    'api_key = "***"'
    """
    text = _PRIVATE_KEY.sub(lambda m: m[1] + _KEY_LINE.sub(HIDDEN, m[2]), text)
    text = _IN_ADDRESS.sub(HIDDEN, text)
    text = _KNOWN_TOKEN.sub(HIDDEN, text)
    text = _QUERY_VALUE.sub(rf"\1{HIDDEN}", text)
    text = _QUOTED_VALUE.sub(rf"\1\2{HIDDEN}", text)
    return _BARE_VALUE.sub(rf"\1{HIDDEN}", text)


def redact_command(words: Sequence[str]) -> list[str]:
    """A command line without what looks like a secret.

    >>> redact_command(["dfx", "run", "--token", "abc", "--password=x", "--lr", "1e-4"])
    ['dfx', 'run', '--token', '***', '--password=***', '--lr', '1e-4']
    """
    redacted: list[str] = []
    for word in words:
        if redacted and _OPTION.fullmatch(redacted[-1]) and not word.startswith("-"):
            redacted.append(HIDDEN)
        else:
            redacted.append(_ASSIGNMENT.sub(rf"\1{HIDDEN}", redact(word)))
    return redacted


def may_hold_secrets(path: str) -> bool:
    """Whether a file's name says that it is there to hold secrets.

    >>> [may_hold_secrets(path) for path in (".env", "a/id_rsa", "my_token.txt", "train.py")]
    [True, True, True, False]
    """
    return any(_HOLDS_SECRETS.fullmatch(part) for part in PurePath(path).parts)
