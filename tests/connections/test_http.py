"""An API's connection: what is sent where, and what each answer means."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from portl.connections import HttpSpec
from portl.connections._http import HttpAnswer, HttpConnection, retry_after
from portl.errors import HttpError

BASE = "https://api.example.com/v1"


@pytest.fixture
def api():
    """Makes a connection whose other side is ``answer``, a response or an exception; ``seen`` has its requests."""
    made = []

    def connection(answer=None, base=BASE, **options):
        def handle(request):
            seen.append(request)
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(204) if answer is None else answer

        seen = []
        spec = HttpSpec(type="http", base_url=base, **options)
        made.append(HttpConnection("api", spec, httpx.MockTransport(handle)))
        made[-1].seen = seen
        return made[-1]

    yield connection
    for each in made:
        each.close()


def refused(call):
    with pytest.raises(HttpError) as caught:
        call()
    return caught.value


def shown(problem):
    return f"{problem} {problem.hint} {problem.detail}"


def test_json_is_parsed_text_is_kept_and_nothing_is_null(api):
    answers = [
        httpx.Response(200, json={"a": [1, None]}),
        httpx.Response(201, headers={"content-type": "application/problem+json"}, content=b"[]"),
        httpx.Response(200, headers={"content-type": "application/json"}),
        httpx.Response(202, text="fine é"),
        httpx.Response(204),
    ]
    found = [api(answer).request("GET", "x") for answer in answers]
    assert found == [
        HttpAnswer(200, dict(answers[0].headers), json={"a": [1, None]}),
        HttpAnswer(201, {"content-type": "application/problem+json", "content-length": "2"}, json=[]),
        HttpAnswer(200, dict(answers[2].headers), json=None),
        HttpAnswer(202, dict(answers[3].headers), text="fine é"),
        HttpAnswer(204, {}, text=""),
    ]


@pytest.mark.parametrize("url", ["orders", "/orders", "//orders", f"{BASE}/orders"])
@pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
def test_an_address_stands_under_the_base(api, url, base):
    connection = api(base=base)
    connection.request("GET", url)
    assert [str(request.url) for request in connection.seen] == [f"{BASE}/orders"]


def test_what_is_sent_is_what_was_asked(api):
    connection = api(headers={"X-Key": "k", "X-Both": "spec"})
    connection.request("POST", "a", json={"é": None}, headers={"X-Both": "own"}, query={"q": "a b&c", "n": 2})
    connection.request("PUT", "a", json=[1], headers={"Content-Type": "application/merge-patch+json"})
    connection.request("POST", "a", body="plain é")
    connection.request("POST", "a", form={"f": "1 2"})
    sent = [
        (r.method, r.url.query.decode(), r.content.decode(), r.headers.get("content-type"), r.headers["x-both"])
        for r in connection.seen
    ]
    form = "application/x-www-form-urlencoded"
    assert sent == [
        ("POST", "q=a+b%26c&n=2", '{"é": null}', "application/json", "own"),
        ("PUT", "", "[1]", "application/merge-patch+json", "spec"),
        ("POST", "", "plain é", None, "spec"),
        ("POST", "", "f=1+2", form, "spec"),
    ]
    assert [request.headers["x-key"] for request in connection.seen] == ["k"] * 4


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("orders", "planted-key"),
        (f"{BASE}/orders", "planted-key"),
        ("https://other.example.com/v1", None),
        ("https://api.example.com.evil.net/v1", None),
        ("https://api.example.com@evil.net/v1", None),
        ("https://api.example.com:8443/v1", None),
        ("http://api.example.com/v1", None),
    ],
)
def test_the_connections_headers_go_to_its_own_host_only(api, url, sent):
    connection = api(headers={"X-Key": "planted-key"})
    connection.request("GET", url, headers={"X-Mine": "1"})
    assert [(request.headers.get("x-key"), request.headers["x-mine"]) for request in connection.seen] == [(sent, "1")]


def test_a_redirect_is_not_followed(api):
    moved = httpx.Response(302, headers={"location": "https://evil.net/"})
    connection = api(moved, headers={"Authorization": "planted-key"})
    problem = refused(lambda: connection.request("GET", "x"))
    assert (problem.code, problem.outcome, problem.detail["status"]) == ("H101", "Permanent", 302)
    assert len(connection.seen) == 1


OUTCOMES = {
    **dict.fromkeys([301, 304, 400, 401, 403, 404, 409, 410, 413, 422, 501, 505], "Permanent"),
    **dict.fromkeys([408, 425, 500, 502, 503, 504], "Transient"),
    429: "Throttled",
}


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES.items())
def test_a_status_that_was_not_expected_is_h101_with_its_outcome(api, status, outcome):
    problem = refused(lambda: api(httpx.Response(status, text="why")).request("GET", "x"))
    assert (problem.code, problem.outcome, problem.message, problem.retry_after, problem.detail) == (
        "H101",
        outcome,
        f"GET {BASE}/x answered {status} {httpx.codes.get_reason_phrase(status)}: why",
        None,
        {"method": "GET", "url": f"{BASE}/x", "status": status, "body": "why"},
    )


@pytest.mark.parametrize(("status", "outcome"), [(429, "Throttled"), (503, "Throttled"), (404, "Permanent")])
def test_a_time_to_wait_makes_a_passing_failure_throttled(api, status, outcome):
    answer = httpx.Response(status, headers={"Retry-After": "17"})
    problem = refused(lambda: api(answer).request("GET", "x"))
    assert (problem.outcome, problem.retry_after) == (outcome, 17.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("soon", None),
        ("-5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_a_time_to_wait_is_seconds_and_never_less_than_none(value, seconds):
    assert retry_after(value) == seconds


def test_a_time_to_wait_may_be_a_date():
    wait = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=3600), usegmt=True))
    assert wait == pytest.approx(3600, abs=60)


def test_expect_says_which_statuses_are_good_and_no_others(api):
    assert api(httpx.Response(404)).request("GET", "x", expect=(200, 404)).status == 404
    problem = refused(lambda: api(httpx.Response(201)).request("GET", "x", expect=(200, 404)))
    assert (problem.code, problem.outcome, problem.detail["status"]) == ("H101", "Permanent", 201)


def test_a_long_body_is_shown_by_its_beginning(api):
    problem = refused(lambda: api(httpx.Response(400, text="b" * 5000)).request("GET", "x"))
    assert problem.detail["body"] == "b" * 500
    assert problem.message.endswith(" Bad Request: " + "b" * 500)


@pytest.mark.parametrize("body", [b"<html>", b'{"a": NaN}', b"[-Infinity]", b"1e999", b"[" * 100_000, b'"\xff"'])
def test_json_that_is_none_is_h104(api, body):
    answer = httpx.Response(200, headers={"content-type": "application/json"}, content=body)
    problem = refused(lambda: api(answer).request("GET", "x"))
    assert (problem.code, problem.outcome, problem.message, problem.detail) == (
        "H104",
        "Permanent",
        f"GET {BASE}/x says JSON and sends none",
        {"body": body.decode(errors="replace")[:500]},
    )


@pytest.mark.parametrize(
    ("lost", "code", "what"),
    [
        (httpx.ReadTimeout("slow"), "H103", "did not answer in time: slow"),
        (httpx.ConnectTimeout("slow"), "H103", "did not answer in time: slow"),
        (httpx.PoolTimeout("full"), "H103", "did not answer in time: full"),
        (httpx.ConnectError("refused"), "H102", "could not be reached: refused"),
        (httpx.RemoteProtocolError("cut"), "H102", "could not be reached: cut"),
    ],
)
def test_what_was_lost_on_the_way_is_transient(api, lost, code, what):
    problem = refused(lambda: api(lost).request("GET", "x"))
    assert (problem.code, problem.outcome, problem.message, problem.detail) == (
        code,
        "Transient",
        f"GET {BASE}/x {what}",
        {"method": "GET", "url": f"{BASE}/x", "reason": lost.args[0]},
    )


def test_a_request_has_the_connections_timeout_or_its_own(api):
    connection = api(timeout_s=7)
    connection.request("GET", "x")
    connection.request("GET", "x", timeout_s=0.5)
    assert [request.extensions["timeout"]["read"] for request in connection.seen] == [7, 0.5]


def test_a_server_that_says_nothing_is_h103():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connection = HttpConnection("api", HttpSpec(type="http", base_url=base))
        problem = refused(lambda: connection.request("GET", "x", timeout_s=0.1))
        connection.close()
    assert (problem.code, problem.outcome) == ("H103", "Transient")


def test_nobody_listening_is_h102():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    connection = HttpConnection("api", HttpSpec(type="http", base_url=base))
    problem = refused(lambda: connection.request("GET", "x"))
    connection.close()
    assert (problem.code, problem.outcome) == ("H102", "Transient")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, headers={"content-type": "application/json"}, content=b"x"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=["status", "no json", "timeout", "not reached"],
)
def test_user_and_password_of_an_address_are_in_no_message(api, answer):
    problem = refused(lambda: api(answer, base="https://eve:planted-pw@api.example.com").request("GET", "x"))
    assert "https://api.example.com/x" in problem.message
    assert [word for word in ("eve", "planted-pw") if word in shown(problem)] == []


@pytest.mark.parametrize("base", ["", "api.example.com", "ftp://api.example.com", "https://", "/v1"])
def test_a_base_that_is_no_http_address_is_h105(base):
    problem = refused(lambda: HttpConnection("api", HttpSpec(type="http", base_url=base)))
    assert (problem.code, problem.message, problem.hint) == (
        "H105",
        "the base_url of api is no http address",
        "such as https://api.example.com",
    )


@pytest.mark.parametrize(("url", "options"), [("x\n", {}), ("x", {"headers": {"X": 1}})])
def test_what_cannot_be_sent_is_h105(api, url, options):
    connection = api()
    problem = refused(lambda: connection.request("GET", url, **options))
    assert (problem.code, problem.outcome, problem.hint) == ("H105", "Permanent", "check url, headers and query")
    assert connection.seen == []
