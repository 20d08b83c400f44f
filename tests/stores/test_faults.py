"""What goes wrong at a service of objects, and what a caller is told of it (stores.md A5, P5, P6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portl.stores import (
    NO_RETRY,
    AlreadyExists,
    AzureDriver,
    AzureSpec,
    Changed,
    ChecksumMismatch,
    ConfigError,
    Driver,
    NotFound,
    PermissionDenied,
    RetryPolicy,
    S3Driver,
    S3Spec,
    Store,
    StoreError,
    StoreTimeout,
    Throttled,
    Unavailable,
)
from stores.azurite import ACCOUNT, KEY
from stores.faulty import CONTENT, Faulty, faulty

QUICK = RetryPolicy(attempts=4, base_s=0.01, max_s=0.05, deadline_s=30)


def s3(server: Faulty, more: dict[str, Any]) -> Driver:
    keys = {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1"}
    return S3Driver(S3Spec.model_validate({"bucket": "lake", "endpoint": server.endpoint, **keys, **more}))


def azure(server: Faulty, more: dict[str, Any]) -> Driver:
    given = {"account": ACCOUNT, "container": "lake", "endpoint": f"{server.endpoint}/{ACCOUNT}", "account_key": KEY}
    return AzureDriver(AzureSpec.model_validate({**given, **more}))


SERVICES: dict[str, tuple[str, Callable[[Faulty, dict[str, Any]], Driver]]] = {
    "s3": ("SlowDown", s3),
    "azure": ("ServerBusy", azure),
}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def faults(service: str) -> Iterator[Faulty]:
    with faulty(SERVICES[service][0]) as server:
        yield server


@pytest.fixture
def against(service: str, faults: Faulty) -> Callable[..., Store]:
    return lambda retry, **more: Store(SERVICES[service][1](faults, more), retry=retry)


FAULTS = [
    (503, Throttled, True),
    (429, Throttled, True),
    (500, Unavailable, True),
    (403, PermissionDenied, False),
    (401, PermissionDenied, False),
    (404, NotFound, False),
    (400, StoreError, False),
    (301, ConfigError, False),
    ("reset", Unavailable, True),
    ("stall", StoreTimeout, True),
]


@pytest.mark.parametrize(("fault", "expected", "retryable"), [*FAULTS, ("cut", Unavailable, True)])
def test_each_fault_of_the_service_is_told_in_the_words_of_the_house(
    against: Any, faults: Faulty, fault: Any, expected: type[StoreError], retryable: bool
) -> None:
    faults.script[:] = [fault] * 9
    with against(NO_RETRY, timeout_s=0.5) as store, pytest.raises(expected) as caught:
        store.read("a")
    assert (type(caught.value), caught.value.retryable, len(faults.asked)) == (expected, retryable, 1)
    assert "Debug source" not in caught.value.message


@pytest.mark.parametrize(("fault", "expected", "retryable"), FAULTS)
def test_each_fault_of_a_write_is_told_in_the_same_words(
    against: Any, faults: Faulty, fault: Any, expected: type[StoreError], retryable: bool
) -> None:
    faults.script[:] = [fault] * 9
    with against(NO_RETRY, timeout_s=0.5) as store, pytest.raises(expected) as caught:
        store.write("a", b"x")
    assert (type(caught.value), caught.value.retryable, len(faults.got)) == (expected, retryable, 1)


@pytest.mark.parametrize(
    ("fault", "expected", "retryable"), [*(each for each in FAULTS if each[0] != 404), ("cut", Unavailable, True)]
)
def test_each_fault_of_a_list_is_told_in_the_same_words(
    against: Any, faults: Faulty, fault: Any, expected: type[StoreError], retryable: bool
) -> None:
    faults.script[:] = [fault] * 9
    with against(NO_RETRY, timeout_s=0.5) as store, pytest.raises(expected) as caught:
        store.check()
    assert (type(caught.value), caught.value.retryable, len(faults.asked)) == (expected, retryable, 1)


def test_an_answer_that_is_no_list_is_told_and_no_empty_one(against: Any, faults: Faulty) -> None:
    faults.script[:] = [200]
    with against(NO_RETRY) as store, pytest.raises(Unavailable, match="cannot be read"):
        store.check()


def test_a_read_that_breaks_off_is_taken_up_at_the_byte_it_reached(against: Any, faults: Faulty) -> None:
    faults.script[:] = [503, "reset", "cut", 500, 200]
    with against(QUICK) as store:
        assert store.read("a") == CONTENT
    begins = [int(each[6:].split("-")[0]) for each in faults.asked if each]
    assert (faults.asked[:3], len(faults.asked), len({*begins})) == ([None, None, None], 5, 1)
    assert 0 < begins[0] <= 1_500_000


def test_a_write_is_tried_again_with_all_of_its_bytes(against: Any, faults: Faulty) -> None:
    faults.script[:] = [503, "reset", 500, 200]
    with against(QUICK) as store:
        assert store.write("a", b"content").size == 7
    assert [body for _, _, _, body in faults.got] == [b"content"] * 4


def test_no_more_is_tried_than_the_policy_or_the_functions_time_allows(against: Any, faults: Faulty) -> None:
    faults.script[:] = [503] * 99
    with against(QUICK) as store, pytest.raises(Throttled):
        store.read("a")
    assert len(faults.asked) == 4
    slow = RetryPolicy(attempts=9, base_s=60, max_s=60)
    hurried = Store(against(slow).driver, retry=slow, remaining=lambda: 0.0)
    with hurried, pytest.raises(Throttled):
        hurried.read("a")
    assert len(faults.asked) == 5


@pytest.mark.parametrize("service", ["azure"])
def test_a_byte_that_was_flipped_on_its_way_is_told_and_does_not_stay(against: Any, faults: Faulty) -> None:
    faults.script[:] = ["flip"]
    with against(NO_RETRY) as store, pytest.raises(ChecksumMismatch, match="the store has md5:"):
        store.write("a", b"content")
    assert [method for method, *_ in faults.got] == ["PUT", "DELETE"]


@pytest.mark.parametrize("service", ["azure"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("404 ContainerNotFound", ConfigError),
        ("409 BlobArchived", PermissionDenied),
        ("412 LeaseIdMissing", PermissionDenied),
        ("409 BlobImmutableDueToPolicy", PermissionDenied),
        ("409 PendingCopyOperation", Unavailable),
        ("400 Md5Mismatch", ChecksumMismatch),
    ],
)
def test_what_azure_says_by_a_code_of_its_own_is_understood(
    against: Any, faults: Faulty, answer: str, expected: type[StoreError]
) -> None:
    faults.script[:] = [answer]
    with against(NO_RETRY) as store, pytest.raises(expected) as caught:
        store.write("a", b"x", overwrite=True)
    assert type(caught.value) is expected


@pytest.mark.parametrize("service", ["azure"])
def test_an_archived_file_cannot_be_read_until_it_is_brought_back(against: Any, faults: Faulty) -> None:
    faults.script[:] = ["409 BlobArchived"]
    with against(NO_RETRY) as store, pytest.raises(PermissionDenied, match="BlobArchived"):
        store.read("a")


@pytest.mark.parametrize("service", ["azure"])
@pytest.mark.parametrize(("overwrite", "expected"), [(True, Changed), (False, AlreadyExists)])
def test_a_writer_whose_blocks_another_has_discarded_is_told_that_it_has_lost(
    against: Any, faults: Faulty, overwrite: bool, expected: type[StoreError]
) -> None:
    store = against(NO_RETRY)
    store.driver.part_bytes = 4
    faults.script[:] = [200, 200, "400 InvalidBlockList"]
    with store, pytest.raises(expected):
        store.write("a", b"content", overwrite=overwrite)
    assert [body for _, _, _, body in faults.got][:2] == [b"cont", b"ent"]
