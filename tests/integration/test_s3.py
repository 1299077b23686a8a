"""The store in a bucket: analysts read it back; what is wrong is known before anything is learned."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from tests.handmade import Handmade
from tests.services import s3_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database


@pytest.fixture
def project(database: Database, bucket: str, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.environment["SYNTH_STORE"] = f"{bucket}/some/prefix"
        yield handmade


def keys(project: Handmade) -> list[str]:
    """What is in the bucket, in the order in which it was written."""
    name = project.environment["SYNTH_STORE"].split("/")[2]
    with closing(s3_client(project.environment)) as client:
        objects = client.list_objects_v2(Bucket=name).get("Contents", [])
    return [item["Key"] for item in sorted(objects, key=lambda item: item["LastModified"])]


def download(project: Handmade, ending: str, target: Path) -> Path:
    (key,) = [key for key in keys(project) if key.endswith(ending)]
    with closing(s3_client(project.environment)) as client:
        client.download_file(project.environment["SYNTH_STORE"].split("/")[2], key, str(target))
    return target


def test_analysts_read_the_twin_back_from_the_bucket(project: Handmade, tmp_path: Path) -> None:
    project.session.execute("update analytics.people set city = null where id % 10 = 0")
    assert project.synth("run", "--rows", "200").code == 0
    twin = project.rows("select id, batch, city, age from synthetic.people order by id")
    parquet = download(project, "data.parquet", tmp_path / "data.parquet")
    archive = download(project, "data.csv.gz", tmp_path / "data.csv.gz")

    frame = pd.read_parquet(parquet).sort_values("id")
    assert [tuple(row) for row in frame.astype(object).where(frame.notna(), None).to_numpy()] == twin
    with duckdb.connect() as engine:
        for reader in (f"read_parquet('{parquet}')", f"read_csv('{archive}')"):
            assert engine.execute(f"select id, batch, city, age from {reader} order by id").fetchall() == twin
    with gzip.open(archive) as file:
        table = pacsv.read_csv(
            file,
            convert_options=pacsv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
        )
    assert table.sort_by("id").to_pylist() == pq.read_table(parquet).sort_by("id").to_pylist()
    assert pa.types.is_integer(pq.read_schema(parquet).field("age").type)


def test_the_layout_parts_analysts_from_owners_and_the_results_come_last(project: Handmade) -> None:
    assert project.synth("run").code == 0
    run = project.results()["metadata"]["invocation_id"]
    object_keys = keys(project)
    assert sorted(object_keys) == [
        f"some/prefix/audit/{run}/people/evaluation.json",
        f"some/prefix/audit/{run}/people/report.html",
        f"some/prefix/runs/{run}/run_results.json",
        f"some/prefix/twins/{run}/people/data.csv.gz",
        f"some/prefix/twins/{run}/people/data.parquet",
    ]
    assert object_keys[-1].endswith("run_results.json")
    uris = project.results()["results"][0]["artifacts"]
    assert f"{project.environment['SYNTH_STORE']}/twins/{run}/people/data.parquet" in uris
    evaluation = download(project, "evaluation.json", project.folder / "evaluation.json")
    assert json.loads(evaluation.read_text())["unique_id"] == "model.hand.people"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SYNTH_STORE": "s3://no-such-bucket-here/prefix"}, "no-such-bucket-here"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        ({"AWS_ACCESS_KEY_ID": ""}, "credentials"),
        ({"SYNTH_STORE": "s3://"}, "names no bucket"),
    ],
    ids=["missing bucket", "unreachable endpoint", "no credentials", "no name"],
)
def test_a_bucket_that_cannot_be_used_is_known_before_anything_is_learned(
    project: Handmade, variables: dict[str, str], message: str
) -> None:
    refuse(project, message, variables)


def test_wrong_credentials_are_known_before_anything_is_learned(
    project: Handmade, moto: dict[str, str]
) -> None:
    """Another maker's server, because the embedded one does not look at signatures."""
    wrong = {**moto, "AWS_SECRET_ACCESS_KEY": "not-the-secret", "SYNTH_STORE": "s3://some-bucket/prefix"}
    refuse(project, "some-bucket", wrong)


def refuse(project: Handmade, message: str, variables: dict[str, str]) -> None:
    answer = project.synth("run", **variables)
    assert answer.code == 2, answer.text
    (line,) = [line for line in answer.lines if line.startswith("Error: ")]
    assert message in line
    assert "not-the-secret" not in answer.text
    assert answer.lines[-1] == line
    assert "START" not in answer.text
    assert keys(project) == []
    assert project.nothing_changed()
