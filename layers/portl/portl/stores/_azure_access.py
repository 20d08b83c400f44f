"""Who may touch a container of Azure: shared access signatures, made, taken over, or asked for.

https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from portl.errors import ConfigError, NotSupported

if TYPE_CHECKING:
    from portl.stores._specs import AzureSpec

API_VERSION = "2023-11-03"
"""That of obstore, so that both ways see the same service."""
GOOD_FOR = timedelta(hours=1)
_PERMISSIONS = {"GET": "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}


class Access(Protocol):
    """How calls are allowed."""

    name: str
    """What it is called among obstore's ``credential_type``."""
    secret: str
    may_sign: bool
    """Whether an address can be given away that allows one thing only."""

    def of_blob(self, key: str, method: str, until: datetime) -> str:
        """The query that allows a method on one blob, by its whole key."""
        ...

    def of_container(self) -> str:
        """The query that allows any call that this driver makes."""
        ...


@dataclass(slots=True)
class KeyAccess:
    """By the account's key. No beginning is signed: the service's clock may be behind this machine's."""

    account: str
    container: str
    secret: str = field(repr=False)
    https: bool
    name: str = "access_key"
    may_sign: bool = True
    _made: str = field(default="", repr=False)
    _until: datetime | None = None

    def of_blob(self, key: str, method: str, until: datetime) -> str:
        """See Access."""
        return self._signed("b", _PERMISSIONS[method], f"/{key}", until)

    def of_container(self) -> str:
        """See Access."""
        now = datetime.now(UTC)
        if self._until is None or self._until - now < GOOD_FOR / 2:
            self._made, self._until = self._signed("c", "rcwdl", "", now + GOOD_FOR), now + GOOD_FOR
        return self._made

    def _signed(self, kind: str, permissions: str, below: str, until: datetime) -> str:
        ends, protocol = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "https" if self.https else ""
        resource = f"/blob/{self.account}/{self.container}{below}"
        fields = [permissions, "", ends, resource, "", "", protocol, API_VERSION, kind, *[""] * 7]
        mac = hmac.new(base64.b64decode(self.secret), "\n".join(fields).encode(), hashlib.sha256)
        signature = base64.b64encode(mac.digest()).decode()
        said = {"sp": permissions, "se": ends, "spr": protocol, "sv": API_VERSION, "sr": kind, "sig": signature}
        return urlencode({name: value for name, value in said.items() if value})


@dataclass(slots=True)
class SasAccess:
    """By a signature that somebody else has made; another cannot be derived from it."""

    secret: str = field(repr=False)
    name: str = "sas_token"
    may_sign: bool = False

    def of_blob(self, key: str, method: str, until: datetime) -> str:  # noqa: ARG002 - it allows what it allows
        """See Access."""
        return self.secret

    def of_container(self) -> str:
        """See Access."""
        return self.secret


@dataclass(slots=True)
class IdentityAccess:
    """By an identity that obstore finds in the environment; it signs for one blob at a time, by a user delegation key."""

    sign: Callable[[str, str, datetime], str]
    """Of obstore: the address of a key, for a method, until a time."""
    name: str = ""
    secret: str = ""
    may_sign: bool = True

    def of_blob(self, key: str, method: str, until: datetime) -> str:
        """See Access."""
        return self.sign(key, method, until).partition("?")[2]

    def of_container(self) -> str:
        """See Access."""
        hint = "give the connection an account_key or a sas_token"
        raise NotSupported("keys that are no paths cannot be reached by an identity", capability="exact_keys", hint=hint)


def access(spec: AzureSpec, sign: Callable[[str, str, datetime], str], environment: Mapping[str, str] = os.environ) -> Access:
    """What the connection says, else what the environment does.

    Raises:
        ConfigError: the key is no text of base 64.
    """
    key, sas = (each and each.get_secret_value() for each in (spec.account_key, spec.sas_token))
    if not key and not sas:
        key, sas = _of_environment(environment, spec.account)
    if key:
        _check(key, spec)
        return KeyAccess(spec.account, spec.container, key, not (spec.endpoint or "").startswith("http:"))
    return SasAccess(sas.removeprefix("?")) if sas else IdentityAccess(sign)


def _of_environment(environment: Mapping[str, str], account: str) -> tuple[str, str]:
    """A key and a token, by the names that the tools of Azure and obstore know; a connection string must be the account's."""
    told = environment.get("AZURE_STORAGE_CONNECTION_STRING", "")
    parts = dict(part.split("=", 1) for part in told.split(";") if "=" in part)
    if parts.get("AccountName", account) != account:
        parts = {}
    keys = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY")
    tokens = ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")
    key = next((environment[name] for name in keys if environment.get(name)), parts.get("AccountKey", ""))
    return key, next((environment[name] for name in tokens if environment.get(name)), parts.get("SharedAccessSignature", ""))


def _check(key: str, spec: AzureSpec) -> None:
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        text = f"the account_key of {spec.account} is no key: it is not base 64"
        raise ConfigError(text, hint="copy it anew from the account's access keys", operation="open_store") from None
