"""The data store of NeMo Microservices: what an upload takes of the Hugging Face hub's protocol."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synth.backends.nemo_http import Http

KIND = "dataset"
LFS = "application/vnd.git-lfs+json"
SAMPLE = 512  # bytes of a file by which the store decides how it wants it


class HubStore:
    """A namespace of a data store, in which each upload has a repository of its own.

    Protocol: github.com/huggingface/huggingface_hub, `_commit_api` and `lfs`.
    """

    def __init__(self, http: Http, namespace: str = "default") -> None:
        self._http, self._namespace = http, namespace

    def repository(self, name: str) -> str:
        """Return the repository of the upload `name`."""
        return f"{self._namespace}/{name}"

    def put(self, name: str, file: str, content: bytes) -> None:
        """Commit `content` as `file`, directly or by way of large file storage, as the store wants it."""
        self._http.json("POST", "/api/repos/create", self._about(name), allow=(409,))
        sample = base64.b64encode(content[:SAMPLE]).decode()
        request_body = {"files": [{"path": file, "sample": sample, "size": len(content)}]}
        answer = self._http.json("POST", f"{self._api(name)}/preupload/main", request_body) or {}
        mode = self._http.read(lambda: str(answer["files"][0]["uploadMode"]))
        entry = self._large(name, file, content) if mode == "lfs" else _small(file, content)
        lines = [{"key": "header", "value": {"summary": "training rows", "description": ""}}, entry]
        body = "\n".join(json.dumps(line) for line in lines).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        self._http.send("POST", f"{self._api(name)}/commit/main", body, headers)

    def drop(self, name: str) -> None:
        """Delete the repository with all its history."""
        self._http.json("DELETE", "/api/repos/delete", self._about(name))

    def _large(self, name: str, file: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        body = {
            "operation": "upload",
            "transfers": ["basic"],
            "hash_algo": "sha256",
            "objects": [{"oid": digest, "size": len(content)}],
        }
        path = f"/datasets/{self.repository(name)}.git/info/lfs/objects/batch"
        answer = self._http.json("POST", path, body, kind=LFS) or {}
        actions = self._http.read(lambda: dict(answer["objects"][0].get("actions") or {}))
        if "upload" in actions:  # else the store has the same bytes already
            upload = actions["upload"]
            self._http.send("PUT", str(upload["href"]), content, upload.get("header"))
        if "verify" in actions:
            file_entry = {"oid": digest, "size": len(content)}
            self._http.json("POST", str(actions["verify"]["href"]), file_entry, kind=LFS)
        return {
            "key": "lfsFile",
            "value": {"path": file, "algo": "sha256", "oid": digest, "size": len(content)},
        }

    def _about(self, name: str) -> dict[str, object]:
        return {"name": name, "organization": self._namespace, "type": KIND}

    def _api(self, name: str) -> str:
        return f"/api/datasets/{self.repository(name)}"


def _small(file: str, content: bytes) -> dict[str, Any]:
    text = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": file, "content": text, "encoding": "base64"}}
