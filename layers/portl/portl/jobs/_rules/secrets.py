from __future__ import annotations

import re

from portl.jobs._rules._check import Check, leaves
from portl.jobs._yaml import Path

_RESOLVED = re.compile(r"\$\{(?:env|secret):[^}]{0,200}\}|\{\{.{0,2000}?\}\}", re.DOTALL)
"""What is filled in only where it is used. The bounds keep a text of openings from being gone through from each of them."""
_LATER = "\0"
"""Stands for each character of that: no job holds one."""
_IN_ADDRESS = re.compile(r"://[^/@:\s]*:(?P<secret>[^/@\s]+)@")
_IN_QUERY = re.compile(r"[?&](?P<name>[\w.-]+)=(?P<secret>[^&#\s]+)")
_SECRET = frozenset({
    "accesskey", "accesstoken", "accountkey", "apikey", "apitoken", "authorization", "authtoken", "bearertoken",
    "clientsecret", "passphrase",     "passwd", "password", "privatekey", "proxyauthorization", "pwd", "refreshtoken",
    "sastoken", "secret", "secretaccesskey", "secretkey",     "sessiontoken", "token", "xaccesstoken", "xapikey",
    "xapitoken", "xauthtoken",
})  # fmt: skip
"""Names of fields and headers that hold a secret, in small letters and without - _ and dots."""
_TO_A_HEADER = 'let a header of the connection carry it as "${secret:…}"'
_HINTS = {
    "headers": 'write "${secret:…}"',
    **dict.fromkeys(("path", "url", "query", "json", "body", "form", "payload", "request"), _TO_A_HEADER),
}
"""The way out by the field of the step: marks are resolved in connections and headers only."""
_SCHEMES = re.compile(r"^(?:basic|bearer|token|digest|apikey)$", re.IGNORECASE)
"""What may stand before a secret in an Authorization header."""


def secrets_are_not_written_down(check: Check) -> None:
    """J501: no password stands in an address, no literal in a field or header that is secret by its name."""
    for where, spec in check.declared():
        for path, text in leaves(spec, where):
            _secret(check, path, text, 'write "${secret:…}"')
    for placed in check.steps:
        for path, text in check.leaves(placed):
            _secret(check, path, text, _HINTS.get(str(path[len(placed.path)]), "let a record or a parameter bring it"))
    for name, param in check.job.params.items():
        if isinstance(param.default, str) and is_secret_name(name):
            _secret(check, ("params", name, "default"), param.default, "leave the default out", name)


def _secret(check: Check, path: Path, text: str, hint: str, name: str = "") -> None:
    """Tells a secret in one text. The message never shows it: it goes to logs that more people read than the job."""
    if any(each.code == "J502" and each.path == path for each in check.findings):
        return  # a misspelt mark is told already, and is no secret
    written = _RESOLVED.sub(lambda mark: _LATER * len(mark[0]), text)
    for found in (*_IN_ADDRESS.finditer(written), *_IN_QUERY.finditer(written)):
        if "name" in found.groupdict() and not is_secret_name(found["name"]):
            continue
        if found["secret"].strip(_LATER):
            check.add(path, "J501", "a secret stands in the address", hint, offset=found.start("secret"))
            return
    name = name or str(path[-1])
    rest = written.replace(_LATER, "").strip()
    if rest and is_secret_name(name) and not (_LATER in written and _SCHEMES.match(rest)):
        check.add(path, "J501", f"{name} holds a secret as plain text", hint, offset=0)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return re.sub(r"[-_.]", "", name).lower() in _SECRET
