"""The two example Lambdas, the demo's tables and its file."""

import csv
import hashlib
import importlib.util
import json
import re
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from portl.stores import read_csv

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "statemachines" / "resource_sync"
PAYLOAD = '{"final": true}'


def loaded(path):
    """A file as a module, as Lambda loads a handler: by its place, under no package."""
    spec = importlib.util.spec_from_file_location("_".join(path.parts[-2:]).removesuffix(".py"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INGEST = loaded(ROOT / "functions" / "ingestor" / "app.py").handler
FEED = loaded(ROOT / "functions" / "feed" / "app.py").handler


def ingested(code="RS-1", name="A name", payload=PAYLOAD):
    return INGEST({"code": code, "name": name, "payload": payload}, None)


def test_a_resource_is_described_by_checksum_slug_and_status():
    assert ingested() == {"md5": hashlib.md5(b'{"final": true}').hexdigest(), "slug": "a-name", "status": "published"}  # noqa: S324


def test_the_checksum_is_of_the_payload_as_written_in_utf_8():
    texts = ('{"a":"é"}', '{"a": "é"}', '{"a": "\\u00e9"}', '{"a": "🚀"}\n')
    assert [ingested(payload=text)["md5"] for text in texts] == [hashlib.md5(text.encode()).hexdigest() for text in texts]  # noqa: S324


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ('{"final": true, "a": {"final": false}}', "published"),
        ('{"final": false}', "draft"),
        ("{}", "draft"),
        ('{"final": null}', "draft"),
        ('{"final": 1}', "draft"),
        ('{"final": "true"}', "draft"),
        ('{"a": {"final": true}}', "draft"),
    ],
)
def test_only_a_payload_whose_final_is_true_is_published(payload, status):
    assert ingested(payload=payload)["status"] == status


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café crème à l'été", "cafe-creme-a-l-ete"),
        ("Cafe\u0301", "cafe"),
        ("  --Two\n lines__here!  ", "two-lines-here"),
        ("Übergröße", "ubergroße"),
        ("İstanbul", "istanbul"),
        ("ﬁne ½ print²", "fine-1-2-print2"),
        ("Οδός Αθηνάς", "οδος-αθηνας"),
        ("ΟΔΟΣ", "οδος"),
        ("Годовой отчёт «Юг»", "годовои-отчет-юг"),
        ("تقرير سنوي", "تقرير-سنوي"),
        ("東京の地図、ガイド", "東京の地図-ガイド"),
        ("연례 보고서", "연례-보고서"),
        ("ग्रंथ सूची", "ग्रंथ-सूची"),
        ("Press ❤️ kit 🚀", "press-kit"),
        ("", "rs-1"),
        (" - ", "rs-1"),
        ("❤️👩‍👧", "rs-1"),
        ("\u0301", "rs-1"),
    ],
)
def test_a_slug_keeps_letters_and_digits_of_every_alphabet_and_is_never_empty(name, slug):
    assert ingested(name=name)["slug"] == slug


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"payload": ""}, "the payload of RS-1 is no JSON: Expecting value"),
        ({"payload": "{'final': true}"}, "the payload of RS-1 is no JSON: Expecting property name"),
        ({"payload": '{"a": NaN}'}, "the payload of RS-1 is no JSON: NaN is no value of JSON"),
        ({"payload": "[" * 100_000}, "the payload of RS-1 is no JSON: "),
        ({"payload": "[1]"}, "the payload of RS-1 must be a JSON object; it is list"),
        ({"payload": '"text"'}, "the payload of RS-1 must be a JSON object; it is str"),
        ({"payload": "null"}, "the payload of RS-1 must be a JSON object; it is NoneType"),
        ({"payload": {"final": True}}, "payload must be text; it is dict"),
        ({"name": None}, "name must be text; it is NoneType"),
        ({"code": ""}, "code is empty: a resource needs one"),
    ],
)
def test_an_event_that_cannot_be_described_is_refused_with_the_cause(change, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        ingested(**change)


@pytest.mark.parametrize("field", ["code", "name", "payload"])
def test_a_field_that_is_missing_is_named(field):
    event = {"code": "RS-1", "name": "A name", "payload": PAYLOAD}
    del event[field]
    with pytest.raises(ValueError, match=f"^{field} must be text; it is missing$"):
        INGEST(event, None)


def test_a_feed_is_the_same_for_the_same_batch_and_another_for_another():
    assert FEED({"batch_id": "b-1"}, None) == FEED({"batch_id": "b-1"}, None)
    assert FEED({"batch_id": "b-1"}, None) != FEED({"batch_id": "b-2"}, None)


def test_a_feed_has_300_records_of_which_30_come_again_changed():
    answer = FEED({"batch_id": "b-1"}, None)
    keys = Counter((each["code"], each["source"]) for each in answer["records"])
    assert (list(answer), answer["batch_id"], len(answer["records"])) == (["batch_id", "records"], "b-1", 300)
    assert Counter(keys.values()) == {1: 240, 2: 30}
    assert len({each["payload"] for each in answer["records"]}) == 300


def test_a_record_of_the_feed_says_what_the_ingestor_would_say_of_it():
    for each in FEED({"batch_id": "b-1"}, None)["records"]:
        assert list(each) == ["code", "source", "name", "payload", "md5", "slug", "status", "updated_at"]
        said = INGEST({field: each[field] for field in ("code", "name", "payload")}, None)
        assert said == {field: each[field] for field in ("md5", "slug", "status")}


def test_the_feeds_moments_are_of_utc_and_rise():
    moments = [each["updated_at"] for each in FEED({"batch_id": "b-1"}, None)["records"]]
    assert all(re.fullmatch(r"2025-03-01T\d\d:\d\d:\d\dZ", each) for each in moments)
    assert moments == sorted(moments)


def test_an_answer_fits_a_state_of_step_functions():
    """256 KiB: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html."""
    assert len(json.dumps(FEED({"batch_id": "b-1"}, None)).encode()) < 256 * 1024


@pytest.mark.parametrize("event", [{}, {"batch_id": None}, {"batch_id": ""}, {"batch_id": 7}])
def test_a_feed_without_a_batch_is_refused(event):
    with pytest.raises(ValueError, match=r"^batch_id is needed"):
        FEED(event, None)


@pytest.mark.parametrize("name", ["ingestor", "feed"])
def test_an_example_needs_nothing_but_python_and_fits_a_screen(name):
    text = (ROOT / "functions" / name / "app.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imported <= sys.stdlib_module_names
    assert len(text.splitlines()) <= 50


@pytest.fixture(scope="module")
def demo():
    with (DEMO / "resources.csv").open("rb") as stream:
        reader = read_csv(stream, name="resources.csv")
        return reader.columns, [dict(zip(reader.columns, values, strict=True)) for _, values in reader]


def test_the_demos_file_is_what_its_generator_writes():
    assert (DEMO / "resources.csv").read_bytes() == loaded(ROOT / "tests" / "data" / "make_resources.py").build()


def test_the_demos_file_is_small_and_ends_its_lines_as_unix_does():
    content = (DEMO / "resources.csv").read_bytes()
    assert (len(content) < 1_000_000, b"\r" in content, content[-1:]) == (True, False, b"\n")


def test_the_demos_file_is_read_alike_by_pythons_own_reader(demo):
    with (DEMO / "resources.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.DictReader(stream)) == demo[1]


def test_the_demos_file_has_its_columns_and_its_repeated_keys(demo):
    columns, records = demo
    keys = Counter((each["code"], each["source"]) for each in records)
    assert (columns, len(records)) == (("code", "source", "name", "payload", "updated_at"), 3_500)
    assert Counter(keys.values()) == {1: 2_840, 2: 240, 3: 60}


def test_some_keys_that_come_again_change_status_some_only_content_some_nothing(demo):
    last, kinds = {}, Counter()
    for each in demo[1]:
        key, status = (each["code"], each["source"]), json.loads(each["payload"])["final"]
        if key in last:
            kinds["same" if last[key][0] == each["payload"] else "content" if last[key][1] == status else "status"] += 1
        last[key] = each["payload"], status
    assert min(kinds[kind] for kind in ("same", "content", "status")) > 50


@pytest.mark.parametrize(
    "letters",
    [
        "[β-ω]",
        "[\u0431-\u044f]",
        "[\u0600-\u06ff]",
        "[\u4e00-\u9fff]",
        "[가-힣]",
        "[éüł]",
        "🚀",
        '"',
        "'",
        ",",
        "\n",
        "\t",
        "\\|",
    ],
)
def test_the_demos_names_hold_every_kind_of_letter_that_gives_trouble(demo, letters):
    assert sum(bool(re.search(letters, each["name"])) for each in demo[1]) > 10


def test_the_demos_file_has_empty_cells(demo):
    empty = Counter(column for each in demo[1] for column, value in each.items() if not value)
    assert set(empty) == {"name", "updated_at"}
    assert min(empty.values()) > 50


def test_the_demos_moments_are_iso_8601_with_their_offsets(demo):
    moments = [datetime.fromisoformat(each["updated_at"]) for each in demo[1] if each["updated_at"]]
    assert len({each.utcoffset() for each in moments}) > 5


def test_every_record_of_the_demo_is_one_the_ingestor_describes(demo):
    said = [INGEST({field: each[field] for field in ("code", "name", "payload")}, None) for each in demo[1]]
    assert {each["status"] for each in said} == {"draft", "published"}
    assert all(each["slug"] for each in said)
