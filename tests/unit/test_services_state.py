from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from synth.errors import ServiceError
from synth.services import Endpoints, down, state, status

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINTS = Endpoints(
    host="127.0.0.1",
    port=5432,
    user="synth",
    password="hush-1",
    database="warehouse",
    endpoint_url="http://127.0.0.1:9000",
    region="us-east-1",
    access_key="KEY",
    secret_key="hush-2",
    bucket="artifacts",
)


def test_endpoints_name_every_variable_that_the_tools_read() -> None:
    assert ENDPOINTS.environment() == {
        "PGHOST": "127.0.0.1",
        "PGPORT": "5432",
        "PGUSER": "synth",
        "PGPASSWORD": "hush-1",
        "PGDATABASE": "warehouse",
        "AWS_ACCESS_KEY_ID": "KEY",
        "AWS_SECRET_ACCESS_KEY": "hush-2",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000",
        "SYNTH_STORE": "s3://artifacts/dbt-synth",
    }


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "hush" not in repr(ENDPOINTS)
    settings = state.create()
    for secret in (settings.password, settings.admin_password, settings.secret_key):
        assert secret not in repr(settings)


def test_secrets_differ_from_root_to_root() -> None:
    assert state.create() != state.create()


def test_saved_settings_come_back(tmp_path: Path) -> None:
    settings = state.create()
    state.save(tmp_path, settings)
    assert state.load(tmp_path) == settings


def test_only_the_owner_can_read_saved_settings(tmp_path: Path) -> None:
    state.save(tmp_path, state.create())
    assert stat.S_IMODE((tmp_path / "services.json").stat().st_mode) == 0o600


def test_a_private_directory_leaves_its_parents_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert stat.S_IMODE(state.private_directory(tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_damaged_settings_are_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text("{")
    with pytest.raises(ServiceError, match="synth up"):
        state.load(tmp_path)


def test_a_held_lock_is_waited_for_and_then_an_error(tmp_path: Path) -> None:
    with (
        state.lock_root(tmp_path),
        pytest.raises(ServiceError, match="try again"),
        state.lock_root(tmp_path, seconds=0.1),
    ):
        pass


def test_a_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with state.lock_root(tmp_path, seconds=0.1):
            pass


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert status(root) is None
    down(root)
    assert not root.exists()
