"""Where rows wait for Gretel and where it leaves its own: its cloud, or a bucket of the user's."""

from __future__ import annotations

import uuid
import zlib
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from synth.backends.service import GoneError, TransientError
from synth.errors import BackendError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gretel_client.projects import Project

CONNECT, READ = 15, 60  # seconds that a link may be silent
CHUNK = 1 << 20
FILES = {"data_preview": "data_preview.gz", "report_json": "report_json.json.gz", "data": "data.gz"}
HANDLER = "/"  # between a model and its record handler, where that is the job
GZIP = 16 + zlib.MAX_WBITS
ACCESS_DENIED, NOT_FOUND = 403, 404


class Storage(Protocol):
    """The files of one project."""

    def put(self, name: str, content: bytes) -> str:
        """Store training rows; return the key that a job knows them by."""

    def get(self, job: str, artifact: str) -> bytes:
        """Return what a job made, unpacked."""

    def remove(self, name: str) -> None:
        """Delete everything that was put as `name`."""

    def remove_made(self, job: str) -> None:
        """Delete what a job made, where the service does not do it with the job."""


class CloudStorage:
    """Gretel's own storage, by links that are signed for each use and expire.

    Links are secrets: whoever has one has the rows. No error here says one.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def put(self, name: str, content: bytes) -> str:
        """Upload the rows from memory; the client itself would write them to a file first."""
        from gretel_client.rest.model.artifact import Artifact  # noqa: PLC0415 - see gretel_service

        answer = self._project.projects_api.create_artifact(
            project_id=self._project.project_guid, artifact=Artifact(filename=_file_name(name))
        )
        key, link = str(answer["data"]["key"]), str(answer["data"]["url"])
        _check_response(_request("PUT", link, data=content), "the upload")
        return key

    def get(self, job: str, artifact: str) -> bytes:
        """Download by a link of its own, since the last one may have expired."""
        api, (model, _, handler) = self._project.projects_api, job.partition(HANDLER)
        place = {"project_id": self._project.project_guid, "model_id": model, "type": artifact}
        answer = (
            api.get_record_handler_artifact(**place, record_handler_id=handler)
            if handler
            else api.get_model_artifact(**place)
        )
        with closing(_request("GET", str(answer["data"]["url"]), stream=True)) as response:
            _check_response(response, "a download")
            return unpack(_chunks(response))

    def remove(self, name: str) -> None:
        """Delete every upload of that name; there are two if the answer to the first was lost."""
        for artifact in self._project.artifacts:
            key = str(artifact["key"])
            if key.endswith(f"_{_file_name(name)}"):
                self._project.delete_artifact(key)

    def remove_made(self, job: str) -> None:
        """Do nothing: the rows go with their job."""


class BucketStorage:
    """The user's own bucket, which Gretel Hybrid reads from and writes to; reached as boto3 reaches S3."""

    def __init__(self, endpoint: str, project: Project) -> None:
        import boto3  # noqa: PLC0415 - costs what only hybrid runs need

        self._bucket, self._prefix = bucket_of(endpoint)
        self._project_id = project.project_id
        self._s3: Any = boto3.client("s3")

    def put(self, name: str, content: bytes) -> str:
        """Store the rows where a hybrid job looks for them."""
        key = self._key("sources", self._project_id, f"gretel_{uuid.uuid4().hex}_{_file_name(name)}")
        self._call(lambda: self._s3.put_object(Bucket=self._bucket, Key=key, Body=content))
        return f"s3://{self._bucket}/{key}"

    def get(self, job: str, artifact: str) -> bytes:
        """Read what the job wrote."""
        key = self._key(*self._folder(job), FILES[artifact])
        body = self._call(lambda: self._s3.get_object(Bucket=self._bucket, Key=key))["Body"]
        return unpack(body.iter_chunks(CHUNK))

    def remove(self, name: str) -> None:
        """Delete every upload of that name."""
        self._delete(self._key("sources", self._project_id, ""), f"_{_file_name(name)}")

    def remove_made(self, job: str) -> None:
        """Delete all files of the job."""
        self._delete(self._key(*self._folder(job), ""), "")

    def _folder(self, job: str) -> tuple[str, str, str]:
        model, _, handler = job.partition(HANDLER)
        return (self._project_id, "run", handler) if handler else (self._project_id, "model", model)

    def _delete(self, prefix: str, ending: str) -> None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in self._call(lambda: list(pages)):
            for item in page.get("Contents", []):
                if item["Key"].endswith(ending):
                    self._call(partial(self._s3.delete_object, Bucket=self._bucket, Key=item["Key"]))

    def _key(self, *parts: str) -> str:
        return "/".join([self._prefix, *parts] if self._prefix else parts)

    def _call(self, call: Callable[[], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

        try:
            return call()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in {"NoSuchKey", "404"}:
                raise GoneError(f"What was asked for is not in s3://{self._bucket}.") from None
            if code in {"AccessDenied", "NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
                raise BackendError(
                    f"S3 refuses s3://{self._bucket}: {code}. Next: check the AWS_… variables"
                ) from None
            raise TransientError(f"S3 could not serve s3://{self._bucket}: {code}.") from None
        except BotoCoreError as error:
            raise TransientError(
                f"S3 cannot be reached for s3://{self._bucket} ({type(error).__name__})."
            ) from None


def bucket_of(endpoint: str) -> tuple[str, str]:
    """Return the bucket and the prefix of GRETEL_ARTIFACT_ENDPOINT.

    Raises:
        ConfigError: it is no address in S3.
    """
    address = urlsplit(endpoint)
    if address.scheme != "s3" or not address.netloc:
        raise ConfigError(
            "GRETEL_ARTIFACT_ENDPOINT must be s3://bucket or s3://bucket/prefix; of the object stores that "
            "Gretel Hybrid has, synth reads S3 only, not gs:// nor https://….blob.core.windows.net. Next: "
            "export GRETEL_RUNNER_MODE=cloud, or use a project whose files are in S3"
        )
    return address.netloc, address.path.strip("/")


def unpack(chunks: Iterable[bytes]) -> bytes:
    """Return the content of a gzip stream.

    Raises:
        TransientError: it ends too early or is broken; another download may be whole.
    """
    unpacker = zlib.decompressobj(GZIP)
    try:
        parts = [unpacker.decompress(chunk) for chunk in chunks]
    except zlib.error:
        raise TransientError("What was downloaded is not gzip, or broken.") from None
    if not unpacker.eof:
        raise TransientError("A download ended before its end.")
    return b"".join(parts)


def _file_name(name: str) -> str:
    return f"{name}.csv"


def _request(method: str, link: str, **options: Any) -> Any:
    """Return one attempt; the link stays out of the error."""
    import requests  # noqa: PLC0415 - comes with gretel-client

    try:
        return requests.request(method, link, timeout=(CONNECT, READ), **options)
    except requests.RequestException as error:
        raise TransientError(f"Gretel's storage cannot be reached ({type(error).__name__}).") from None


def _chunks(response: Any) -> Iterable[bytes]:
    import requests  # noqa: PLC0415 - as above

    try:
        yield from response.iter_content(CHUNK)
    except (requests.RequestException, OSError) as error:
        raise TransientError(f"A download broke off ({type(error).__name__}).") from None


def _check_response(response: Any, what: str) -> None:
    if not response.ok:
        hint = " (the link has expired, most likely)" if response.status_code == ACCESS_DENIED else ""
        raise TransientError(f"Gretel's storage refused {what} with HTTP {response.status_code}{hint}.")
