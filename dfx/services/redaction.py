"""Taking secrets out of what is about to be recorded: addresses, command lines and patches.

What looks like a secret is replaced by `***`, and the number of lines stays. It is a safety net: no
pattern knows every secret, so nothing that exists to hold them is read in the first place. Code is
left as it is where a name is assigned to a name; in any other text that is a secret too.
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
    r"\b(?:hf_|gh[oprsu]_|github_pat_|glpat-|sk-|[rs]k_(?:live|test)_|whsec_|npm_|pypi-|xox[abeprs]-"
    r"|AKIA|AIza|ya29\.)[A-Za-z0-9_-]{16,}|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"
)
_BEARER = re.compile(r"(\b(?:[Bb]earer|[Aa]uthorization:\s*[Bb]asic)\s+)(?=\S*\d)[\w.~+/=-]{16,}")
_NETRC = re.compile(r"(\bmachine\s+\S+\s+(?:login\s+\S+\s+)?password\s+)\S+")
_QUOTED_VALUE = re.compile(
    rf"(?i)((?:{_NAMES})\w*[\"']?\s*[=:]\s*(?:\w+\()?)([\"'])(?!\2)[^\"'\n]+(?=\2)"
)
_BARE_VALUE = re.compile(
    r"(?im)^(?P<before>[+ -]?\s*(?:-\s+)?(?:export\s+)?"
    rf"(?P<name>[\w.-]*(?:{_NAMES})[\w.-]*|(?:[\w.-]*[_.-])?pass)\s*[=:]\s*)"
    r"(?P<value>[^\s\"'#()\[\]]*[^\s\"'#()\[\],;])(?=[ \t\r,;]*(?:#.*)?$)"
)
_EXACT_NAME = re.compile(rf"(?i)(?:.*[_.-])?(?:{_NAMES}|pass)")
_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_QUERY_VALUE = re.compile(rf"(?i)([?&](?:{_NAMES})\w*=)[^&\s\"']+")
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(?=-----END|\Z)", re.DOTALL)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{8,}")

_OPTION = re.compile(rf"(?i)--?[\w.-]*(?:{_NAMES})[\w.-]*")
_ASSIGNMENT = re.compile(rf"(?i)(-{{0,2}}[\w.-]*(?:{_NAMES})[\w.-]*=).+", re.DOTALL)

_HOLDS_SECRETS = re.compile(
    r"(?i)(\.env.*|.*\.env|\.netrc|_netrc|\.pgpass|pgpass\.conf|\.npmrc|\.pypirc|\.git-credentials"
    r"|id_[a-z0-9]+|kubeconfig|.*\.(pem|key|p12|pfx|jks|kdbx|gpg|asc|ovpn)"
    r"|(secret|credential|password)s?\.\w+)"
)
_SPEAKS_OF_SECRETS = re.compile(rf"(?i).*(?:{_NAMES})s?(?![a-z]).*")
_CODE = re.compile(r"(?i).*\.(py|pyi|pyx|ipynb|c|cc|cpp|cu|cuh|h|hpp|js|ts|rs|go|java)")
_ABOUT_CODE = re.compile(r"(?i).*\.(sh|bash|md|rst)")


def redact(text: str, *, is_code: bool = True) -> str:
    """The text without what looks like a secret.

    Args:
        text: Of one line or many, as they are or as lines of a patch.
        is_code: Whether a word may be a name of something else; in a file of settings it is not.

    >>> redact("https://me:pass@example.org/x.git")
    'https://***@example.org/x.git'
    >>> redact('api_key = "abc"')
    'api_key = "***"'
    """
    text = _PRIVATE_KEY.sub(lambda m: m[1] + _KEY_LINE.sub(HIDDEN, m[2]), text)
    text = _IN_ADDRESS.sub(HIDDEN, text)
    text = _KNOWN_TOKEN.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    text = _NETRC.sub(rf"\1{HIDDEN}", text)
    text = _QUERY_VALUE.sub(rf"\1{HIDDEN}", text)
    text = _QUOTED_VALUE.sub(rf"\1\2{HIDDEN}", text)

    def hide(found: re.Match[str]) -> str:
        secret = _is_secret(found["name"], found["value"], is_code=is_code)
        return found["before"] + HIDDEN if secret else found[0]

    return _BARE_VALUE.sub(hide, text)


def _is_secret(name: str, value: str, *, is_code: bool) -> bool:
    """Whether what a name with a secret's word in it stands for is one."""
    is_exact = _EXACT_NAME.fullmatch(name) is not None
    if is_exact and not is_code:
        # A shell's variable is only named there.
        return len(value) >= 6 and not value.startswith("$")
    is_number = value.replace("_", "").replace(".", "").isdecimal()
    if len(value) < 8 or not re.search(r"\d", value) or (is_number and not is_exact):
        return False
    return not (is_code and _ATTRIBUTE.fullmatch(value))


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
    """Whether a file's name says that it is there to hold secrets, and not that it is code.

    >>> [may_hold_secrets(path) for path in (".env", "a/id_rsa", "my_token.txt", "train.py")]
    [True, True, True, False]
    """
    parts = PurePath(path).parts
    if any(_HOLDS_SECRETS.fullmatch(part) for part in parts):
        return True
    if is_code(path) or _ABOUT_CODE.fullmatch(parts[-1]):
        return False
    return any(_SPEAKS_OF_SECRETS.fullmatch(part) for part in parts)


def is_code(path: str) -> bool:
    """Whether a file's name says that a program is in it.

    >>> is_code("dfx/train.py"), is_code("train.toml")
    (True, False)
    """
    return _CODE.fullmatch(path) is not None
