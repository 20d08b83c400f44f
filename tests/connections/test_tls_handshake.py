"""Against a server with a certificate: whom each ``sslmode`` speaks to."""

import socket
import ssl
import struct
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portl.connections import PostgresSpec
from portl.connections._postgres import PostgresConnection
from portl.errors import DatabaseError

SPOKEN_TO, REFUSED = "D107", "D101"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder


@pytest.fixture
def port(certificate):
    """A server that insists on TLS and refuses every user it is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def serve():
        raw, _ = listener.accept()
        raw.settimeout(10)
        raw.recv(8)
        raw.sendall(b"S")
        try:
            with context.wrap_socket(raw, server_side=True) as sock:
                if sock.recv(4096):
                    fields = b"SFATAL\0C28000\0Mno entry\0\0"
                    sock.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
        except OSError:
            raw.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize(
    ("host", "sslmode", "known", "code"),
    [
        ("localhost", "verify-full", True, SPOKEN_TO),
        ("127.0.0.1", "verify-full", True, REFUSED),
        ("127.0.0.1", "verify-ca", True, SPOKEN_TO),
        ("127.0.0.1", "require", True, SPOKEN_TO),
        ("localhost", "verify-full", False, REFUSED),
        ("localhost", "verify-ca", False, REFUSED),
        ("localhost", "require", False, SPOKEN_TO),
        ("localhost", "prefer", False, SPOKEN_TO),
    ],
)
def test_a_certificate_is_checked_as_far_as_the_mode_says(certificate, port, host, sslmode, known, code):
    roots = str(certificate / "cert.pem") if known else None
    url = f"postgresql://u:planted-pw@{host}:{port}/d"
    with pytest.raises(DatabaseError) as caught:
        PostgresConnection("shop", PostgresSpec(type="postgres", url=url, sslmode=sslmode, sslrootcert=roots))
    assert (caught.value.code, caught.value.outcome) == (code, "Permanent")
    assert "planted-pw" not in str(caught.value)
