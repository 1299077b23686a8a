"""The gate and too few rows: what is blocked, what may go on, how often one may ask, and what breaks."""

from __future__ import annotations

import gzip
import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.cheats import HEAD, PEOPLE, TWIN
from tests.handmade import COMMENT, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# --- too few rows

# What a learner predicts of incomes with so long a tail is lost where 150 people make a half.
LEARNERS = {"tstr": 0.5}
STRICT = {"membership": 0.505, **LEARNERS}


@pytest.fixture
def small(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    """300 people and no twin; so few cannot show that an attack is as near to chance as is asked here."""
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(PEOPLE.format(rows=300).encode())
        project.write({**project.model("people"), **project.key("people", "id")})
        del project.environment["SYNTH_ON_INCONCLUSIVE"]
        project.configure(on_inconclusive="block", limits=STRICT)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / "plugins"))
            yield project


def test_a_table_too_small_to_decide_is_blocked_and_the_message_says_why(small: Handmade) -> None:
    answer = small.synth("run")
    assert answer.code == 1
    assert re.search(r"inconclusive: [a-z_, ]+\. .*this table is too small to decide", answer.text), (
        answer.text
    )
    assert "`meta: {synth: {on_inconclusive: warn}}` in models/_models.yml" in answer.text
    assert small.value("select to_regclass('synthetic.people') is null")
    answer = small.synth("run", "--on-inconclusive", "warn")
    assert answer.code == 0, answer.text
    assert "Warning: people is too small to decide " in answer.text


def test_on_inconclusive_is_a_setting_like_the_others(small: Handmade) -> None:
    small.configure(on_inconclusive="warn", limits=STRICT)
    assert small.synth("run", SYNTH_ON_INCONCLUSIVE="block").code == 1
    assert small.synth("run").code == 0
    answer = small.synth("run", SYNTH_ON_INCONCLUSIVE="perhaps")
    assert answer.code == 2
    assert "SYNTH_ON_INCONCLUSIVE: give block, warn or protect, not 'perhaps'" in answer.text


def test_a_limit_that_was_moved_says_so_and_an_unknown_one_is_refused(small: Handmade) -> None:
    small.configure(on_inconclusive="warn", limits={"exact_rows": 25, **LEARNERS})
    assert small.synth("run").code == 0
    run_id = small.results()["metadata"]["invocation_id"]
    path = small.folder / "target/synth/runs" / run_id / "people" / "evaluation.json"
    custom_limits = {
        check["name"] for check in checks_of(json.loads(path.read_text())) if check["customised"]
    }
    assert custom_limits == {"exact_rows", *LEARNERS}
    small.configure(limits={"exact_row": 0.25})
    answer = small.synth("run")
    assert answer.code == 2
    message = "dbt_project.yml: `vars.synth.limits` names the unknown check 'exact_row'"
    assert f"{message}; did you mean `exact_rows`?" in answer.text


def checks_of(evaluation: Any) -> Iterator[dict[str, Any]]:
    """Every check of an evaluation.json, wherever it stands."""
    if isinstance(evaluation, dict):
        if "customised" in evaluation:
            yield evaluation
        evaluation = list(evaluation.values())
    if isinstance(evaluation, list):
        for item in evaluation:
            yield from checks_of(item)


# --- attempts


@pytest.mark.slow
def test_the_fourth_question_about_the_same_rows_needs_a_reason(small: Handmade) -> None:
    for seed in "123":
        assert small.synth("run", "--seed", seed).code == 1
    small.backend("never", "raise AssertionError")
    answer = small.synth("run", "--seed", "4", "--backend", "never")
    assert "people was tried 3 times on these very rows without a pass" in answer.text
    assert "synth run --select people --force-retry 'why one more is justified'" in answer.text
    assert "tried 3 times" not in small.synth("run", "--seed", "3").text  # the same question again
    answer = small.synth("run", "--seed", "4", "--force-retry", "the check was wrong")
    assert "tried 3 times" not in answer.text
    run_id = small.results()["metadata"]["invocation_id"]
    content = (small.folder / "target/synth/runs" / run_id / "people" / "evaluation.json").read_text()
    assert "the check was wrong" in content
    small.session.execute("update analytics.people set spent = spent + 1")
    assert "tried 3 times" not in small.synth("run", "--seed", "5").text  # other rows


def test_a_ledger_of_an_older_version_is_completed_where_it_is(small: Handmade) -> None:
    small.session.execute("""
        create schema synthetic;
        create table synthetic._synth_runs (
            run_id text not null, published_at timestamptz not null default now(), unique_id text not null,
            relation text not null, rows bigint not null, backend text not null, verdict text not null,
            fidelity double precision, synth_version text not null, primary key (run_id, unique_id)
        );
        insert into synthetic._synth_runs values ('old', now(), 'm', 'r', 1, 'local', 'pass', 0.9, '0.1.0')
    """)
    assert small.synth("run").code == 1
    rows = small.rows("select run_id = 'old', verdict, epsilon from synthetic._synth_runs order by 1")
    assert rows == [(False, "inconclusive", None), (True, "pass", None)]


# --- shut whatever goes wrong

BREAKAGES = {
    "raises": "raise ValueError(training.iloc[0].to_dict())",
    "nothing": "return None",
    "no_rows": "return training.iloc[:0]",
    "one_column": "return twin[['city']]",
    "infinite": "twin['spent'] = np.inf\nreturn twin",
    "empty": "twin['spent'] = np.nan\ntwin['income'] = np.nan\nreturn twin",
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_backend_that_breaks_publishes_nothing_and_shows_no_row(small: Handmade, name: str) -> None:
    small.backend(name, HEAD + BREAKAGES[name])
    answer = small.synth("run", "--backend", name, "--on-inconclusive", "warn")
    assert answer.code == 1, answer.text
    assert small.value("select to_regclass('synthetic.people') is null")
    assert "Traceback" not in answer.text
    assert "'city'" not in answer.text.replace("column 'city'", "")


def test_an_evaluation_that_takes_too_long_publishes_nothing(small: Handmade) -> None:
    small.configure(evaluation_timeout=0.0001, on_inconclusive="warn")
    answer = small.synth("run")
    assert answer.code == 1
    assert "evaluation error: The evaluation took more than 0.0001 seconds." in answer.text
    assert small.value("select to_regclass('synthetic.people') is null")


KILLER = """
import signal, sys, threading
def watch():
    while not any("/synth/evaluate/" in frame.f_code.co_filename for top in sys._current_frames().values()
                  for frame in stack(top)):
        time.sleep(0.0005)
    os.kill(os.getpid(), signal.SIGKILL)
def stack(frame):
    while frame:
        yield frame
        frame = frame.f_back
twin = super().synthesize(training, request, workdir)
threading.Thread(target=watch, daemon=True).start()
return twin
"""


def test_a_kill_inside_the_gate_leaves_the_twin_as_it_was(small: Handmade) -> None:
    assert small.synth("run", "--on-inconclusive", "warn").code == 0
    before = small.value(TWIN), small.value(COMMENT)
    small.backend("killed", KILLER)
    answer = small.call("run", "--backend", "killed", "--on-inconclusive", "warn")
    assert answer.code == -signal.SIGKILL
    assert "OK published" not in answer.text
    assert (small.value(TWIN), small.value(COMMENT)) == before


# --- the holdout


def test_what_only_the_holdout_holds_is_found_nowhere(small: Handmade) -> None:
    """Every seventh person has a canary, so that some of them are held out and some are learned from."""
    small.session.execute("""
        alter table analytics.people add note text;
        update analytics.people set
            note = 'common', spent = case when id % 7 = 0 then 900000 + id + 0.37 else spent end,
            city = case when id % 7 = 0 then 'Zzcanary' || id else city end
    """)
    assert small.synth("run", "--on-inconclusive", "warn").code in {0, 1}
    canaries = {text for n in range(7, 301, 7) for text in (f"Zzcanary{n}", f"{900000 + n}.37")}
    for path in small.folder.rglob("*"):
        if path.is_file():
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            assert not [canary for canary in canaries if canary.encode() in data], path
    if not small.value("select to_regclass('synthetic.people') is null"):
        twin = small.value("select string_agg(people::text, ' ') from synthetic.people")
        assert not [canary for canary in canaries if canary in twin]
