"""Stores of a job: declared in it, in the file beside the project, replaced by a profile or the environment."""

import textwrap

import pytest

from portl.connections import CONNECTION_TYPES, Connections
from portl.errors import ConfigError, JobError, SetupError
from portl.jobs import StoresFile, load_stores, parse_job, stores_of, with_profile
from portl.jobs._stores import with_stores
from portl.steps import STEP_TYPES
from portl.values import redact

S3_FIELDS = (
    "ACCESS_KEY_ID, BUCKET, ENDPOINT, PREFIX, REGION, RETRY, SECRET_ACCESS_KEY, SESSION_TOKEN, TIMEOUT_S, TYPE, VIRTUAL_HOST"
)
HEAD = """\
version: 2
job: intake
params: {path: {type: string}}
"""
READ = """\
steps:
  - {id: read, type: csv.read, path: "%s"}
"""
LAKE = """\
connections:
  lake: {type: s3, bucket: lake-raw, secret_access_key: "${secret:lake/key}"}
  inbox: {type: local, root: inbox}
  pg: {type: postgres, url: "${env:PG_URL}"}
"""
BESIDE = StoresFile(
    "stores.yaml",
    {"lake": {"type": "s3", "bucket": "lake-raw"}, "archive": {"type": "local", "root": "archive"}},
    {"local": {"lake": {"type": "local", "root": "data/lake"}}},
)


def parse(text, stores=None):
    more = {} if stores is None else {"stores": stores}
    return parse_job(text.encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES, **more)


def told(text, stores=None):
    return [str(each) for each in parse(text, stores)[1]]


def job_of(text, stores=None):
    job, findings = parse(text, stores)
    assert (findings, job is None) == ([], False)
    return job


@pytest.mark.parametrize(
    ("path", "stores"),
    [
        ("lake:2026/{{ params.path }}.csv", {"lake"}),
        ("{{ params.path }}", {"lake", "inbox"}),
        ("in.csv", set()),
        ("s3://bucket/in.csv", set()),
        ("C:/in.csv", set()),
    ],
)
def test_a_step_is_given_the_stores_that_its_files_may_be_in_and_no_others(path, stores):
    job = job_of(HEAD + LAKE + READ % path)
    assert stores_of(job, job.steps) == stores


def test_a_store_that_is_not_declared_is_told_with_the_nearest_name():
    expected = 'job.yaml:9:39 J204 there is no store "lakes"; did you mean "lake"?'
    assert told(HEAD + LAKE + READ % "lakes:in.csv") == [expected]


def test_a_file_that_only_looks_like_one_of_a_store_is_told_the_way_out():
    declare = "declare it under connections, or for all jobs in stores.yaml in the project's folder"
    expected = f'job.yaml:5:39 J204 there is no store "ab"; {declare}; a file of this machine is ./ab:c.csv'
    assert told(HEAD + READ % "ab:c.csv") == [expected]
    assert told(HEAD + READ % "./ab:c.csv") == []


def test_a_connection_that_holds_no_files_is_told():
    expected = 'job.yaml:9:39 J204 "pg" is a postgres connection: no files are there; name a store'
    assert told(HEAD + LAKE + READ % "pg:in.csv") == [expected]


def test_a_secret_of_a_store_in_plain_text_is_told():
    text = HEAD + LAKE.replace("${secret:lake/key}", "hunter2-long") + READ % "lake:in.csv"
    expected = 'job.yaml:5:58 J501 secret_access_key holds a secret as plain text; write "${secret:…}"'
    assert told(text) == [expected]


def test_stores_beside_the_project_are_known_to_every_job_and_given_to_those_that_use_them():
    assert set(job_of(HEAD + READ % "lake:in.csv", BESIDE).connections) == {"lake"}
    assert set(job_of(HEAD + READ % "{{ params.path }}", BESIDE).connections) == {"lake", "archive"}
    assert set(job_of(HEAD + READ % "in.csv", BESIDE).connections) == set()


def test_a_job_s_own_store_goes_before_the_one_beside_the_project():
    job = job_of(HEAD + LAKE + READ % "lake:in.csv")
    assert with_stores(job, BESIDE).connections["lake"] == job.connections["lake"]


def test_a_profile_replaces_whole_connections():
    job = job_of(HEAD + READ % "lake:in.csv", BESIDE)
    assert with_profile(job, BESIDE, "local").connections == {"lake": {"type": "local", "root": "data/lake"}}
    assert with_profile(job, BESIDE, None) is job


def test_a_job_s_own_profile_goes_before_the_one_beside_the_project():
    text = HEAD + "profiles: {local: {lake: {type: local, root: mine}}}\n" + READ % "lake:in.csv"
    job = job_of(text, BESIDE)
    assert with_profile(job, BESIDE, "local").connections == {"lake": {"type": "local", "root": "mine"}}


def test_a_profile_that_nobody_declares_is_told_with_the_nearest_name():
    job = job_of(HEAD + READ % "lake:in.csv", BESIDE)
    with pytest.raises(JobError, match='there is no profile "locl"; did you mean "local"'):
        with_profile(job, BESIDE, "locl")


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("{lakes: {type: local, root: x}}", '4:20 J204 the profile replaces the connection "lakes", and there is none'),
        ("{pg: {type: local, root: x}}", '4:31 J204 the profile puts a local in the place of "pg", which is postgres'),
        ("{lake: {type: local}}", '4:26 J003 the field "root" is missing'),
    ],
    ids=["no such connection", "another kind", "wrong fields"],
)
def test_a_wrong_profile_is_told_at_its_place(profile, expected):
    text = HEAD.replace("params", f"description: x\nprofiles: {{local: {profile}}}\nparams") + LAKE + READ % "lake:in.csv"
    assert [each.split(";")[0].removeprefix("job.yaml:") for each in told(text)] == [expected]


def test_a_file_of_stores_is_read_from_yaml_and_from_toml_alike(tmp_path):
    (tmp_path / "stores.yaml").write_text(
        textwrap.dedent("""\
        connections:
          lake: {type: s3, bucket: lake-raw, retry: {attempts: 6}}
        profiles:
          local:
            lake: {type: local, root: data/lake}
        """)
    )
    (tmp_path / "stores.toml").write_text(
        textwrap.dedent("""\
        [connections.lake]
        type = "s3"
        bucket = "lake-raw"
        retry = {attempts = 6}

        [profiles.local.lake]
        type = "local"
        root = "data/lake"
        """)
    )
    one, other = load_stores(tmp_path / "stores.yaml"), load_stores(tmp_path / "stores.toml")
    assert (one.connections, one.profiles) == (other.connections, other.profiles)
    assert one.connections["lake"]["retry"] == {"attempts": 6}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("stores.yaml", "connections:\n  lake: {type: s3, buket: x-y-z}\n", ["2:20 J002", "2:9 J003"]),
        ("stores.toml", '[connections.lake]\ntype = "s3"\nbuket = "x"\n', ["1:1 J003", "3:1 J002"]),
        ("stores.toml", '[connections.lake]\ntype = "sftpp"\n', ["2:8 J204"]),
        ("stores.toml", '[connections.pg]\ntype = "postgres"\nurl = "x"\n', ["2:8 J204"]),
        ("stores.toml", "[connections.lake\n", ["1:18 J001"]),
        ("stores.yaml", "conections: {}\n", ["1:1 J002"]),
    ],
)
def test_what_is_wrong_in_a_file_of_stores_is_told_at_its_place(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    with pytest.raises(JobError) as caught:
        load_stores(tmp_path / name)
    assert sorted(f"{each.line}:{each.column} {each.code}" for each in caught.value.diagnostics) == sorted(expected)


def test_the_environment_says_single_fields_of_a_store_and_what_is_secret_is_masked(monkeypatch):
    monkeypatch.setenv("PORTL_STORE_LAKE__REGION", "eu-north-1")
    monkeypatch.setenv("PORTL_STORE_LAKE__RETRY__ATTEMPTS", "7")
    monkeypatch.setenv("PORTL_STORE_LAKE__SECRET_ACCESS_KEY", "canary-7f3a")
    raw = {"type": "s3", "bucket": "lake-raw", "region": "eu-central-1", "retry": {"base_s": 1}}
    with Connections({"lake": raw}) as connections:
        spec = connections.spec("lake")
    assert (spec.bucket, spec.region, spec.retry.attempts, spec.retry.base_s) == ("lake-raw", "eu-north-1", 7, 1)
    assert spec.secret_access_key.get_secret_value() == "canary-7f3a"
    assert [text for text in (repr(spec), str(spec), spec.model_dump_json(), redact("x canary-7f3a")) if "canary" in text] == []


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("PORTL_STORE_LAKE__BUCKETT", "did you mean PORTL_STORE_LAKE__BUCKET?"),
        ("portl_store_lake__regoin", "did you mean PORTL_STORE_LAKE__REGION?"),
        ("PORTL_STORE_LAKE__RETRYS__ATTEMPTS", "did you mean PORTL_STORE_LAKE__RETRY?"),
        ("PORTL_STORE_LAKE__ROOT", f"the fields are {S3_FIELDS}"),
    ],
)
def test_a_variable_that_names_no_field_of_its_store_is_told_and_not_passed_over(monkeypatch, variable, hint):
    monkeypatch.setenv(variable, "canary-7f3a")
    with Connections({"lake": {"type": "s3", "bucket": "lake-raw"}}) as connections, pytest.raises(SetupError) as caught:
        connections.spec("lake")
    told = caught.value
    assert (told.code, told.message) == ("V105", f"{variable} names a field that the store does not have")
    assert told.hint == hint


def test_a_field_inside_a_field_that_there_is_not_is_told(monkeypatch):
    monkeypatch.setenv("PORTL_STORE_LAKE__RETRY__ATTEMPTZ", "3")
    with Connections({"lake": {"type": "s3", "bucket": "lake-raw"}}) as connections, pytest.raises(SetupError) as caught:
        connections.spec("lake")
    assert (caught.value.code, "retry.attemptz: extra inputs are not permitted" in caught.value.message) == ("V104", True)


def test_a_store_may_be_replaced_while_its_own_fields_are_told(monkeypatch, tmp_path):
    for field, value in {"TYPE": "local", "ROOT": str(tmp_path), "ENDPOINT": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(f"PORTL_STORE_LAKE__{field}", value)
    with Connections({"lake": {"type": "s3", "bucket": "lake-raw"}}) as connections:
        assert connections.spec("lake").root == str(tmp_path)


def test_another_type_in_the_environment_replaces_the_whole_store(monkeypatch, tmp_path):
    monkeypatch.setenv("PORTL_STORE_LAKE__TYPE", "local")
    monkeypatch.setenv("PORTL_STORE_LAKE__ROOT", str(tmp_path))
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")
    with Connections({"lake": {"type": "s3", "bucket": "${env:NEVER_SET}"}}) as connections:
        assert connections.file("lake:in.csv").open().read() == b"a\n1\n"


def test_what_is_wrong_with_a_file_is_told_by_the_address_it_was_named_by(tmp_path):
    with Connections({"lake": {"type": "local", "root": str(tmp_path)}}) as connections:
        with pytest.raises(Exception, match=r"^F101 lake:2026/in\.csv is not there"):
            connections.file("lake:2026/in.csv").open()
        with pytest.raises(ConfigError, match='there is no store "lakes"'):
            connections.file("lakes:in.csv")


def test_a_variable_that_does_not_fit_is_told_without_its_value(monkeypatch):
    monkeypatch.setenv("PORTL_STORE_PARTNER__PORT", "canary-port")
    raw = {"type": "sftp", "host": "h", "user": "u", "host_key": "k"}
    with Connections({"partner": raw}) as connections, pytest.raises(SetupError) as caught:
        connections.spec("partner")
    assert (caught.value.code, "port: input should be a valid integer" in str(caught.value)) == ("V104", True)
    assert "canary" not in f"{caught.value} {caught.value.__cause__} {caught.value.hint}"


def test_a_store_of_one_letter_is_refused_since_its_addresses_would_be_files_of_this_machine():
    declared = "connections:\n  b: {type: local, root: in}\n  p: {type: postgres, url: '${env:PG_URL}'}\n"
    said = '"b" is no name of a store: b:path would be a drive, and a file of this machine; a longer name'
    assert told(HEAD + declared + READ % "b:in.csv") == [f"job.yaml:5:3 J007 {said}"]
