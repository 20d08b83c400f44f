"""``portl init`` on a real terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.terminal import Terminal
from flows.support import portl

FOLDER = "statemachines/people"
DEFAULTS = ["CSV file", "Name of the job", "Columns, as", "Table", "Columns that tell", "Environment variable"]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def take_defaults(terminal: Terminal, kind: str) -> None:
    terminal.answer("Kind, by its number or name", kind)
    for question in DEFAULTS:
        terminal.answer(question, "")


def test_every_default_taken_leads_to_a_job_that_is_right(tmp_path: Path) -> None:
    with Terminal(tmp_path, "init") as terminal:
        take_defaults(terminal, "1")
        terminal.answer("Write? [Y/n]", "")
        assert terminal.ended() == 0
        for shown in ("job: people", f"  {FOLDER}/job.yaml", f"portl check {FOLDER}", f"portl run {FOLDER} --demo"):
            assert shown in terminal.seen
        assert terminal.seen.startswith("What shall the job do?")
        assert "(to deploy it later: portl init --deploy, then portl build)" in terminal.seen
    written = {f"{FOLDER}/job.yaml", f"{FOLDER}/people.csv", f"{FOLDER}/schema.sql", ".gitignore"}
    assert files(tmp_path) == written
    assert portl(tmp_path, "check", FOLDER).code == 0


def test_the_answers_of_a_whole_session_stand_in_the_job_and_it_runs(tmp_path: Path) -> None:
    (tmp_path / "Stock list.csv").write_text("SKU;Amount;Seen on\nA-1;1.250,50;01.02.2026\nB-2;3,00;28.02.2026\n", "utf-8")
    with Terminal(tmp_path, "init", "--if-exists", "cancel") as terminal:
        terminal.answer("Kind", "csv-to-lambda-to-postgres")
        terminal.answer("CSV file", "Stock list.csv")
        terminal.wait_for("SKU (text), Amount (decimal), Seen on (date)")
        terminal.answer("Name of the job [stock_list]", "stock")
        terminal.answer("Table [stock]", "shop_stock")
        terminal.answer("Columns that tell one row from another [sku]", "")
        terminal.answer("Function", "price.py:score")
        terminal.answer("Environment variable with the database's URL [PG_URL]", "SHOP_URL")
        terminal.answer("Environment variable with the API's address [API_URL]", "HOOK_URL")
        terminal.answer("Path of the request [/records]", "/stock")
        terminal.answer("Write?", "y")
        assert terminal.ended() == 0
    text = (tmp_path / "statemachines/stock/job.yaml").read_text("utf-8")
    for part in ("${env:SHOP_URL}", "${env:HOOK_URL}", "table: shop_stock", "key: [sku]", "path: /stock", '"price.py:score"'):
        assert part in text
    ended = portl(tmp_path, "run", "statemachines/stock", "--demo")
    assert (ended.code, ended.err.count("Traceback")) == (0, 0), ended.err
    assert "shop_stock: 2 inserted" in ended.out
    assert "the peer received 2 POST /stock" in ended.out


def test_a_wrong_answer_is_explained_and_asked_again(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text('a,b\n"1,2\n', "utf-8")
    with Terminal(tmp_path, "init", "--columns", "code, name") as terminal:
        terminal.answer("Kind", "9")
        terminal.wait_for("Error: '9' is no kind of job: a number from 1 to 7, or one of csv-to-postgres")
        terminal.answer("Kind", "postgres-to-api")
        terminal.answer("Name of the job", "9 lives")
        terminal.wait_for("Error: '9 lives': a job's name has letters, digits, - and _ after a letter")
        terminal.answer("Name of the job", "lives")
        terminal.answer("Table", "drop table x;")
        terminal.wait_for("Error: 'drop table x;': a table's name has")
        terminal.answer("Table", "public.lives")
        terminal.answer("Columns that tell", "codex")
        terminal.wait_for("Error: there is no column 'codex'; columns are code, name")
        terminal.answer("Columns that tell", "code, name")
        terminal.answer("database's URL", "1X")
        terminal.wait_for("Error: '1X': a variable's name")
        terminal.answer("database's URL", "")
        terminal.answer("API's address", "")
        terminal.answer("Path of the request", "records")
        terminal.wait_for("Error: 'records': a path begins with /")
        terminal.answer("Path of the request", "/lives")
        terminal.answer("Write?", "y")
        assert terminal.ended() == 0
    assert "ORDER BY code, name" in (tmp_path / "statemachines/lives/job.yaml").read_text("utf-8")


def test_a_csv_that_cannot_be_read_is_said_with_its_line_and_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text('a,b\n1,2\n"3,4\n', "utf-8")
    with Terminal(tmp_path, "init", "--kind", "csv-to-api", "--yes", "--csv", "broken.csv") as terminal:
        assert terminal.ended() == 2
        assert "--csv: a quote opened on this line is never closed (broken.csv line 3)" in terminal.seen
    with Terminal(tmp_path, "init", "--kind", "csv-to-api") as terminal:
        terminal.answer("CSV file", "nowhere.csv")
        terminal.wait_for("Error: nowhere.csv is not there")
        terminal.wait_for("CSV file")
    assert files(tmp_path) == {"broken.csv"}


@pytest.mark.parametrize("questions", [0, 1, 4])
def test_ctrl_c_at_a_question_leaves_nothing(tmp_path: Path, questions: int) -> None:
    with Terminal(tmp_path, "init") as terminal:
        asked = ["Kind", *DEFAULTS]
        for question in asked[:questions]:
            terminal.answer(question, "")
        terminal.wait_for(asked[questions])
        assert terminal.interrupt() == 130
        assert "\nnothing was written\n" in terminal.seen
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_and_no_at_the_last_question_leave_nothing(tmp_path: Path) -> None:
    for last in ("", "n\n"):
        with Terminal(tmp_path, "init") as terminal:
            take_defaults(terminal, "csv-to-postgres")
            terminal.wait_for("Write?")
            terminal.type(last)
            assert (terminal.ended() if last else terminal.interrupt()) == 130
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_there_is_kept_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    job = tmp_path / FOLDER / "job.yaml"
    assert portl(tmp_path, "init", "--yes", "--table", "first").code == 0
    before = job.read_text("utf-8")
    arguments = ("init", "--kind", "csv-to-postgres", "--name", "people", "--columns", "code", "--key", "code", "--table", "t")
    for choice, code in (("", 130), ("cancel", 130), ("overwrite", 0)):
        with Terminal(tmp_path, *arguments, "--database-var", "PG_URL") as terminal:
            terminal.answer(f"{FOLDER}/job.yaml is there already (overwrite, append, cancel) [cancel]", choice)
            if code == 0:
                assert job.read_text("utf-8") == before
                terminal.wait_for("job.yaml (is there: changed)")
                terminal.answer("Write?", "")
            assert terminal.ended() == code
        assert (job.read_text("utf-8") == before) is (code != 0)
    assert "table: t" in job.read_text("utf-8")


def test_a_file_beside_a_new_job_is_asked_about_too(tmp_path: Path) -> None:
    schema = tmp_path / FOLDER / "schema.sql"
    schema.parent.mkdir(parents=True)
    schema.write_text("-- mine\n", "utf-8")
    with Terminal(tmp_path, "init") as terminal:
        take_defaults(terminal, "1")
        terminal.answer(f"{FOLDER}/schema.sql would be overwritten. Do it? [y/N]", "")
        assert terminal.ended() == 130
    assert files(tmp_path) == {f"{FOLDER}/schema.sql"}


def test_the_job_is_shown_in_colour_on_a_terminal_and_without_where_no_color_is_set(tmp_path: Path) -> None:
    for number, variables in enumerate(({}, {"NO_COLOR": "1"})):
        with Terminal(tmp_path, "init", "--yes", "--name", f"j{number}", **variables) as terminal:
            assert terminal.ended() == 0
            assert f"job: j{number}" in terminal.seen
            assert ("\x1b[" in terminal.raw) is (not variables)
    assert "\x1b[" not in portl(tmp_path, "init", "--yes", "--name", "plain").out
