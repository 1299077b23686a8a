"""Reports of real runs: where they are, what they never hold, and how they are served."""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

import synth.report
from synth.errors import ServiceError
from synth.report.serve import HOST, listen
from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services import Database

SCHEMA = Path(synth.report.__file__).with_name("evaluation.schema.json")
PEOPLE = 400
PUBLIC_FILES = ("index.html", "runs/r 1/people/report.html", "runs/r 1/people/evaluation.json")
HIDDEN_FILES = ("runs/r 1/synth.log", "runs/r 1/people/model.pkl", "store/twins/data.parquet", "secret.html")
WAYS_OUT = ("../outside.html", "runs/../../report.html", "runs/%2e%2e/%2e%2e/report.html")
CANARIES = ("ZZCANARY", "987654321", "987,654,321", "-55443322", "1066-10-14")
# One row that nobody is like, with the least and the greatest values, and one more label that few have.
CANARY = """
alter table analytics.people add column born date;
update analytics.people set born = date '1970-01-01' + 400 * (id % 20);
update analytics.people set age = 987654321, city = 'ZZCANARY1', born = '1066-10-14' where id = {first};
update analytics.people set age = -55443322, city = 'ZZCANARY2' where id = {second};
update analytics.people set city = 'ZZCANARY3' where id % 90 = 7;
"""


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.session.execute(
            f"""
            insert into analytics.people
            select n, 0, (array['Oslo', 'Rome', 'Bern'])[1 + (hashint4(n) & 65535) % 3], 20 + n % 40
            from generate_series(121, {PEOPLE}) n
        """.encode()
        )
        yield handmade


def folder_of(project: Handmade) -> Path:
    (run,) = (project.folder / "target" / "synth" / "runs").iterdir()
    return run / "people"


def test_a_run_leaves_a_report_and_an_index(project: Handmade) -> None:
    answer = project.synth("run")
    assert answer.code == 0, answer.text
    content = json.loads((folder_of(project) / "evaluation.json").read_text("utf-8"))
    jsonschema.validate(content, json.loads(SCHEMA.read_text("utf-8")))
    assert not content["blocked"]
    assert content["rows"]["published"] == PEOPLE
    assert [item["column"] for item in content["treatments"]] == ["id", "batch", "city", "age"]
    assert content["portrait"]["distributions"]
    index = (project.folder / "target" / "synth" / "index.html").read_text("utf-8")
    assert f"runs/{content['run']['id']}/people/report.html" in index
    store_folder = project.folder / "store" / "audit" / content["run"]["id"] / "people"
    assert (store_folder / "report.html").read_text("utf-8") == (
        folder_of(project) / "report.html"
    ).read_text("utf-8")


def test_report_prints_where_the_newest_one_is(project: Handmade) -> None:
    answer = project.synth("report")
    assert answer.code == 2
    assert "Next: synth run" in answer.text
    assert project.synth("run").code == 0
    index = project.folder / "target" / "synth" / "index.html"
    index.unlink()
    for arguments in ((), ("people",), ("--run-id", folder_of(project).parent.name), ("--no-open",)):
        answer = project.synth("report", *arguments)
        assert (answer.code, answer.out.strip()) == (0, str(folder_of(project) / "report.html")), answer.text
    assert index.is_file()
    answer = project.synth("report", "zoo")
    assert answer.code == 2
    assert "there are reports of people" in answer.text


@pytest.mark.parametrize(("first", "second"), [(1, 2), (50, 51), (120, 300)])
def test_nobody_is_in_a_report_a_log_or_an_artifact(project: Handmade, first: int, second: int) -> None:
    """Rows in the training part and in the holdout, as the split has it."""
    project.session.execute(CANARY.format(first=first, second=second).encode())
    project.synth("run")
    files = [path for path in (project.folder / "target" / "synth").rglob("*") if path.is_file()]
    files += [path for path in (project.folder / "store").rglob("*") if "audit" in path.parts]
    assert {"report.html", "evaluation.json", "index.html", "synth.log"} <= {path.name for path in files}
    for path in files:
        if path.is_file():
            text = path.read_bytes().decode(errors="replace").replace("\N{MINUS SIGN}", "-")
            for canary in CANARIES:
                assert canary not in text, (path, canary)


def test_a_rejected_model_has_a_report_too(project: Handmade) -> None:
    project.environment["SYNTH_ON_INCONCLUSIVE"] = "block"
    project.configure(limits={"membership": 0.505})  # 400 people cannot show that it is so near to chance
    answer = project.synth("run")
    assert answer.code == 1
    content = json.loads((folder_of(project) / "evaluation.json").read_text("utf-8"))
    assert (content["blocked"], content["verdict"]) == (True, "inconclusive")
    assert "not published" in (folder_of(project) / "report.html").read_text("utf-8")
    index = (project.folder / "target" / "synth" / "index.html").read_text("utf-8")
    assert "rejected" in index
    assert re.search(r'href="runs/[^"]+/people/report.html"', index)


# --- served


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server of a folder as runs leave it."""
    for name in (*PUBLIC_FILES, *HIDDEN_FILES):
        path = tmp_path / "synth" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "outside.html").write_text("outside")
    with listen(tmp_path / "synth", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def status(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str, str | None]:
    connection = HTTPConnection(HOST, port, timeout=5)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    response = answer.status, answer.read().decode(), answer.getheader("Content-Security-Policy")
    connection.close()
    return response


def test_reports_are_served_and_may_load_nothing(port: int) -> None:
    for path in ("", *PUBLIC_FILES):
        code, _, policy = status(port, "/" + path.replace(" ", "%20"))
        assert code == 200, path
        assert policy is not None
        assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", [*HIDDEN_FILES, "runs/", "runs/r 1/", *WAYS_OUT])
def test_nothing_but_reports_is_served(port: int, path: str) -> None:
    assert status(port, "/" + path.replace(" ", "%20"))[0] == 404


def test_who_comes_by_another_name_gets_nothing(port: int) -> None:
    assert status(port, "/", "localhost")[0] == 200
    assert status(port, "/", "evil.example")[0] == 404


def test_reports_are_served_to_this_machine_only(port: int) -> None:
    others = {item[4][0] for item in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {HOST}
    for address in others:
        with pytest.raises(OSError):  # noqa: PT011 - refused, unreachable or timed out: the system's own words
            urllib.request.urlopen(f"http://{address}:{port}/", timeout=2)


def test_a_port_that_is_taken_is_answered_with_the_next_command(port: int, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"Could not listen on 127\.0\.0\.1.*--port 0"):
        listen(tmp_path, port)
