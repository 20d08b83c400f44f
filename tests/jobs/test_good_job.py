import pytest

from portl.connections import CONNECTION_TYPES
from portl.errors import JobError
from portl.jobs import load_job, walk_steps
from portl.steps import STEP_TYPES


def test_a_good_job_has_no_findings(parse, good):
    job, findings = parse(good)
    assert findings == []
    assert [step.id for step in walk_steps(job.steps)] == ["read_csv", "enrich", "resource", "version", "add", "change", "tell"]


def test_a_good_file_is_loaded_as_a_job(tmp_path, good):
    file = tmp_path / "job.yaml"
    file.write_text(good, encoding="utf-8")
    assert load_job(file, STEP_TYPES, CONNECTION_TYPES).job == "sync"


def test_a_byte_order_mark_does_no_harm(parse, good):
    assert parse(b"\xef\xbb\xbf" + good.encode())[1] == []


def test_windows_line_ends_do_no_harm(parse, good):
    assert parse(good.replace("\n", "\r\n").encode())[1] == []


def test_a_bad_file_raises_with_all_its_findings(tmp_path, good):
    file = tmp_path / "job.yaml"
    file.write_text(good.replace("row.code", "rwo.code").replace("key: [code]", "key: [cod]"), encoding="utf-8")
    with pytest.raises(JobError) as caught:
        load_job(file, STEP_TYPES, CONNECTION_TYPES)
    assert [each.code for each in caught.value.diagnostics] == ["J206", "J207", "J206", "J206"]
    assert str(caught.value) == f"J000 {file}: 4 problems"


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(JobError, match="cannot be read: No such file or directory"):
        load_job(tmp_path / "no.yaml", STEP_TYPES, CONNECTION_TYPES)


def test_a_job_is_frozen(parse, good):
    job, _ = parse(good)
    with pytest.raises(ValueError, match="frozen"):
        job.job = "other"
