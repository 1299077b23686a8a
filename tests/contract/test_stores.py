"""Every store keeps the same promises, on every server."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from synth.errors import ConfigError, StoreError
from synth.stores import Store, open_store
from synth.stores.directory import DirectoryStore
from synth.stores.s3 import S3Store
from tests.services import new_bucket, set_environment

if TYPE_CHECKING:
    from pathlib import Path

    from synth.services import Endpoints

STORES = ("directory", "ministack", "moto")
KEY = "twins/run-1/model.shop.orders/data.parquet"


@pytest.fixture(params=STORES)
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an empty store."""
    if request.param == "directory":
        return str(tmp_path / "store")
    if request.param == "moto":
        environment: dict[str, str] = request.getfixturevalue("moto")
    else:
        endpoints: Endpoints = request.getfixturevalue("services")
        environment = endpoints.environment()
    set_environment(environment, monkeypatch)
    return f"s3://{new_bucket(environment)}/a/prefix"


@pytest.fixture
def store(address: str) -> Store:
    return open_store(address)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", b"first")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def content_of(store: Store, key: str, folder: Path) -> bytes:
    target = folder / "fetched"
    store.get(key, target)
    return target.read_bytes()


def everything_in(store: Store) -> list[str]:
    """The files of the store, and the parts of unfinished ones."""
    if isinstance(store, DirectoryStore):
        return sorted(str(path) for path in store.root.rglob("*") if path.is_file())
    assert isinstance(store, S3Store)
    whole = store.client.list_objects_v2(Bucket=store.bucket).get("Contents", [])
    parts = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
    return sorted([*(entry["Key"] for entry in whole), *(entry["Key"] for entry in parts)])


def test_what_is_put_comes_back(store: Store, source: Path, tmp_path: Path) -> None:
    uri = store.put(source, KEY)
    assert uri.endswith(KEY)
    assert store.exists(KEY)
    assert content_of(store, KEY, tmp_path) == b"first"


def test_a_uri_starts_with_the_address_of_its_store(store: Store, address: str, source: Path) -> None:
    base = address if address.startswith("s3://") else f"file://{address}"
    assert store.put(source, KEY) == f"{base}/{KEY}"


def test_an_empty_file_comes_back(store: Store, tmp_path: Path) -> None:
    store.put(write(tmp_path / "empty", b""), KEY)
    assert content_of(store, KEY, tmp_path) == b""


def test_a_file_of_many_parts_comes_back(store: Store, tmp_path: Path) -> None:
    content = random.Random(0).randbytes(40 * 2**20 + 1)
    store.put(write(tmp_path / "big", content), KEY)
    fetched_content = content_of(store, KEY, tmp_path)
    assert hashlib.sha256(fetched_content).digest() == hashlib.sha256(content).digest()
    assert len(everything_in(store)) == 1


def test_put_replaces(store: Store, source: Path, tmp_path: Path) -> None:
    store.put(source, KEY)
    store.put(write(tmp_path / "second", b"second"), KEY)
    assert content_of(store, KEY, tmp_path) == b"second"


def test_create_writes_where_nothing_is(store: Store, source: Path, tmp_path: Path) -> None:
    assert store.create(source, KEY).endswith(KEY)
    assert content_of(store, KEY, tmp_path) == b"first"


def test_create_never_replaces(store: Store, source: Path, tmp_path: Path) -> None:
    store.create(source, KEY)
    with pytest.raises(FileExistsError, match=KEY):
        store.create(write(tmp_path / "second", b"second"), KEY)
    assert content_of(store, KEY, tmp_path) == b"first"
    assert len(everything_in(store)) == 1


def test_a_race_to_create_has_one_winner(store: Store, tmp_path: Path) -> None:
    sources = [write(tmp_path / f"source-{number}", str(number).encode()) for number in range(8)]

    def is_first(source: Path) -> bool:
        try:
            store.create(source, KEY)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(len(sources)) as pool:
        winners = [
            source for source, first in zip(sources, pool.map(is_first, sources), strict=True) if first
        ]
    assert len(winners) == 1
    assert content_of(store, KEY, tmp_path) == winners[0].read_bytes()


def test_a_missing_key_is_missing(store: Store, tmp_path: Path) -> None:
    assert not store.exists(KEY)
    target = tmp_path / "target"
    with pytest.raises(FileNotFoundError, match=KEY):
        store.get(KEY, target)
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_a_key_is_not_a_key(store: Store, source: Path, tmp_path: Path) -> None:
    store.put(source, KEY)
    folder = KEY.rpartition("/")[0]
    assert not store.exists(folder)
    with pytest.raises(FileNotFoundError):
        store.get(folder, tmp_path / "target")


def test_get_replaces_the_target_and_makes_its_folders(store: Store, source: Path, tmp_path: Path) -> None:
    store.put(source, KEY)
    target = tmp_path / "new" / "target"
    store.get(KEY, target)
    target.write_bytes(b"longer than what is fetched")
    store.get(KEY, target)
    assert target.read_bytes() == b"first"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_missing_source_leaves_nothing_visible(store: Store, tmp_path: Path) -> None:
    for write in (store.put, store.create):
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "no-such-file", KEY)
    assert not store.exists(KEY)
    assert everything_in(store) == []


@pytest.mark.parametrize(
    "key",
    ["", "/", "/absolute", "../out", "a/../../out", "a/..", "a//b", "a/", "./a", "a\\b", "a\nb", "a" * 901],
)
def test_a_key_that_could_lead_elsewhere_is_refused(tmp_path: Path, source: Path, key: str) -> None:
    stores: list[Store] = [DirectoryStore(tmp_path / "store"), S3Store.at("s3://bucket/prefix")]
    for store in stores:
        with pytest.raises(StoreError, match="is not a key"):
            store.put(source, key)
        with pytest.raises(StoreError, match="is not a key"):
            store.get(key, tmp_path / "target")
        with pytest.raises(StoreError, match="is not a key"):
            store.exists(key)


def test_a_usable_store_passes_its_check_and_is_left_as_it_was(store: Store) -> None:
    store.check()
    assert everything_in(store) == []


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///prefix", "s3://a", "s3://b@d!/x", "gs://bucket"], indirect=False
)
def test_an_address_without_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/prefix"):
        open_store(address)


def test_a_failed_upload_leaves_no_part(bucket: str, tmp_path: Path) -> None:
    store = S3Store.at(bucket)
    uploads = []

    def break_off(**_: object) -> None:
        uploads.append(1)
        if len(uploads) == 3:
            raise ConnectionError

    store.client.meta.events.register("before-call.s3.UploadPart", break_off)
    with pytest.raises(ConnectionError):
        store.put(write(tmp_path / "big", bytes(64 * 2**20)), KEY)
    assert not store.exists(KEY)
    assert everything_in(store) == []


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, source: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    store.put(source, "file")
    with pytest.raises(StoreError, match="cannot be written"):
        store.put(source, "file/below")
    assert content_of(store, "file", tmp_path) == b"first"
    assert len(everything_in(store)) == 1


def test_checking_a_directory_makes_none(tmp_path: Path) -> None:
    DirectoryStore(tmp_path / "not" / "there" / "yet").check()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_fails_its_check(source: Path) -> None:
    with pytest.raises(StoreError, match="see to its disk and rights"):
        DirectoryStore(source / "below").check()


def test_files_of_a_directory_have_the_modes_that_the_user_wants(tmp_path: Path, source: Path) -> None:
    plain = write(tmp_path / "plain", b"")
    store = DirectoryStore(tmp_path / "store")
    store.put(source, KEY)
    assert (store.root / KEY).stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("report.html", "text/html; charset=utf-8"),
        ("evaluation.json", "application/json"),
        ("data.csv.gz", "application/gzip"),
        ("data", "application/octet-stream"),
    ],
)
def test_a_browser_is_told_what_a_file_is(bucket: str, source: Path, name: str, content_type: str) -> None:
    store = S3Store.at(bucket)
    with closing(store.client) as client:
        for key, write in ((f"put/{name}", store.put), (f"created/{name}", store.create)):
            write(source, key)
            assert client.head_object(Bucket=store.bucket, Key=key)["ContentType"] == content_type


def test_the_bucket_alone_is_an_address(bucket: str, source: Path, tmp_path: Path) -> None:
    store = open_store(bucket)
    with closing(S3Store.at(bucket).client):
        assert store.put(source, "key") == f"{bucket}/key"
    assert content_of(open_store(f"{bucket}/"), "key", tmp_path) == b"first"
