"""AWS on loopback, as little of it as one request needs: rows are kept, conditions are not looked at, but for one.

It speaks TLS with an authority of its own that is appended to botocore's full bundle, so a function really loads its
roots, shakes hands, signs and parses. The one condition is the rate limit's first guess, because it decides how many
calls a request makes. Every call is noted with its bytes.
"""

import datetime
import ipaddress
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Row = dict[str, Any]


@dataclass
class Call:
    """One request: `dynamodb.GetItem`, and how many bytes went up and came down, headers included."""

    name: str
    up: int
    down: int


@dataclass
class Aws:
    """What the endpoint holds, and what it was asked."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def answer(self, name: str, asked: Row) -> tuple[int, Row]:
        """Status and body of one call."""
        match name:
            case "GetItem":
                row = self.rows.get(_key(asked["Key"]))
                return 200, {"Item": row} if row else {}
            case "BatchGetItem":
                ((table, wanted),) = asked["RequestItems"].items()
                found = [self.rows[_key(key)] for key in wanted["Keys"] if _key(key) in self.rows]
                return 200, {"Responses": {table: found}, "UnprocessedKeys": {}}
            case "TransactWriteItems":
                for item in asked["TransactItems"]:
                    if "Put" in item:
                        row = item["Put"]["Item"]
                        self.rows[_key(row)] = row
                return 200, {}
            case "UpdateItem":
                return self._update(asked)
            case "Query":
                return 200, {"Items": [], "Count": 0}
            case "SendMessage":
                return 200, {"MessageId": "0", "MD5OfMessageBody": ""}
            case "PutEvents":
                return 200, {"FailedEntryCount": 0, "Entries": []}
            case "GetSecretValue":
                return 400, {"__type": "ResourceNotFoundException"}
        return 200, {}

    def _update(self, asked: Row) -> tuple[int, Row]:
        key, values = _key(asked["Key"]), asked.get("ExpressionAttributeValues", {})
        row = self.rows.setdefault(key, dict(asked["Key"]))
        tat = int(row.get("tat", {"N": "0"})["N"])
        if asked.get("ConditionExpression") == "#tat >= :now AND #tat <= :full":
            if not int(values[":now"]["N"]) <= tat <= int(values[":full"]["N"]):
                return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": row}
            row["tat"] = {"N": str(tat + int(values[":more_tat"]["N"]))}
        elif ":new_tat" in values:
            row["tat"] = values[":new_tat"]
        return 200, {"Attributes": {"tat": row["tat"]}} if "tat" in row else {}


def _key(row: Row) -> tuple[str, str]:
    return row["pk"]["S"], row["sk"]["S"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: Aws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        service, _, name = self.headers.get("x-amz-target", ".").partition(".")
        status, given = self.aws.answer(name, json.loads(body or b"{}"))
        self._send(f"{service.partition('_')[0].lower()}.{name}", len(body), status, json.dumps(given).encode())

    def do_GET(self) -> None:
        self._send(f"s3.{self.command}", 0, 404, b"")

    def do_HEAD(self) -> None:
        self._send(f"s3.{self.command}", 0, 404, b"")

    def _send(self, name: str, sent: int, status: int, body: bytes) -> None:
        head = (
            f"HTTP/1.1 {status} -\r\ncontent-type: application/x-amz-json-1.0\r\n"
            f"x-amzn-requestid: {'0' * 52}\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        up = len(self.requestline) + 2 + len(self.headers.as_bytes()) + sent
        self.aws.calls.append(Call(name, up, len(head) + len(body)))
        self.wfile.write(head + body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves without a farewell (os._exit) is what we measure, not an error."""


def serve(aws: Aws, folder: Path) -> Path:
    """Answer on a free port until the process ends; `aws.url` says where. Returns the authority's certificate."""
    certificate, key = _certificate(folder)
    server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": aws}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    aws.url = f"https://127.0.0.1:{server.server_address[1]}"
    return certificate


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "packshot bench")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "bench.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "bench.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder / "bench.pem", folder / "bench.key"
