"""What a connection says of a store, by its type."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from portl.stores._retry import RetryPolicy


class RetrySpec(BaseModel):
    """How a call is tried again that failed for a while only. Pauses are drawn: up to ``base_s``, then up to twice that."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    attempts: int = Field(default=4, ge=1, le=20, description="Attempts at one call, the first included.")
    base_s: float = Field(default=0.2, ge=0, le=60, description="The longest first pause, in seconds; each later one doubles.")
    max_s: float = Field(default=10, ge=0, le=300, description="The longest pause of all, in seconds.")
    deadline_s: float = Field(default=120, gt=0, le=840, description="Seconds after which no attempt begins.")

    def policy(self) -> RetryPolicy:
        """The same for the kernel."""
        return RetryPolicy(self.attempts, self.base_s, self.max_s, self.deadline_s)


class StoreSpec(BaseModel):
    """What every store's connection may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    retry: RetrySpec = Field(default=RetrySpec(), description="How a call is tried again.")
    timeout_s: float = Field(default=30, gt=0, le=840, description="How long one call may take, in seconds.")


class LocalSpec(StoreSpec):
    """A folder of this machine. No link leads out of it."""

    type: Literal["local"] = "local"
    root: str = Field(min_length=1, description="The folder; a relative one from the folder of the project.")
    durable: bool = Field(default=True, description="Whether what is written outlasts a power cut.")


class S3Spec(StoreSpec):
    """A bucket of S3, or of what speaks its protocol. Without keys those of the environment or the function's role are used."""

    type: Literal["s3"] = "s3"
    bucket: str = Field(min_length=3, max_length=63, description="The bucket's name.")
    prefix: str = Field(default="", description="Everything is below it.")
    region: str | None = Field(default=None, description="The AWS region; that of the environment when not told.")
    endpoint: str | None = Field(default=None, pattern=r"^(https?://|\$\{)", description="Another service than AWS.")
    access_key_id: str | None = Field(default=None, description="Best as ${env:X}.")
    secret_access_key: SecretStr | None = Field(default=None, description="As ${secret:X}.")
    session_token: SecretStr | None = Field(default=None, description="As ${secret:X}.")
    virtual_host: bool | None = Field(default=None, description="Whether the bucket stands in the host's name.")


class SftpSpec(StoreSpec):
    """A folder of an SFTP server. Its key must be known beforehand: there is no trust on first use."""

    type: Literal["sftp"] = "sftp"
    host: str = Field(min_length=1, description="The server's name or address.")
    port: int = Field(default=22, ge=1, le=65_535, description="The server's port.")
    user: str = Field(min_length=1, description="Who logs in.")
    host_key: str = Field(description="The server's public key: type and text, as `ssh-keyscan HOST` prints them.")
    password: SecretStr | None = Field(default=None, description="As ${secret:X}.")
    private_key: SecretStr | None = Field(default=None, description="As ${secret:X}: an Ed25519, ECDSA or RSA key, as text.")
    passphrase: SecretStr | None = Field(default=None, description="Of the private key, as ${secret:X}.")
    root: str = Field(default="", description="The folder; a relative one from where the user's session begins.")
    max_connections: int = Field(default=4, ge=1, le=64, description="Connections at once.")
    keepalive_s: float = Field(default=30, ge=0, le=3_600, description="How often a silent connection is kept up, in seconds.")


class AzureSpec(StoreSpec):
    """A container of Azure Blob Storage. Without a key or a token those of the environment are used, or its identity."""

    type: Literal["azure"] = "azure"
    account: str = Field(pattern=r"^(\$\{.+|[a-z0-9]{3,24})$", description="The storage account's name.")
    container: str = Field(
        pattern=r"^(\$\{.+|\$root|\$web|[a-z0-9](-?[a-z0-9])+)$", max_length=63, description="The container's name."
    )
    prefix: str = Field(default="", description="Everything is below it.")
    endpoint: str | None = Field(
        default=None,
        pattern=r"^(https?://|\$\{)",
        description="Of another cloud, such as https://ACCOUNT.blob.core.usgovcloudapi.net; or http://127.0.0.1:10000/ACCOUNT.",
    )
    account_key: SecretStr | None = Field(default=None, description="As ${secret:X}.")
    sas_token: SecretStr | None = Field(default=None, description="A shared access signature of the container, as ${secret:X}.")


STORE_TYPES: dict[str, type[StoreSpec]] = {"local": LocalSpec, "s3": S3Spec, "sftp": SftpSpec, "azure": AzureSpec}
"""The models of stores, by their ``type``."""


_WANTED = {
    "endpoint": "it begins with http:// or https://",
    "account": "it is the name of an account: 3 to 24 lower-case letters and digits",
    "container": "it is the name of a container: lower-case letters, digits and single hyphens",
}


def wrong_value(field: str, error: Any) -> str:
    """What is wrong with the value of a field, by what pydantic found; a pattern is told in words."""
    if error["type"] == "string_pattern_mismatch" and field in _WANTED:
        return f"{field}: {_WANTED[field]}"
    return f"{field}: {error['msg'][0].lower()}{error['msg'][1:]}"


def wrong_fields(problem: ValidationError) -> str:
    """What is wrong with the fields of a connection, without their values: they may be secret."""
    return "; ".join(wrong_value(".".join(map(str, each["loc"])), each) for each in problem.errors())
