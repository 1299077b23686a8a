"""Whatever S3 answers, a user reads one line: what is wrong, where, and what to do; never a secret."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from synth.errors import ConfigError, StoreError
from synth.stores.s3 import S3Store
from tests.services import moto_user, new_bucket, set_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synth.services import Endpoints

SECRET = "secret-of-nobody"
KEYS = {"AWS_ACCESS_KEY_ID": "AKNOBODY", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}


class ScriptedServer(BaseHTTPRequestHandler):
    """Answers every request with `status` and an S3 error of `code`."""

    protocol_version = "HTTP/1.1"
    status: ClassVar[int]
    code: ClassVar[str]
    extra: ClassVar[dict[str, str]] = {}

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = f"<Error><Code>{self.code}</Code><Message>{SECRET}</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in self.extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET = do_DELETE = do_PUT  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class LosesItsFirstAnswer(ScriptedServer):
    """Keeps the first object that it is sent and hangs up instead of saying so; refuses the next."""

    kept: ClassVar[list[bytes]] = []

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.kept:
            self.send_response(412)
            body = b"<Error><Code>PreconditionFailed</Code></Error>"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.kept.append(content)
            self.close_connection = True

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.kept[0])))
        self.end_headers()
        self.wfile.write(self.kept[0])


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def complaint(address: str = "s3://some-bucket/prefix") -> str:
    with pytest.raises(StoreError) as failure:
        S3Store.at(address).check()
    message = str(failure.value)
    assert message.startswith(f"The store {address} is not usable: ")
    assert message.endswith(", then run `synth debug`.")
    assert SECRET not in message
    return message


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    set_environment(KEYS, monkeypatch)
    return monkeypatch


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "ExpiredToken", "the session token has expired; log in again"),
        (400, "InvalidToken", "the session token is not valid"),
        (403, "InvalidAccessKeyId", "the access key is not known there"),
        (403, "SignatureDoesNotMatch", "correct AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", "access is denied; allow s3:PutObject"),
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
        (404, "NoSuchBucket", "make it with `aws s3 mb s3://some-bucket`"),
        (503, "SlowDown", "the server is busy"),
        (400, "NeverHeardOf", "PutObject was refused (NeverHeardOf)"),
    ],
)
def test_a_refusal_is_put_in_plain_words(
    nobody: pytest.MonkeyPatch, status: int, code: str, message: str
) -> None:
    handler = type("Handler", (ScriptedServer,), {"status": status, "code": code})
    with serve(handler) as endpoint:
        nobody.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        assert message in complaint()


@pytest.mark.parametrize("code", ["PermanentRedirect", "AuthorizationHeaderMalformed"])
def test_a_bucket_of_another_region_is_named_with_its_region(nobody: pytest.MonkeyPatch, code: str) -> None:
    script = {"status": 400, "code": code, "extra": {"x-amz-bucket-region": "eu-west-3"}}
    with serve(type("Handler", (ScriptedServer,), script)) as endpoint:
        nobody.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        assert "in another region; set AWS_DEFAULT_REGION=eu-west-3" in complaint()


def test_an_answer_that_got_lost_on_the_way_does_not_make_create_fail(
    nobody: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    handler = type("Handler", (LosesItsFirstAnswer,), {"kept": []})
    with serve(handler) as endpoint:
        nobody.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        store = S3Store.at("s3://bucket")
        assert store.create(source, "key") == "s3://bucket/key"
        with pytest.raises(FileExistsError):
            store.create(source, "key")
        store.client.close()


def test_missing_credentials_are_asked_for(services: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", services.endpoint_url)
    assert "no AWS credentials were found" in complaint()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", services.access_key)
    assert "or only half of them" in complaint()


def test_an_unknown_access_key_is_told_from_a_wrong_secret(
    moto: dict[str, str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKNOBODY")
    assert "the access key is not known there" in complaint(bucket)
    address = f"s3://{new_bucket(moto)}"
    set_environment({**moto, "AWS_ACCESS_KEY_ID": "AKNOBODY"}, monkeypatch)
    assert "the access key is not known there" in complaint(address)
    set_environment({**moto, "AWS_SECRET_ACCESS_KEY": SECRET}, monkeypatch)
    assert "the secret key does not belong to the access key" in complaint(address)


def test_a_user_without_rights_is_told_which_ones_are_needed(
    moto: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"s3://{new_bucket(moto)}"
    set_environment(moto_user(moto["AWS_ENDPOINT_URL_S3"], is_allowed=False, by=moto), monkeypatch)
    assert "access is denied; allow s3:PutObject, s3:GetObject, s3:DeleteObject" in complaint(address)


@pytest.mark.parametrize("server", ["services", "moto"])
def test_a_missing_bucket_is_named_with_the_command_that_makes_it(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints: Endpoints | dict[str, str] = request.getfixturevalue(server)
    set_environment(endpoints if isinstance(endpoints, dict) else endpoints.environment(), monkeypatch)
    assert "there is no such bucket; make it with `aws s3 mb s3://not-there`" in complaint(
        "s3://not-there/prefix"
    )


@pytest.mark.parametrize("has_listener", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_dead_endpoint_is_named_within_seconds(nobody: pytest.MonkeyPatch, *, has_listener: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not has_listener:
            silent.close()
        nobody.setenv("AWS_ENDPOINT_URL_S3", f"http://user:{SECRET}@127.0.0.1:{port}")
        before = time.monotonic()
        assert f"http://127.0.0.1:{port} does not answer" in complaint()
        assert time.monotonic() - before < 15


def test_an_endpoint_that_is_no_address_is_a_wrong_setting(nobody: pytest.MonkeyPatch) -> None:
    nobody.setenv("AWS_ENDPOINT_URL_S3", "127.0.0.1:9000")
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL_S3 is no address"):
        S3Store.at("s3://bucket")


def test_a_profile_that_does_not_exist_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    with pytest.raises(StoreError, match="AWS_PROFILE names a profile that does not exist"):
        S3Store.at("s3://bucket")


def test_other_servers_are_asked_by_path_and_aws_is_not(nobody: pytest.MonkeyPatch) -> None:
    def style() -> object:
        config = S3Store.at("s3://bucket").client.meta.config
        return (getattr(config, "s3", None) or {}).get("addressing_style")

    assert style() is None
    nobody.setenv("AWS_ENDPOINT_URL_S3", "https://s3.eu-west-3.amazonaws.com")
    assert style() is None
    nobody.setenv("AWS_ENDPOINT_URL_S3", "https://minio.example:9000")
    assert style() == "path"
