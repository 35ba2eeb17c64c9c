"""A receiver of webhooks on this machine: real TLS with its own authority, and as ill-behaved as a test likes."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def authority(folder, *names):
    """Write a certificate for these names and the authority that signed it; return both files."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    whole = (
        x509.CertificateBuilder()
        .subject_name(root)
        .issuer_name(root)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    own = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(root)
        .public_key(own.public_key())
        .serial_number(2)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, served = folder / "authority.pem", folder / "receiver.pem"
    trusted.write_bytes(whole.public_bytes(Encoding.PEM))
    secret = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    served.write_bytes(secret + leaf.public_bytes(Encoding.PEM))
    return trusted, served


class Receiver:
    """Takes connections one after the other and answers each with what ``behave`` does."""

    def __init__(self, certificate, behave):
        self.requests = []
        self.names = []
        self.connections = 0
        self._behave = behave
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda connection, name, context: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with suppress(OSError, ssl.SSLError), self._context.wrap_socket(plain, server_side=True) as secure:
                self.requests.append(read_request(secure))
                self._behave(secure)


def read_request(secure):
    """Return head and body of one request."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = secure.recv(65536)
        if not more:
            return read, b""
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0]):
        body += secure.recv(65536)
    return head, body


def headers_of(head):
    """Return the headers of a request by their lower-case names."""
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def says(answer):
    """A behaviour: answer with these bytes."""
    return lambda secure: secure.sendall(answer)


@contextmanager
def receiving(certificate, behave=None):
    """Give a receiver for as long as the block lasts."""
    receiver = Receiver(certificate, behave or says(OK))
    try:
        yield receiver
    finally:
        receiver.close()
