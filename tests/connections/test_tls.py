"""``sslmode`` as libpq has it, and what a connection's url says. https://www.postgresql.org/docs/current/libpq-ssl.html."""

import socket
import ssl
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.connections import PostgresSpec
from portl.connections._postgres import PostgresConnection, Target, parse_url, tls
from portl.errors import DatabaseError

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
AWAY = "postgresql://u:planted-pw@db.example.com/shop"
HERE = "postgresql://u:planted-pw@localhost/shop"


def mode(url, sslmode=None, **options):
    found = tls(PostgresSpec(type="postgres", url=url, sslmode=sslmode, **options), parse_url(url))
    return (found.verify_mode, found.check_hostname) if isinstance(found, ssl.SSLContext) else found


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_on_loopback_nothing_said_means_no_tls(host):
    assert mode(f"postgresql://u@{host}/shop") is False


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io"])
def test_off_loopback_nothing_said_means_verify_full(host):
    assert mode(f"postgresql://u@{host}/shop") == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("sslmode", "found"),
    [
        ("disable", False),
        ("allow", None),
        ("prefer", None),
        ("require", (ssl.CERT_NONE, False)),
        ("verify-ca", (ssl.CERT_REQUIRED, False)),
        ("verify-full", (ssl.CERT_REQUIRED, True)),
    ],
)
def test_each_mode_checks_what_libpq_checks(sslmode, found):
    for url in (AWAY, HERE):
        assert mode(url, sslmode) == found
        assert mode(f"{url}?sslmode={sslmode}") == found


def test_the_spec_goes_before_the_url():
    assert mode(f"{AWAY}?sslmode=disable", "verify-full") == (ssl.CERT_REQUIRED, True)


def test_require_with_an_authority_checks_it_as_verify_ca_does():
    roots = ssl.get_default_verify_paths().cafile or pytest.skip("this machine has no file of authorities")
    assert mode(AWAY, "require", sslrootcert=roots) == (ssl.CERT_REQUIRED, False)
    assert mode(f"{AWAY}?sslmode=require&sslrootcert={roots}") == (ssl.CERT_REQUIRED, False)


def test_over_a_unix_socket_there_is_no_tls():
    assert mode("postgresql://u@/shop?host=/var/run/postgresql", "verify-full") is False


@pytest.fixture
def plain_server():
    """A server that has no TLS: it answers N, and refuses the user as soon as one is named. Gives its port and what it got."""
    got = []

    def serve():
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(10)
            while data := sock.recv(4096):
                got.append("SSLRequest" if data == SSL_REQUEST else "plain text")
                if data != SSL_REQUEST:
                    fields = b"SFATAL\0C28000\0Mno entry\0\0"
                    sock.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
                    return
                sock.sendall(b"N")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], lambda: thread.join(10) or got


def refused(port, sslmode):
    spec = PostgresSpec(type="postgres", url=f"postgresql://u:planted-pw@127.0.0.1:{port}/shop", sslmode=sslmode)
    with pytest.raises(DatabaseError) as caught:
        PostgresConnection("shop", spec)
    assert "planted-pw" not in f"{caught.value} {caught.value.hint} {caught.value.detail}"
    return caught.value.code, caught.value.outcome


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_refused_and_gets_no_plain_text(plain_server, sslmode):
    port, got = plain_server
    assert refused(port, sslmode) == ("D101", "Permanent")
    assert got() == ["SSLRequest"]


@pytest.mark.parametrize(
    ("sslmode", "sent"),
    [("prefer", ["SSLRequest", "plain text"]), ("disable", ["plain text"]), (None, ["plain text"])],
)
def test_a_server_without_tls_is_spoken_to_where_the_mode_allows_it(plain_server, sslmode, sent):
    port, got = plain_server
    assert refused(port, sslmode) == ("D107", "Permanent")
    assert got() == sent


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (
            "postgresql://u%40x:p%40ss%2Fw%3A%25@db.example.com:6432/my%20shop?sslmode=require&application_name=a%20b",
            Target("db.example.com", 6432, "u@x", "p@ss/w:%", "my shop", {"sslmode": "require", "application_name": "a b"}),
        ),
        ("postgres://h", Target("h", 5432, "postgres", None, "postgres", {})),
        ("postgresql://eve@h", Target("h", 5432, "eve", None, "eve", {})),
        ("postgresql://eve:pw@[::1]:5433/d", Target("::1", 5433, "eve", "pw", "d", {})),
        ("postgresql:///d", Target("localhost", 5432, "postgres", None, "d", {})),
        ("postgresql://eve@/d?host=/Run/PG", Target("/Run/PG", 5432, "eve", None, "d", {})),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url, target):
    assert parse_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:planted-pw@h/d",
        "u:planted-pw@h/d",
        "postgresql://u:planted-pw@h:port/d",
        "postgresql://u:planted-pw@h:99999/d",
        "postgresql://u:planted-pw/x@h/d",
        "postgresql://u:planted-pw@[::1/d",
    ],
)
def test_what_is_no_url_is_refused_and_shows_no_password(url):
    with pytest.raises(DatabaseError) as caught:
        parse_url(url)
    problem = caught.value
    assert (problem.code, problem.outcome, problem.message, problem.hint, problem.detail) == (
        "D101",
        "Permanent",
        "the connection's url is no PostgreSQL address",
        "postgresql://user:password@host:5432/database",
        {},
    )


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_password_that_is_percent_encoded_is_read_back(password):
    encoded = "".join(f"%{byte:02x}" for byte in password.encode())
    assert parse_url(f"postgresql://u:{encoded}@h/d") == Target("h", 5432, "u", password, "d", {})
