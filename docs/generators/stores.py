"""The table of promises in ``docs/stores.md``: what each kind of store can do, and the tests that hold it to that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from portl.stores import (
    AzureDriver,
    AzureSpec,
    Capability,
    Driver,
    LocalDriver,
    MemoryDriver,
    S3Driver,
    S3Spec,
    SftpDriver,
    SftpSpec,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/stores.md"
BEGIN, END = "<!-- promises begin: written by docs/generate.py -->\n", "<!-- promises end -->\n"
DRIVERS: dict[str, Driver] = {
    "local": LocalDriver(""),
    "memory": MemoryDriver(),
    "s3": S3Driver(S3Spec(bucket="lake")),
    "sftp": SftpDriver(SftpSpec(host="host", user="user", host_key="ssh-ed25519 AAAA")),
    "azure": AzureDriver(AzureSpec.model_validate({"account": "account", "container": "lake", "account_key": "AAAA"})),
}
"""One of each kind, never opened: they are asked for their capabilities only."""
NAMES = {"local": "local disk", "memory": "memory", "s3": "S3", "sftp": "SFTP", "azure": "Azure Blob"}
REFUSED = "what_a_store_cannot_do_is_refused_by_name_before_anything_is_touched"


@dataclass(frozen=True)
class Promise:
    """A row. Tests are named without ``test_``: of the contract and of calls that fail, which run on every kind; and own ones.

    ``needs``: only a store with that capability promises it; ``lacking`` says what others do, and ``otherwise`` which test of
    the contract holds it to that. ``absent`` says of a kind why there is nothing to promise.
    """

    what: str
    contract: tuple[str, ...] = ()
    dying: tuple[str, ...] = ()
    own: dict[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Capability | None = None
    lacking: str = "refused"
    otherwise: str = REFUSED
    absent: dict[str, str] = field(default_factory=dict)

    def tests(self, kind: str) -> list[str]:
        """What holds a kind to it, as pytest is told to run them, in tests/stores."""
        if self.needs is not None and self.needs not in DRIVERS[kind].capabilities:
            return [f"test_contract.py::test_{self.otherwise} -k {kind}"]
        shared = [f"test_contract.py::test_{name} -k {kind}" for name in self.contract]
        shared += [f"test_dying.py::test_{name} -k {kind}" for name in self.dying]
        return [*shared, *(f"test_{name.replace('::', '.py::test_')}" for name in self.own.get(kind, ()))]


_FLAT = "promises::a_file_larger_than_the_memory_that_is_allowed_goes_through_this_machine"
_FLAT_OF = {kind: (f"{_FLAT} -k {kind}",) for kind in ("local", "s3", "sftp", "azure")}
_RESUMED = "faults::a_read_that_breaks_off_is_taken_up_at_the_byte_it_reached"
_IN_PROCESS = "nothing is far away that could fail for a while; the store's own calls are tried again all the same"
PROMISES = (
    Promise(
        "P1 A write is atomic: readers see the old content or the new; one that fails leaves nothing",
        ("a_reader_beside_a_writer_never_sees_a_part", "a_writer_shows_its_file_on_a_clean_exit_only"),
        ("a_target_that_dies_at_any_call_has_the_whole_file_or_none_and_the_copy_can_be_done_again",),
        {
            "local": ("local::a_write_to_a_folder_leaves_nothing_beside_the_file",),
            "s3": ("s3::a_long_write_that_is_broken_off_leaves_no_open_upload",),
            "sftp": ("sftp::a_write_goes_on_over_another_connection_at_the_byte_it_reached",),
            "azure": ("azure::a_long_write_that_is_broken_off_shows_nothing_and_leaves_no_name",),
        },
    ),
    Promise(
        "P2 Without `overwrite` exactly one of any number of writers wins (`create`)",
        ("of_sixteen_writers_that_must_not_overwrite_one_wins_in_each_of_ten_rounds",),
        needs="create",
        own={
            "sftp": ("sftp::a_server_whose_rename_overwrites_is_found_out_and_nothing_is_lost",),
            "azure": ("azure::of_sixteen_writers_of_many_blocks_one_wins_in_each_of_ten_rounds_with_no_block_of_another",),
        },
    ),
    Promise(
        "P2 With `overwrite` the new content takes the old one's place in one step (`replace`)",
        ("a_write_that_must_not_overwrite_leaves_what_is_there",),
        needs="replace",
        own={"sftp": ("sftp::a_server_without_extensions_creates_but_does_not_replace",)},
    ),
    Promise(
        "P2 A write on condition of an ETag (`if_match`)",
        ("a_write_on_condition_of_an_etag_is_made_only_while_it_holds",),
        needs="if_match",
    ),
    Promise(
        "P2 A file is removed only while it has an ETag: a move takes away what was copied, and nothing else",
        ("a_file_is_removed_on_condition_of_an_etag_only_while_it_has_it",),
    ),
    Promise(
        "P3 A read is one content from end to end, or `Changed`; it may be pinned to an ETag",
        ("a_reader_sees_one_content_or_is_told_that_it_changed", "a_read_pinned_to_an_etag_refuses_another_content"),
        own={"local": ("local::a_file_that_is_changed_in_place_while_it_is_read_is_told",)},
    ),
    Promise(
        "P3 Old versions are read (`versions`)",
        needs="versions",
        own={"s3": ("s3::an_old_version_can_be_read",), "azure": ("azure::an_old_version_is_asked_for_by_its_name",)},
    ),
    Promise(
        "P4 Inside one place copies do not pass through this machine (`server_copy`)",
        ("a_copy_and_a_move_inside_a_store",),
        needs="server_copy",
        lacking="streamed",
        otherwise="a_copy_and_a_move_inside_a_store",
        own={
            "s3": ("s3::copies_stay_on_the_server_also_between_buckets",),
            "azure": ("azure::copies_stay_on_the_server_also_between_containers",),
        },
    ),
    Promise(
        "P4 Else they stream in flat memory, at most 150 MB",
        own=_FLAT_OF,
        absent={"memory": "it is memory"},
    ),
    Promise(
        "P5 Content is hashed on its way; a flipped byte is `ChecksumMismatch` and the source is kept",
        ("a_promised_checksum_is_held_against_the_content",),
        ("a_flipped_byte_is_told_the_target_is_removed_and_the_source_kept",),
        {"azure": ("azure::a_short_file_is_compared_by_the_hash_that_azure_has_counted",)},
    ),
    Promise(
        "P5 A listing or `stat` tells a hash of the whole content (`checksum`)",
        ("what_a_store_tells_of_a_whole_file_is_its_hash",),
        needs="checksum",
        lacking="hashed here",
        otherwise="a_promised_checksum_is_held_against_the_content",
    ),
    Promise(
        "P6 What fails for a while is tried again by one policy",
        (),
        ("a_call_that_fails_for_a_while_only_is_made_again_and_the_copy_ends_well",),
        {"s3": ("faults::a_write_is_tried_again_with_all_of_its_bytes -k s3",)}
        | {"azure": ("faults::a_write_is_tried_again_with_all_of_its_bytes -k azure",)},
    ),
    Promise(
        "P6 A read that breaks off goes on at the byte it reached",
        own={
            "s3": (f"{_RESUMED} -k s3",),
            "azure": (f"{_RESUMED} -k azure",),
            "sftp": ("sftp::a_read_that_breaks_off_is_taken_up_at_the_byte_it_reached",),
        },
        absent=dict.fromkeys(("local", "memory"), _IN_PROCESS),
    ),
    Promise(
        "P7 Progress is told at most once a second and at the end", ("progress_is_told_at_the_end_and_at_most_once_a_second",)
    ),
    Promise("P7 Every call can be listened to; contents and queries are not told", ("a_listener_is_told_of_every_call",)),
    Promise(
        "P8 Any letters may stand in a path, byte for byte",
        ("any_letters_may_name_a_file_and_are_kept_byte_for_byte",),
        own={"azure": ("azure::a_name_whose_dot_azure_would_take_off_is_refused_instead_of_touching_another_file",)},
    ),
    Promise(
        "P8 Keys that are no paths can be used as they stand (`exact_keys`)",
        ("a_key_that_is_no_path_is_used_as_it_stands",),
        needs="exact_keys",
        own={
            "s3": ("s3::a_bucket_with_keys_that_are_no_paths_is_listed_and_every_one_can_be_used",),
            "azure": ("azure::a_container_with_keys_that_are_no_paths_is_listed_and_every_one_can_be_used",),
        },
    ),
    Promise(
        "P9 Secrets are shown nowhere",
        own={
            "s3": ("s3::a_secret_is_masked_wherever_a_store_is_shown",),
            "sftp": ("sftp::a_wrong_password_is_told_and_shown_nowhere",),
            "azure": ("azure::a_wrong_secret_is_told_and_shown_nowhere",),
        },
        absent=dict.fromkeys(("local", "memory"), "it has none"),
    ),
    Promise(
        "Content type and metadata are kept (`metadata`)",
        ("content_type_and_metadata_are_kept_and_go_with_a_copy",),
        needs="metadata",
    ),
    Promise(
        "Addresses that need no credentials (`sign`)",
        needs="sign",
        own={
            "s3": ("s3::a_signed_address_needs_no_credentials",),
            "azure": ("azure::a_signed_address_needs_no_credentials_and_allows_one_thing",),
        },
    ),
    Promise(
        "Folders are there by themselves, so a file cannot stand where one does (`folders`)",
        ("a_file_in_the_place_of_a_folder_is_told",),
        needs="folders",
        lacking="they are beginnings of keys",
        otherwise="a_file_in_the_place_of_a_folder_is_told",
    ),
)


def outputs() -> dict[str, str]:
    """``docs/stores.md`` with its table as it is to be."""
    before, _, rest = (ROOT / PAGE).read_text("utf-8").partition(BEGIN)
    return {PAGE: f"{before}{BEGIN}\n{''.join(_table())}\n{END}{rest.partition(END)[2]}"}


def _table() -> Iterator[str]:
    yield f"| | {' | '.join(NAMES[kind] for kind in DRIVERS)} |\n|---|{'---|' * len(DRIVERS)}\n"
    for row in PROMISES:
        yield f"| {row.what} | {' | '.join(_cell(row, kind) for kind in DRIVERS)} |\n"


def _cell(row: Promise, kind: str) -> str:
    if kind in row.absent:
        return f"not promised: {row.absent[kind]}"
    lacks = row.needs is not None and row.needs not in DRIVERS[kind].capabilities
    words = [f"no: {row.lacking}" if lacks else "yes"]
    tests = row.tests(kind)
    if not tests:
        raise ValueError(f"no test holds {kind} to: {row.what}")
    words += [str(number) for number in range(2, len(tests) + 1)]
    return " ".join(
        f'[{word}](../tests/stores/{_file(test)} "tests/stores/{test}")' for word, test in zip(words, tests, strict=True)
    )


def _file(test: str) -> str:
    return test.partition("::")[0]
