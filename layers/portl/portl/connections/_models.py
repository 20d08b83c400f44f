from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from portl.stores import STORE_TYPES

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


FUNCTION = r"\$\{|^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$|^[^:]+\.py:[A-Za-z_]\w*$|^[A-Za-z][\w-]*$"
"""A variable, an ARN, ``file.py:function`` or a folder's name."""


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PostgresSpec(_Spec):
    """A PostgreSQL database. ``sslmode`` as libpq has it; ``verify-full`` off loopback when nothing is said.

    ``?login=iam`` in the url logs in to RDS by the function's role, without a password.
    https://www.postgresql.org/docs/current/libpq-ssl.html
    """

    type: Literal["postgres"]
    url: str = Field(description="postgresql://user:password@host:port/database, best as ${env:X}.")
    sslmode: SslMode | None = Field(default=None, description="As libpq has it; verify-full off loopback when not told.")
    sslrootcert: str | None = Field(default=None, description="The file of the authority that signed the server's certificate.")
    connect_timeout_s: float = Field(default=10, gt=0, le=120, description="In seconds.")
    idle_in_transaction_session_timeout_s: float = Field(
        default=60,
        gt=0,
        le=900,
        description="The server ends a transaction whose writer was silent for so long.",
    )


class HttpSpec(_Spec):
    """An HTTP API. The headers go to addresses under ``base_url`` only."""

    type: Literal["http"]
    base_url: str = Field(description="What the path of every call stands under.")
    headers: dict[str, str] = Field(default={}, description="Sent with every call under base_url, such as Authorization.")
    timeout_s: float = Field(default=30, gt=0, le=840, description="How long a call may take, in seconds.")
    max_connections: int = Field(default=32, ge=1, le=1_000, description="Connections that are kept open.")


class LambdaSpec(_Spec):
    """A Lambda function: a folder of ``functions/``, an ARN, or (local only) ``file.py:function``."""

    type: Literal["lambda"]
    function: str = Field(pattern=FUNCTION, description="A folder of functions/, an ARN, or file.py:function beside the job.")
    region: str | None = Field(default=None, description="The AWS region; that of the stack when not told.")


CONNECTION_TYPES: dict[str, type[BaseModel]] = {
    "postgres": PostgresSpec,
    "http": HttpSpec,
    "lambda": LambdaSpec,
    **STORE_TYPES,
}
"""The models of connections, by their ``type``."""
