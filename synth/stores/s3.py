"""A store in a bucket of S3, or of anything that speaks its language.

Credentials, region and endpoint come from where every AWS tool takes them: the environment, profiles, roles.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from synth.errors import ConfigError, StoreError
from synth.stores.keys import content_type, sound_key, written_whole
from synth.stores.s3_errors import code_of, is_missing, map_errors

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Literal

    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

_PART = 16 * 2**20
_TRANSFER = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=4)
_CONFLICTS = 5
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_AWS = (".amazonaws.com", ".amazonaws.com.cn")


@dataclass(frozen=True, slots=True)
class S3Store:
    """Holds each file in `bucket`, as the object named by `prefix` and its key."""

    bucket: str
    prefix: str
    client: S3Client = field(repr=False, compare=False)

    @classmethod
    def at(cls, address: str) -> S3Store:
        """Return the store at `s3://bucket/prefix`; nothing is connected yet.

        Raises:
            ConfigError: the address has no bucket.
            StoreError: the AWS configuration of this machine contradicts itself.
        """
        scheme, bucket, prefix, *_ = urlsplit(address)
        if scheme != "s3" or not _BUCKET.fullmatch(bucket):
            raise ConfigError(f"'{address}' names no bucket; give a store as s3://bucket/prefix.")
        prefix = prefix.strip("/")
        with map_errors(_address(bucket, prefix), endpoint=""):
            return cls(bucket, prefix, _client(read_timeout=60, attempts=3))

    def check(self) -> None:
        """Raise `StoreError` unless a file could be written and read back right now; leave nothing behind."""
        name = self._name(f"probe-{secrets.token_hex(8)}")
        content = b"synth debug"
        with self._map_errors(), closing(_client(read_timeout=4, attempts=2)) as client:
            client.put_object(Bucket=self.bucket, Key=name, Body=content)
            try:
                same = client.get_object(Bucket=self.bucket, Key=name)["Body"].read() == content
                if not _refuses_second(client, self.bucket, name):
                    log.warning("%s ignores If-None-Match: runs of one id could overwrite each other", self)
            finally:
                client.delete_object(Bucket=self.bucket, Key=name)
        if not same:
            raise StoreError(f"{self} does not give back what is written to it; use another store.")

    def put(self, source: Path, key: str) -> str:
        """Store the file under `key`, replacing what is there, all or nothing; return its URI."""
        name = self._name(key)
        # A failed transfer aborts its multipart upload: no part stays behind, to be paid for unseen.
        with source.open("rb") as file, self._map_errors():
            self.client.upload_fileobj(
                file, self.bucket, name, ExtraArgs={"ContentType": content_type(key)}, Config=_TRANSFER
            )
        return f"s3://{self.bucket}/{name}"

    def create(self, source: Path, key: str) -> str:
        """Return like `put`, but raise `FileExistsError` when `key` exists already; for files below 5 GB."""
        name = self._name(key)
        with self._map_errors():
            for _ in range(_CONFLICTS):
                is_created = self._create(source, name)
                if is_created is not None:
                    break
                time.sleep(0.2)
        if not is_created:
            raise FileExistsError(f"There is a {key} in {self} already, or others write it just now.")
        return f"s3://{self.bucket}/{name}"

    def get(self, key: str, target: Path) -> None:
        """Write the file under `key` to `target`; raise `FileNotFoundError` when there is none."""
        name = self._name(key)
        with written_whole(target) as (file, temporary), self._map_errors():
            try:
                self.client.download_fileobj(self.bucket, name, file, Config=_TRANSFER)
            except ClientError as error:
                if is_missing(error):
                    raise FileNotFoundError(f"There is no {key} in {self}.") from None
                raise
            file.flush()
            temporary.replace(target)

    def exists(self, key: str) -> bool:
        """Return whether there is a file under `key`."""
        name = self._name(key)
        with self._map_errors():
            try:
                self.client.head_object(Bucket=self.bucket, Key=name)
            except ClientError as error:
                if is_missing(error):
                    return False
                raise
        return True

    def __str__(self) -> str:
        return _address(self.bucket, self.prefix)

    def _create(self, source: Path, name: str) -> bool | None:
        """Return whether the object could be created; None when a simultaneous attempt left that open."""
        try:
            with source.open("rb") as file:
                self.client.put_object(
                    Bucket=self.bucket, Key=name, Body=file, ContentType=content_type(name), IfNoneMatch="*"
                )
        except ClientError as error:
            if code_of(error) == "ConditionalRequestConflict":
                return None
            if code_of(error) != "PreconditionFailed":
                raise
            # An attempt may have succeeded and only its answer got lost: the next finds its own object.
            was_retried = error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
            return was_retried and self._read(name) == source.read_bytes()
        return True

    def _read(self, name: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{sound_key(key)}" if self.prefix else sound_key(key)

    def _map_errors(self) -> AbstractContextManager[None]:
        return map_errors(str(self), endpoint=self.client.meta.endpoint_url)


def _address(bucket: str, prefix: str) -> str:
    return f"s3://{bucket}/{prefix}".rstrip("/")


def _client(*, read_timeout: int, attempts: Literal[2, 3]) -> S3Client:
    """Return a client for this machine's AWS configuration; it gives a dead endpoint up after some 10 s."""
    session = Session()
    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    try:
        client = session.client("s3", config=config)
    except ValueError as error:  # botocore's word for an endpoint that is no URL
        raise ConfigError("AWS_ENDPOINT_URL_S3 is no address; give it as https://host:port.") from error
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    if host.endswith(_AWS) or (client.meta.config.s3 or {}).get("addressing_style"):  # type: ignore[attr-defined]
        return client
    # Servers of other makers seldom have a host name for each bucket.
    client.close()
    return session.client("s3", config=config.merge(Config(s3={"addressing_style": "path"})))


def _refuses_second(client: S3Client, bucket: str, name: str) -> bool:
    try:
        client.put_object(Bucket=bucket, Key=name, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        if code_of(error) in {"PreconditionFailed", "ConditionalRequestConflict"}:
            return True
        raise
    return False
