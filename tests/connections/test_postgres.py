"""A connection on the real server: what it sends, what it reads, and what each refusal means."""

import socket

import pytest

from conftest import connect
from portl.connections import Connections, PostgresSpec
from portl.connections._postgres import PREPARED, Column, PostgresConnection, Rows, parse_url
from portl.errors import DatabaseError

pytestmark = pytest.mark.postgres


def opened(url):
    return PostgresConnection("shop", PostgresSpec(type="postgres", url=url))


@pytest.fixture
def db(postgres_url):
    connection = opened(postgres_url)
    yield connection
    connection.close()


def refused(call):
    with pytest.raises(DatabaseError) as caught:
        call()
    return caught.value


def meaning(problem):
    return problem.code, problem.outcome, problem.detail.get("sqlstate")


def released(query):
    """Nobody holds table t any more: a transaction still open would make this statement fail."""
    query("SELECT set_config('lock_timeout', '10s', false)")
    query("ALTER TABLE t ADD COLUMN later int")


def test_the_socket_sends_at_once(postgres_url):
    if parse_url(postgres_url).host.startswith("/"):
        pytest.skip("the embedded server is on a unix socket")
    connection = opened(postgres_url)
    wire = connection._raw._usock
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
    assert [wire.getsockopt(level, option) != 0 for level, option in options] == [True, True]
    assert wire.gettimeout() is None
    connection.close()


def test_text_is_cast_by_the_server_to_what_stands_there(db):
    db.execute("CREATE TABLE t (i int, n numeric(9,2), d date, b boolean, j jsonb, s text)")
    sql = "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)"
    assert db.execute(sql, ("7", "1.50", "2024-02-29", "yes", {"a": ["é", None]}, "x;'y")) == Rows((), [], 1)
    assert db.execute(sql, (None,) * 6) == Rows((), [], 1)
    read = db.execute("SELECT i, n::text, d::text, b, j, s FROM t WHERE i = $1 OR i IS NULL ORDER BY i", ("7",))
    assert read == Rows(
        ("i", "n", "d", "b", "j", "s"),
        [[7, "1.50", "2024-02-29", True, {"a": ["é", None]}, "x;'y"], [None] * 6],
        2,
    )


def test_a_statement_outside_a_transaction_commits_by_itself(db, query):
    db.execute("CREATE TABLE t (i int)")
    assert db.execute("INSERT INTO t SELECT generate_series(1, 3)").row_count == 3
    assert query("SELECT count(*) FROM t") == [(3,)]


@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("INSERT INTO t VALUES ($1, $2)", ("1", "1"), ("D103", "Permanent", "23505")),
        ("INSERT INTO t VALUES ($1, $2)", (None, "1"), ("D103", "Permanent", "23502")),
        ("INSERT INTO t VALUES ($1, $2)", ("x", "1"), ("D104", "Permanent", "22P02")),
        ("SELECT 1 / $1::int", ("0",), ("D104", "Permanent", "22012")),
        ("SELECT * FROM nothing", (), ("D105", "Permanent", "42P01")),
        ("SELECT nothing FROM t", (), ("D105", "Permanent", "42703")),
        ("SELEC 1", (), ("D105", "Permanent", "42601")),
    ],
)
def test_each_refusal_of_a_statement_has_its_code(db, sql, params, expected):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    db.execute("INSERT INTO t VALUES (1, 1)")
    problem = refused(lambda: db.execute(sql, params))
    assert meaning(problem) == expected
    assert problem.hint
    assert db.execute("SELECT 1 AS still").rows == [[1]]


@pytest.mark.parametrize(
    ("state", "code", "outcome"),
    [
        ("40001", "D106", "Conflict"),
        ("40P01", "D106", "Conflict"),
        ("55P03", "D106", "Conflict"),
        ("57014", "D108", "Permanent"),
        ("57P01", "D109", "Transient"),
        ("57P03", "D109", "Transient"),
        ("53300", "D109", "Transient"),
        ("53100", "D109", "Transient"),
        ("08006", "D102", "Transient"),
        ("23503", "D103", "Permanent"),
        ("23514", "D103", "Permanent"),
        ("22001", "D104", "Permanent"),
        ("28000", "D107", "Permanent"),
        ("42501", "D107", "Permanent"),
        ("3D000", "D101", "Permanent"),
        ("42883", "D105", "Permanent"),
        ("P0001", "D199", "Permanent"),
        ("XX000", "D199", "Permanent"),
    ],
)
def test_each_state_the_server_raises_has_its_code_and_outcome(db, state, code, outcome):
    problem = refused(lambda: db.execute(f"DO $$ BEGIN RAISE 'told' USING ERRCODE = '{state}'; END $$"))
    assert meaning(problem) == (code, outcome, state)
    assert problem.message == "told"


def test_a_double_key_is_told_with_its_constraint_and_its_values(db):
    db.execute("CREATE TABLE customers (id int CONSTRAINT customers_id UNIQUE)")
    sql = "INSERT INTO customers VALUES ($1)"
    db.execute(sql, ("7",))
    problem = refused(lambda: db.execute(sql, ("7",), columns=("id",)))
    assert problem.message == ('duplicate key value violates unique constraint "customers_id" (Key (id)=(7) already exists.)')
    assert problem.detail == {
        "sql": sql,
        "params": ["7"],
        "sqlstate": "23505",
        "constraint": "customers_id",
        "table": "customers",
    }


def test_a_missing_value_is_told_with_its_column(db):
    db.execute("CREATE TABLE t (id int NOT NULL)")
    assert refused(lambda: db.execute("INSERT INTO t VALUES (NULL)")).place.column == "id"


def test_a_value_that_cannot_be_cast_is_told_with_its_column(db):
    db.execute("CREATE TABLE t (a text, age int, b int)")
    sql = "INSERT INTO t VALUES ($1, $2, $3)"
    problem = refused(lambda: db.execute(sql, ("x", "old", "3"), columns=("a", "age", "b")))
    assert meaning(problem) == ("D104", "Permanent", "22P02")
    assert problem.place.column == "age"
    assert problem.message == 'age: invalid input syntax for type integer: "old"'


def test_a_statement_that_took_too_long_is_d108(db):
    db.execute("SET statement_timeout = '20ms'")
    assert meaning(refused(lambda: db.execute("SELECT pg_sleep(20)"))) == ("D108", "Permanent", "57014")


def test_two_writers_of_one_row_are_a_conflict(db, query):
    db.execute("CREATE TABLE t (i int)")
    db.execute("INSERT INTO t VALUES (1)")
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    db.execute("SELECT * FROM t")
    query("UPDATE t SET i = 2 RETURNING i")
    assert meaning(refused(lambda: db.execute("UPDATE t SET i = 3"))) == ("D106", "Conflict", "40001")
    db.execute("ROLLBACK")


def test_a_backend_that_was_killed_is_transient_and_stays_so(db, query):
    pid = db.execute("SELECT pg_backend_pid()").rows[0][0]
    assert query(f"SELECT pg_terminate_backend({pid}, 5000)") == [(True,)]
    for _ in range(3):
        problem = refused(lambda: db.execute("SELECT 2"))
        assert problem.code in ("D102", "D109")
        assert problem.outcome == "Transient"
    db.close()


def test_a_transaction_commits_at_its_end(db, query):
    db.execute("CREATE TABLE t (i int)")
    with db.transaction():
        db.execute("INSERT INTO t VALUES (1)")
        assert query("SELECT * FROM t") == []
        assert db.execute("SHOW transaction_isolation").rows == [["read committed"]]
    assert query("SELECT * FROM t") == [(1,)]


@pytest.mark.parametrize("problem", [ValueError("stop"), SystemExit(1)])
def test_a_transaction_rolls_back_on_any_exception_and_the_connection_goes_on(db, query, problem):
    db.execute("CREATE TABLE t (i int)")

    def work():
        with db.transaction():
            db.execute("INSERT INTO t VALUES (1)")
            raise problem

    with pytest.raises(type(problem)) as caught:
        work()
    assert caught.value is problem
    with db.transaction():
        db.execute("INSERT INTO t VALUES (2)")
    assert query("SELECT * FROM t") == [(2,)]


def test_a_refused_statement_rolls_its_transaction_back_and_comes_through(db, query):
    db.execute("CREATE TABLE t (i int)")

    def work():
        with db.transaction():
            db.execute("INSERT INTO t VALUES (1)")
            db.execute("INSERT INTO t VALUES ($1)", ("x",))

    assert refused(work).code == "D104"
    assert query("SELECT * FROM t") == []


def test_a_savepoint_takes_back_what_failed_inside_it_and_nothing_else(db, query):
    db.execute("CREATE TABLE t (code text UNIQUE)")
    problems = []
    with db.transaction():
        for codes in (["a"], ["b", "a"], ["c"]):
            try:
                with db.savepoint():
                    for code in codes:
                        db.execute("INSERT INTO t VALUES ($1)", (code,))
            except DatabaseError as problem:
                problems.append(problem.code)
    assert (problems, query("SELECT code FROM t ORDER BY code")) == (["D103"], [("a",), ("c",)])


def test_a_connection_that_is_lost_inside_a_savepoint_is_transient_and_leaves_nothing(db, query):
    db.execute("CREATE TABLE t (code text)")

    def lose():
        with db.transaction(), db.savepoint():
            db.execute("INSERT INTO t VALUES ('a')")
            pid = db.execute("SELECT pg_backend_pid()").rows[0][0]
            query(f"SELECT pg_terminate_backend({pid}, 5000)")
            db.execute("INSERT INTO t VALUES ('b')")

    assert refused(lose).outcome == "Transient"
    assert query("SELECT count(*) FROM t") == [(0,)]


def test_an_interrupted_transaction_leaves_nothing_behind(db, query):
    db.execute("CREATE TABLE t (i int)")

    def work():
        with db.transaction():
            db.execute("INSERT INTO t VALUES (1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    released(query)
    assert query("SELECT * FROM t") == []
    assert refused(lambda: db.execute("SELECT 1")).outcome == "Transient"


def test_closing_rolls_back_what_is_open_and_may_be_done_twice(postgres_url, query):
    with Connections({"shop": {"type": "postgres", "url": postgres_url}}) as connections:
        db = connections.get("shop")
        db.execute("CREATE TABLE t (i int)")
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES (1)")
    db.close()
    released(query)
    assert query("SELECT * FROM t") == []


def test_a_table_tells_its_columns(db):
    db.execute("""
        CREATE TABLE t (
            id int GENERATED ALWAYS AS IDENTITY, name varchar(20) NOT NULL, dropped int, at timestamptz NOT NULL DEFAULT now(),
            price numeric(9,2), twice int GENERATED ALWAYS AS (2 * 3) STORED, "Odd Name" text[]
        )
    """)
    db.execute("ALTER TABLE t DROP COLUMN dropped")
    columns = [
        Column("id", "integer", not_null=True, filled=True, increment=1),
        Column("name", "character varying(20)", not_null=True, filled=False),
        Column("at", "timestamp with time zone", not_null=True, filled=True, default="now()"),
        Column("price", "numeric(9,2)", not_null=False, filled=False),
        Column("twice", "integer", not_null=False, filled=True),
        Column("Odd Name", "text[]", not_null=False, filled=False),
    ]
    assert list(db.table("t").items()) == [(column.name, column) for column in columns]
    assert db.table("public.t") == db.table("t")


def test_an_unknown_table_is_d105_by_name(db):
    problem = refused(lambda: db.table("shop.nothing"))
    assert (problem.code, problem.outcome, problem.message, problem.detail) == (
        "D105",
        "Permanent",
        "there is no table shop.nothing",
        {"table": "shop.nothing"},
    )


def test_more_statements_than_are_kept_prepared_all_answer(db):
    for _ in range(2):
        answers = [db.execute(f"SELECT {i} + $1::int", ("1",)).rows for i in range(PREPARED + 10)]
        assert answers == [[[i + 1]] for i in range(PREPARED + 10)]
    assert db.execute("SELECT count(*) <= $1::int FROM pg_prepared_statements", (str(PREPARED),)).rows == [[True]]


def test_nobody_listening_is_transient(postgres_url):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    problem = refused(lambda: opened(f"postgresql://u:planted-pw@127.0.0.1:{port}/d"))
    assert (problem.code, problem.outcome, problem.detail) == ("D101", "Transient", {"server": f"127.0.0.1:{port}"})
    assert "planted-pw" not in str(problem)


def test_a_wrong_password_is_d107(postgres_url):
    target = parse_url(postgres_url)
    admin = connect(postgres_url)
    if admin.run("SELECT bool_and(auth_method = 'trust') FROM pg_hba_file_rules") == [[True]]:
        admin.close()
        pytest.skip("the embedded server asks for no password")
    admin.close()
    url = f"postgresql://{target.user}:planted-pw@{target.host}:{target.port}/{target.database}"
    problem = refused(lambda: opened(url))
    assert meaning(problem) == ("D107", "Permanent", "28P01")
    assert "planted-pw" not in f"{problem} {problem.detail}"


def test_an_unknown_database_is_d101_and_not_tried_again(postgres_url):
    problem = refused(lambda: opened(postgres_url + "_none"))
    assert meaning(problem) == ("D101", "Permanent", "3D000")
