"""The embedded object store: ministack's S3, kept on disk below the root, loopback only.

It asks for a known access key but does not verify signatures, so whoever may open connections on this machine
may read and write it. It is for the demo and the tests, like everything here.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from synth.errors import ServiceError
from synth.services import processes
from synth.services.state import private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from synth.services.processes import Process
    from synth.services.state import ServiceSettings

BUCKET = "artifacts"
REGION = "us-east-1"

_INSTALL = "pip install 'dbt-synth[embedded]'"
_ACCOUNT = "000000000000"
_OPTIONS = {
    "AUTH": "true",
    "BIND_HOST": "127.0.0.1",
    "MINISTACK_ACCOUNT_ID": _ACCOUNT,
    "MINISTACK_REGION": REGION,
    "SERVICES": "s3",
    "PERSIST_STATE": "1",
    "S3_PERSIST": "1",
    "LOG_LEVEL": "WARNING",
    "MINISTACK_WORKER_THREADS": "8",
    # What it would also open or look for: an SFTP and an MQTT server, and Docker.
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",
}


@dataclass(frozen=True, slots=True)
class Objects:
    """The object store of one root; `home` is its directory there."""

    home: Path
    settings: ServiceSettings

    title = "The object store"

    @property
    def port(self) -> int:
        """The loopback port it listens on."""
        return self.settings.objects_port

    @property
    def endpoint(self) -> str:
        """Its address, for `AWS_ENDPOINT_URL_S3`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the server printed since it was last started."""
        return self.home / "server.log"

    def process(self) -> Process | None:
        """Return the running server, if there is one."""
        return processes.recall(self.home / "process.json")

    def launch(self) -> None:
        """Start the server; it may not answer yet.

        Raises:
            ServiceError: it is not installed, or cannot run here.
        """
        spec = find_spec("ministack")
        if spec is None or not spec.submodule_search_locations:
            raise ServiceError(f"The object store is not installed: {_INSTALL}, then run `synth up` again.")
        private_directory(self.home)
        for name in ("data", "state", "tmp"):
            private_directory(self.home / name)
        self.log.touch(mode=0o600)
        process = processes.spawn(
            # Without -P, a file in the working directory could stand in for a module.
            [sys.executable, "-P", "-m", "ministack"],
            log=self.log,
            cwd=self.home,
            environment=self._environment(os.path.dirname(spec.submodule_search_locations[0])),  # noqa: PTH120 - a str
        )
        processes.remember(process, self.home / "process.json")

    def ready(self) -> bool:
        """Return whether the server answers and holds the bucket, which is made when missing."""
        if not self._answers():
            return False
        if not (self.home / "data" / _ACCOUNT / BUCKET).is_dir():
            self._create_bucket()
        return True

    def stop(self) -> None:
        """Stop the server, if it runs; the objects stay."""
        process = self.process()
        if process is not None:
            processes.stop(process, signal.SIGTERM, seconds=15)
        (self.home / "process.json").unlink(missing_ok=True)

    def _environment(self, packages: str) -> dict[str, str]:
        return {
            **_OPTIONS,
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "PYTHONPATH": packages,
            "GATEWAY_PORT": str(self.port),
            "S3_DATA_DIR": str(self.home / "data"),
            "STATE_DIR": str(self.home / "state"),
            "AWS_ACCESS_KEY_ID": self.settings.access_key,
            "AWS_SECRET_ACCESS_KEY": self.settings.secret_key,
        }

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _create_bucket(self) -> None:
        # A client of boto3 would read the caller's profile and configuration, which are not about us.
        request = AWSRequest("PUT", f"{self.endpoint}/{BUCKET}", data=b"")
        credentials = Credentials(self.settings.access_key, self.settings.secret_key)
        S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("PUT", f"/{BUCKET}", headers=dict(request.headers.items()))
            answer = connection.getresponse().status
        finally:
            connection.close()
        if answer not in {http.HTTPStatus.OK, http.HTTPStatus.CONFLICT}:
            raise ServiceError(
                f"The object store does not make the bucket {BUCKET} ({answer}); read {self.log}."
            )
