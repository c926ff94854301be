"""Who may ask what: named keys with roles, compared in constant time.

Keys come from a TOML file or from the environment and are kept as digests only; a key
never stands in a message or a log. ``read`` may look at stored scores and pages,
``score`` may also send accounts to be scored, ``admin`` may do everything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from churnhealth.errors import ConfigError, RequestError

__all__ = [
    "ENVIRONMENT",
    "LOOPBACK",
    "OPEN",
    "ROLES",
    "Key",
    "Keys",
    "KeysFollowed",
    "only_near",
    "read_keys",
]

ROLES = ("read", "score", "admin")
ENVIRONMENT = "CHURNHEALTH_KEYS"
OPEN = ("/livez", "/readyz")
"""Routes that answer without a key: they say nothing of anybody."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names under which a service that is bound to loopback may be called, key or not."""

_SHORTEST = 20  # characters
_FIELDS = {"name", "role", "header", "key", "sha256"}
_HEADER = re.compile(r"[Xx]-[A-Za-z0-9-]{1,60}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key by its name and role; ``digest`` is its SHA-256.

    With ``header`` it is shown in the header of that name and nowhere else: by a
    reverse proxy that has asked people who they are in its own way.
    """

    name: str
    role: str
    digest: bytes
    header: str | None = None

    @property
    def rank(self) -> int:
        """Say how much it may: more than any key of a lower rank."""
        return ROLES.index(self.role)


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a service; none at all means that everybody may ask."""

    keys: tuple[Key, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys)

    def let_in(
        self,
        authorization: str | None,
        *,
        needs: str,
        shown: Callable[[str], str | None] = lambda _: None,
        heard: Callable[[str], None] = lambda _: None,
    ) -> str | None:
        """Give the name of whoever asks; ``needs`` is the role that is needed.

        ``Bearer KEY``, or ``Basic`` with the key as the password, as a browser sends
        it; ``shown`` gives a header by its name, for keys that have one of their own.
        Every key is compared, so the time taken tells nothing, and of two that are
        shown the one that may more counts: a proxy may add its own to everybody's.
        ``heard`` is told the name before the role is looked at.

        Raises
        ------
        RequestError
            CH530 without a key that is known, CH531 with one of too small a role.

        >>> digest = hashlib.sha256(b"a-key-of-twenty-chars").digest()
        >>> keys = Keys((Key(name="crm", role="read", digest=digest),))
        >>> keys.let_in("Bearer a-key-of-twenty-chars", needs="read")
        'crm'
        >>> Keys().let_in(None, needs="admin") is None
        True
        """
        if not self.keys:
            return None
        usual = hashlib.sha256(_secret(authorization)).digest()
        found: Key | None = None
        for key in self.keys:
            given = usual if key.header is None else _digest_of(shown(key.header))
            same = hmac.compare_digest(key.digest, given)
            if same and (found is None or key.rank > found.rank):
                found = key
        if found is None:
            raise _refused(
                "CH530", "there is no such key", "send `Authorization: Bearer KEY`"
            )
        heard(found.name)
        if found.rank < ROLES.index(needs):
            raise _refused(
                "CH531",
                f"the key's role is {found.role}, this needs {needs}",
                "ask for a key of that role",
            )
        return found.name


def only_near(server: tuple[str, int | None] | None) -> None:
    """Without keys answer this machine only, whatever we were bound to, and by whom.

    ``server`` is our end of the connection; a socket that is a file has no port.

    Raises
    ------
    RequestError
        CH530 for whoever comes over a network.
    """
    if server is None or server[1] is None or server[0] == "::1":
        return
    if not server[0].startswith("127."):
        raise _refused(
            "CH530",
            "the service has no keys, and answers its own machine only",
            "give it CHURNHEALTH_KEYS or [serve] keys_file",
        )


def _secret(authorization: str | None) -> bytes:
    """Take the key out of the header; anything else is no key."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1", "replace")  # the bytes that were sent
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            return b""
        return pair.partition(b":")[2]
    return b""


def _digest_of(header: str | None) -> bytes:
    return hashlib.sha256((header or "").strip().encode("latin-1", "replace")).digest()


def read_keys(file: Path | None, environment: Mapping[str, str]) -> Keys:
    """Read the keys of a file and of ``CHURNHEALTH_KEYS`` (``name:role:key``, commas).

    The file is TOML: ``[[keys]]`` with ``name``, ``role`` and either ``key`` or
    ``sha256`` (its digest in hexadecimal, so that the file holds no secret); with
    ``header`` it is looked for in that header instead of ``Authorization``.

    Raises
    ------
    ConfigError
        CH008, without repeating any of what was read.
    """
    found = [*_of_file(file), *_of_environment(environment.get(ENVIRONMENT, ""))]
    names = [key.name for key in found]
    if len(set(names)) < len(names):
        raise _unusable("two keys have one name")
    if file is not None and not found:
        raise _unusable("the file holds no key")
    return Keys(tuple(found))


class KeysFollowed:
    """The keys of a file as it is now: one that is taken out of it opens nothing more.

    Raises
    ------
    ConfigError
        CH008 where they cannot be used at the start.
    """

    def __init__(self, file: Path | None, environment: Mapping[str, str]) -> None:
        self._file = file
        self._environment = environment
        self._seen = self._mark()
        self.keys = read_keys(file, environment)

    def look(self) -> bool:
        """Read them again if the file changed; say whether there are others now.

        Raises
        ------
        ConfigError
            CH008 once for every change that cannot be used; it changes nothing.
        """
        if self._seen == (mark := self._mark()):
            return False
        self._seen = mark
        self.keys = read_keys(self._file, self._environment)
        return True

    def _mark(self) -> tuple[int, ...]:
        try:
            found = None if self._file is None else self._file.stat()
        except OSError:
            found = None
        return () if found is None else (found.st_ctime_ns, found.st_ino, found.st_size)


def _of_file(file: Path | None) -> list[Key]:
    if file is None:
        return []
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(f"the file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable("the file is no TOML") from error
    rows = raw.get("keys", [])
    if set(raw) - {"keys"} or not isinstance(rows, list):
        raise _unusable("the file holds something else than [[keys]]")
    return [_of_row(row) for row in rows]


def _of_row(row: Any) -> Key:
    if not isinstance(row, dict) or not set(row) <= _FIELDS:
        raise _unusable(
            "an entry has other fields than name, role, header, key, sha256"
        )
    header = _header(row.get("header"))
    name, role = row.get("name"), row.get("role")
    secret, digest = row.get("key"), row.get("sha256")
    if (secret is None) == (digest is None):
        raise _unusable("an entry needs either key or sha256")
    if secret is not None:
        return replace(_key(name, role, secret), header=header)
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise _unusable("a sha256 is not 64 hexadecimal digits")
    digits = bytes.fromhex(digest)
    return Key(name=_named(name), role=_roled(role), digest=digits, header=header)


def _header(name: object) -> str | None:
    """Take a header's name, one that nothing else is read from."""
    if name is None:
        return None
    if not isinstance(name, str) or not _HEADER.fullmatch(name):
        raise _unusable("a header is not named X- and letters, digits or -")
    return name.lower()


def _of_environment(text: str) -> list[Key]:
    keys = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, rest = part.partition(":")
        role, _, secret = rest.partition(":")
        keys.append(_key(name, role, secret))
    return keys


def _key(name: object, role: object, secret: object) -> Key:
    if not isinstance(secret, str) or len(secret) < _SHORTEST:
        raise _unusable(f"a key is shorter than {_SHORTEST} characters")
    digest = hashlib.sha256(secret.encode("utf-8")).digest()
    return Key(name=_named(name), role=_roled(role), digest=digest)


def _named(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _unusable("a key has no name of letters, digits, dots, - and _")
    return name


def _roled(role: object) -> str:
    if role not in ROLES:
        raise _unusable(f"a key's role is not one of {', '.join(ROLES)}")
    return str(role)


def _unusable(what: str) -> ConfigError:
    return ConfigError(
        "CH008",
        f"the keys cannot be used: {what}",
        why="a key that is not checked would only look like a lock",
        fix="docs/http.md shows the file and the variable",
    )


def _refused(code: str, what: str, fix: str) -> RequestError:
    return RequestError(
        code, what, why="scores are not for everybody", fix=fix, where="Authorization"
    )
