"""The connections of an SFTP store: opened to the one server whose key is known, kept, and used by one task at a time."""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portl.errors import Changed, ConfigError, StoreError

if TYPE_CHECKING:
    from portl.stores._specs import SftpSpec

REQUEST_BYTES = 32 * 1024
"""What every server answers in one request."""
WRITTEN_BYTES = 31 * 1024
"""The same of a write: what is said about it fits into one packet of SSH beside the bytes, else each would take two."""
AT_ONCE = 128
"""Requests about a file that are on their way at once."""
WINDOW_BYTES = 16 * 1024 * 1024
"""How much may be on its way before the other side has said that it came."""


@dataclass(slots=True)
class Pool:
    """The connections to a server: as many as are used at once, at most those allowed."""

    spec: SftpSpec
    _idle: list[Any] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free: threading.BoundedSemaphore | None = None

    def __post_init__(self) -> None:
        self._free = threading.BoundedSemaphore(self.spec.max_connections)

    @contextmanager
    def session(self) -> Iterator[Any]:
        """A connection, waited for where all are in use. One that failed is not used again."""
        assert self._free is not None  # noqa: S101 - set by __post_init__
        if not self._free.acquire(timeout=self.spec.timeout_s):
            raise TimeoutError("all connections are in use")
        sftp = None
        try:
            sftp = self._taken() or _connect(self.spec)
            yield sftp
        except (FileNotFoundError, StoreError):
            self._give_back(sftp)
            raise
        except OSError as problem:
            if isinstance(problem, (ConnectionError, TimeoutError)) or sftp is None or sftp.get_channel().closed:
                _drop(sftp)
            else:
                self._give_back(sftp)
            raise
        except BaseException:
            _drop(sftp)
            raise
        else:
            self._give_back(sftp)
        finally:
            self._free.release()

    def close(self) -> None:
        """Ends every connection that is not in use."""
        while (sftp := self._taken()) is not None:
            _drop(sftp)

    def _taken(self) -> Any:
        with self._lock:
            while self._idle:
                sftp = self._idle.pop()
                if sftp.get_channel().get_transport().is_active() and not sftp.get_channel().closed:
                    return sftp
                _drop(sftp)
        return None

    def _give_back(self, sftp: Any) -> None:
        if sftp is not None:
            with self._lock:
                self._idle.append(sftp)


def _connect(spec: SftpSpec) -> Any:
    """A connection to the one server whose key the connection names; there is no trust on first use."""
    import paramiko

    expected = _host_key(spec)
    sock = socket.create_connection((spec.host, spec.port), spec.timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(sock, default_window_size=WINDOW_BYTES)
    try:
        options = transport.get_security_options()
        options.key_types = _names_of(expected, transport)
        options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)  # one pass over the bytes, not two
        transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = spec.timeout_s
        _begin(transport, spec.timeout_s)
        offered = transport.get_remote_server_key()
        if offered.asbytes() != expected.asbytes():
            raise paramiko.BadHostKeyException(spec.host, offered, expected)  # noqa: TRY301 - one place closes
        _authenticate(transport, spec)
        transport.set_keepalive(int(spec.keepalive_s))
        sftp = paramiko.SFTPClient.from_transport(transport, window_size=WINDOW_BYTES)
        if sftp is None:
            raise paramiko.SSHException("the server offers no SFTP")  # noqa: TRY301
        sftp.get_channel().settimeout(spec.timeout_s)
    except BaseException:
        transport.close()
        raise
    return sftp


def _host_key(spec: SftpSpec) -> Any:
    import paramiko

    try:
        name, blob = spec.host_key.split()[:2]
        return paramiko.PKey.from_type_string(name, base64.b64decode(blob))
    except Exception as problem:
        text = f"the host_key of {spec.host} cannot be read: {type(problem).__name__}"
        raise ConfigError(text, hint="a line of `ssh-keyscan HOST`, without the host's name") from problem


def _names_of(key: Any, transport: Any) -> tuple[str, ...]:
    """The signatures that a key can make, so that the server shows that very key."""
    name = key.get_name()
    wanted = ("rsa-sha2-512", "rsa-sha2-256") if name == "ssh-rsa" else (name,)
    return tuple(each for each in transport.get_security_options().key_types if each in wanted) or wanted


def _authenticate(transport: Any, spec: SftpSpec) -> None:
    import paramiko

    if spec.private_key is not None:
        passphrase = spec.passphrase.get_secret_value() if spec.passphrase else None
        transport.auth_publickey(spec.user, _private_key(paramiko, spec.private_key.get_secret_value(), passphrase))
    elif spec.password is not None:
        transport.auth_password(spec.user, spec.password.get_secret_value())
    else:
        raise ConfigError(f"{spec.user}@{spec.host} has neither password nor private_key", hint="give one of them")


def _private_key(paramiko: Any, text: str, passphrase: str | None) -> Any:
    """A key as paramiko takes it. It is read by cryptography: paramiko's own reader refuses some keys that are right."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    secret = passphrase.encode() if passphrase else None
    for load in (serialization.load_ssh_private_key, serialization.load_pem_private_key):
        with suppress(ValueError, TypeError):
            key = load(text.encode(), secret)
            if isinstance(key, RSAPrivateKey):
                return paramiko.RSAKey(key=key)
            if isinstance(key, EllipticCurvePrivateKey):
                return paramiko.ECDSAKey(vals=(key, key.public_key()))
            if isinstance(key, Ed25519PrivateKey):
                kind = serialization.PrivateFormat.OpenSSH
                plain = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
                return paramiko.Ed25519Key.from_private_key(io.StringIO(plain.decode()))
    raise ConfigError("the private_key cannot be read", hint="an Ed25519, ECDSA or RSA key, and its passphrase if it has one")


def _drop(sftp: Any) -> None:
    if sftp is not None:
        with suppress(Exception):
            sftp.get_channel().get_transport().close()


def _begin(transport: Any, timeout_s: float) -> None:
    """The handshake. A server that says nothing is told as such: paramiko has no word of its own for it."""
    import paramiko

    began = time.monotonic()
    try:
        transport.start_client(timeout=timeout_s)
        transport.get_remote_server_key()
    except paramiko.SSHException as problem:
        if time.monotonic() - began >= timeout_s:
            raise TimeoutError("the server said nothing") from problem
        raise


class _Pipeline:
    """Many requests about one file on their way at once. paramiko's own ways lose what the server says to them."""

    def __init__(self, file: Any) -> None:
        self._sftp, self._handle = file.sftp, file.handle
        self._answers: dict[int, tuple[int, Any]] = {}

    def _ask(self, kind: int, at: int, what: int | bytes) -> int:
        from paramiko.sftp import int64

        number: int = self._sftp._async_request(self, kind, self._handle, int64(at), what)  # noqa: SLF001 - see above
        return number

    def _answer(self, number: int) -> tuple[int, Any]:
        while number not in self._answers:
            self._sftp._read_response()  # noqa: SLF001 - see above
        return self._answers.pop(number)

    def _refuse(self, message: Any) -> None:
        self._sftp._convert_status(message)  # noqa: SLF001 - see above

    def _async_response(self, kind: int, message: Any, number: int) -> None:
        """What paramiko calls when an answer has come."""
        self._answers[number] = (kind, message)


class Ahead(_Pipeline):
    """Reads a file from one place to another, ahead of who takes the bytes."""

    def parts(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes, in order. Raises Changed where the file ends before."""
        asked: deque[tuple[int, int, int]] = deque()
        while asked or start < end:
            while start < end and len(asked) < AT_ONCE:
                count = min(REQUEST_BYTES, end - start)
                asked.append((self._read(start, count), start, count))
                start += count
            number, at, count = asked.popleft()
            data = self._data(number)
            if len(data) < count:  # a server may give less than was asked for
                rest = at + len(data), count - len(data)
                asked.appendleft((self._read(*rest), *rest))
            yield data

    def _read(self, at: int, count: int) -> int:
        from paramiko.sftp import CMD_READ

        return self._ask(CMD_READ, at, count)

    def _data(self, number: int) -> bytes:
        from paramiko.sftp import CMD_DATA

        kind, message = self._answer(number)
        if kind != CMD_DATA:
            try:
                self._refuse(message)
            except EOFError:
                raise Changed("") from None
        data: bytes = message.get_string()
        return data


class Pushing(_Pipeline):
    """Writes bytes at a place of a file, and is through when the server has confirmed every one of them."""

    def write(self, at: int, data: bytes) -> None:
        """Puts the bytes."""
        from paramiko.sftp import CMD_WRITE

        asked: deque[int] = deque()
        for begin in range(0, len(data), WRITTEN_BYTES):
            asked.append(self._ask(CMD_WRITE, at + begin, data[begin : begin + WRITTEN_BYTES]))
            if len(asked) == AT_ONCE:
                self._confirmed(asked.popleft())
        while asked:
            self._confirmed(asked.popleft())

    def _confirmed(self, number: int) -> None:
        _, message = self._answer(number)
        self._refuse(message)
