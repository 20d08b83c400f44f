"""``portl store``: files listed, copied, moved, removed and shown, over every kind of store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.stores_lab import KINDS, Lab, contents
from flows.support import START, Ended, environment
from portl.stores import ExactKey, Store

ONE, OTHER = b"code,name\n1,bolt\n", b"code,name\n2,nut\n"
ODD = ("~", "ab:c.csv", "a[1]*.csv", "-r", "Zürich ü.csv", "%41 b.csv")
"""Names that a shell, a pattern, an address or a URL could read as something else."""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(params=KINDS)
def any_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.long) if each != "local" else each for each in KINDS])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# there and back


def test_a_file_goes_into_a_store_is_shown_and_comes_back_the_same(lab: Lab, any_kind: str) -> None:
    lake = lab.add("lake", any_kind)
    lab.put("in.csv", ONE)
    assert lab.run("cp", "in.csv", "lake:2026/").out == "copied in.csv to lake:2026/in.csv (17 bytes)\n"
    assert lab.run("cat", "lake:2026/in.csv") == Ended(0, ONE.decode(), "")
    assert lab.run("ls", "lake:") == Ended(0, "lake:2026/\n", "")
    assert lab.run("ls", "lake:2026") == Ended(0, "lake:2026/in.csv\n", "")
    assert lab.run("cp", "lake:2026/in.csv", "back.csv").code == 0
    assert (lab.folder / "back.csv").read_bytes() == ONE
    assert contents(lake) == {"2026/in.csv": ONE}


def test_what_the_store_says_of_a_file_is_shown(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    lake.write("in.csv", ONE)
    (told,) = lab.documents("stat", "lake:in.csv")
    entry = lake.stat("in.csv")
    assert entry is not None
    assert entry.modified is not None
    assert told == {
        "address": "lake:in.csv",
        "kind": "file",
        "size": 17,
        "modified": entry.modified.isoformat(),
        "etag": entry.etag,
        "version": None,
        "checksum": entry.checksum,
        "content_type": entry.content_type,
        "metadata": {},
    }
    assert lab.run("stat", "lake:in.csv").out.startswith("address: lake:in.csv\nkind: file\nsize: 17\nmodified: 20")


def test_a_folder_goes_into_a_store_and_comes_back_with_every_odd_name(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    for name in ODD:
        lab.put(f"from/deep/{name}", name.encode())
    lab.put("from/empty.csv", b"")
    assert lab.run("cp", "from", "lake:kept", "--recursive").code == 0
    assert set(contents(lake)) == {"kept/empty.csv", *(f"kept/deep/{name}" for name in ODD)}
    assert lab.run("mv", "lake:kept", "back", "-r").code == 0
    assert lab.tree("back") == lab.tree("from")
    assert contents(lake) == {}


def test_what_fits_a_pattern_keeps_the_place_it_has_below_its_plain_folder(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    for path in ("2026/01/a.csv", "2026/02/a.csv", "2026/02/b.txt", "2025/01/a.csv"):
        lake.write(path, path.encode())
    assert lab.run("cp", "lake:2026/*/*.csv", "out").code == 0
    assert lab.tree("out") == {"01/a.csv": b"2026/01/a.csv", "02/a.csv": b"2026/02/a.csv"}
    assert lab.run("cp", "out/**", "lake:again/").code == 0
    assert {path for path in contents(lake) if path.startswith("again")} == {"again/01/a.csv", "again/02/a.csv"}


def bucket_of(lab: Lab) -> tuple[Store, str]:
    """A bucket that the environment has the keys of."""
    lake = lab.add("lake", "s3")
    lab.variables |= {
        "AWS_ENDPOINT_URL_S3": str(lab.declared["lake"]["endpoint"]),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }
    return lake, str(lab.declared["lake"]["bucket"])


def test_a_key_that_is_no_path_is_copied_moved_and_removed_by_its_address(lab: Lab) -> None:
    lake, bucket = bucket_of(lab)
    lab.put("in.csv", ONE)
    assert lab.run("cp", "in.csv", f"s3://{bucket}/a//b").code == 0
    assert lab.run("cp", f"s3://{bucket}/a//b", "out.csv").code == 0
    assert lab.run("cat", f"s3://{bucket}/a//b").out.encode() == ONE
    assert lab.run("mv", f"s3://{bucket}/a//b", f"s3://{bucket}//c").code == 0
    assert lab.run("ls", f"s3://{bucket}", "--recursive").out == f"s3://{bucket}//c\n"
    assert contents(lake) == {"/c": ONE}
    assert lab.run("rm", f"s3://{bucket}//c").code == 0
    assert (contents(lake), lab.tree(".")["out.csv"]) == ({}, ONE)


def test_a_bucket_is_named_without_being_declared(lab: Lab) -> None:
    lake, bucket = bucket_of(lab)
    lab.put("in.csv", ONE)
    assert lab.run("cp", "in.csv", f"s3://{bucket}").out == f"copied in.csv to s3://{bucket}/in.csv (17 bytes)\n"
    assert lab.run("ls", f"s3://{bucket}/").out == f"s3://{bucket}/in.csv\n"
    assert contents(lake) == {"in.csv": ONE}


@pytest.mark.parametrize("other", KINDS)
def test_files_move_from_every_kind_of_store_to_every_other(lab: Lab, kind: str, other: str) -> None:
    one, two = lab.add("one", kind), lab.add("two", other)
    for name in ("a.csv", "b.csv", "c.csv"):
        one.write(f"in/{name}", name.encode())
    ended = lab.documents("mv", "one:in/*.csv", "two:done/", "--parallel", "2", "--verify", "full")
    assert {(each["action"], each["source"], each["target"]) for each in ended[:-1]} == {
        ("moved", f"one:in/{name}", f"two:done/{name}") for name in ("a.csv", "b.csv", "c.csv")
    }
    counts = {name: value for name, value in ended[-1].items() if name != "seconds"}
    nothing = {"copied": 0, "removed": 0, "skipped": 0, "unchanged": 0, "failed": 0}
    assert counts == {"event": "ended", "moved": 3, "bytes": 15, **nothing}
    assert contents(one) == {}
    assert contents(two) == {f"done/{name}": name.encode() for name in ("a.csv", "b.csv", "c.csv")}


def test_a_move_inside_one_disk_is_one_step(lab: Lab) -> None:
    lab.add("lake", "local").write("a.csv", ONE)
    before = (lab.folder / "stores/lake/a.csv").stat().st_ino
    assert lab.run("mv", "lake:a.csv", "lake:deep/b.csv").code == 0
    assert lab.run("mv", "stores/lake/deep/b.csv", "here/c.csv").code == 0
    assert (lab.folder / "here/c.csv").stat().st_ino == before


# what is there already


@pytest.mark.parametrize(
    ("overwrite", "source_age_s", "action", "left"),
    [
        ("skip", 0, "skipped", OTHER),
        ("replace", 100, "copied", ONE),
        ("if_newer", 0, "copied", ONE),
        ("if_newer", 100, "skipped", OTHER),
        ("if_different", 100, "copied", ONE),
    ],
)
def test_another_content_that_is_there_is_dealt_with_as_was_said(
    lab: Lab, kind: str, overwrite: str, source_age_s: float, action: str, left: bytes
) -> None:
    lake = lab.add("lake", kind)
    lake.write("a.csv", OTHER)
    file = lab.put("a.csv", ONE)
    then = file.stat().st_mtime + 10 - 2 * source_age_s
    os.utime(file, (then, then))
    told = lab.documents("cp", "a.csv", "lake:", "--overwrite", overwrite)
    assert (told[0]["action"], contents(lake)) == (action, {"a.csv": left})


def test_another_content_that_is_there_stays_unless_something_was_said(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    lake.write("a.csv", OTHER)
    lab.put("a.csv", ONE)
    hint = "another path, or overwrite: replace (a command: --overwrite replace)"
    said = f"F106 lake:a.csv is already there\n  {hint}\n1 file failed, in "
    for command in ("cp", "mv"):
        ended = lab.run(command, "a.csv", "lake:a.csv")
        assert (ended.code, ended.out, ended.err[: len(said)]) == (1, "", said)
    assert (contents(lake), (lab.folder / "a.csv").read_bytes()) == ({"a.csv": OTHER}, ONE)


def test_the_same_content_counts_as_done_and_a_move_then_removes_its_source(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    lake.write("a.csv", ONE)
    lab.put("a.csv", ONE)
    assert lab.run("cp", "a.csv", "lake:").out == "left a.csv (17 bytes, the same is there)\n"
    assert lab.run("mv", "a.csv", "lake:").out == "moved a.csv to lake:a.csv (17 bytes)\n"
    assert (contents(lake), lab.tree().get("a.csv")) == ({"a.csv": ONE}, None)


def test_a_move_that_is_skipped_keeps_its_source_and_the_folder_it_is_in(lab: Lab) -> None:
    lake = lab.add("lake", "local")
    lake.write("a.csv", OTHER)
    lab.put("in/a.csv", ONE)
    lab.put("in/b.csv", ONE)
    ended = lab.run("mv", "in", "lake:", "-r", "--overwrite", "skip")
    assert (ended.code, sorted(ended.out.splitlines())) == (
        0,
        ["moved in/b.csv to lake:b.csv (17 bytes)", "skipped in/a.csv (17 bytes, what is there stays)"],
    )
    assert (contents(lake), lab.tree("in")) == ({"a.csv": OTHER, "b.csv": ONE}, {"a.csv": ONE})


def test_a_file_that_is_moved_onto_itself_stays(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    lake.write("a.csv", ONE)
    lab.declare("again", lab.declared["lake"])
    for name in ("LAKE", "AGAIN"):
        lab.variables[f"PORTL_SECRET_{name}"] = lab.variables.get("PORTL_SECRET_LAKE", "")
    for target in ("lake:a.csv", "lake:", "again:a.csv"):
        assert lab.run("mv", "lake:a.csv", target, "--overwrite", "replace").code == 0
    assert contents(lake) == {"a.csv": ONE}


def test_a_dry_run_says_what_would_be_done_and_touches_nothing(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    for path in ("same.csv", "old.csv"):
        lake.write(path, OTHER)
    lab.put("in/same.csv", OTHER)
    lab.put("in/old.csv", ONE)
    lab.put("in/new.csv", ONE)
    before = (contents(lake), lab.tree())
    ended = lab.run("mv", "in", "lake:", "-r", "--dry-run", "--overwrite", "if_different")
    assert sorted(ended.out.splitlines()) == [
        "would move in/new.csv to lake:new.csv (17 bytes)",
        "would move in/old.csv to lake:old.csv (17 bytes, in the place of what is there)",
        "would move in/same.csv to lake:same.csv (16 bytes)",
    ]
    assert (ended.code, ended.err) == (0, "dry run, nothing was touched: 3 files would be moved (50 bytes)\n")
    assert lab.run("cp", "in", "lake:", "-r", "--dry-run").code == 1
    assert lab.run("rm", "lake:*", "--dry-run").code == 0
    assert (contents(lake), lab.tree()) == before


# what goes wrong


def test_a_file_that_fails_leaves_the_others_alone(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    lake.write("b.csv", OTHER)
    for name in ("a.csv", "b.csv", "c.csv"):
        lab.put(f"in/{name}", ONE)
    told = lab.documents("cp", "in/*", "lake:", code=1)
    assert [each for each in told if each["event"] == "failed"] == [
        {
            "event": "failed",
            "source": "in/b.csv",
            "code": "F106",
            "error": "AlreadyExists",
            "message": "lake:b.csv is already there",
            "hint": "another path, or overwrite: replace (a command: --overwrite replace)",
        }
    ]
    assert (told[-1]["copied"], told[-1]["failed"]) == (2, 1)
    assert contents(lake) == {"a.csv": ONE, "b.csv": OTHER, "c.csv": ONE}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("cp", "nope.csv", "lake:"), 1, "F101 nope.csv is not there"),
        (("cp", "lake:nope.csv", "x"), 1, "F101 lake:nope.csv is not there"),
        (("cp", "lake:*.nope", "x"), 1, "F101 nothing fits lake:*.nope"),
        (("rm", "lake:nope"), 1, "F101 lake:nope is not there"),
        (("rm", "lake:nope/", "-r"), 1, "F101 lake:nope is not there"),
        (("cat", "lake:nope"), 1, "F101 lake:nope is not there"),
        (("stat", "lake:nope"), 1, "F101 lake:nope is not there"),
        (("ls", "lake:nope"), 1, "F101 lake:nope is not there"),
        (("ls", "lake:nope/"), 1, "F101 lake:nope is not there"),
        (("ls", "lake:*.nope"), 1, "F101 nothing fits lake:*.nope"),
        (("cp", "lake:in", "x"), 2, "lake:in is a folder: say --recursive for what is in it"),
        (("ls", "s3:lake/x"), 2, 'there is no store "s3"; a bucket is s3://lake/x'),
        (("rm", "lake:in/"), 2, "lake:in/ is a folder: say --recursive for what is in it"),
        (("cat", "lake:in"), 2, "lake:in is a folder: name files, or a pattern"),
        (("cat", "lake:"), 2, "lake: is a folder: name files, or a pattern"),
        (("cp", "lake:in/*", "lake:b.csv"), 2, "lake:b.csv is a file, and several files can only go into a folder"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_exit_code_and_touches_nothing(
    lab: Lab, kind: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    lake = lab.add("lake", kind)
    files = {"a.csv": ONE, "b.csv": OTHER, "in/a.csv": OTHER}
    for path, content in files.items():
        lake.write(path, content)
    before = lab.tree()
    ended = lab.run(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert (contents(lake), lab.tree()) == (files, before)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("cp", "lake:in", "lake:in/deeper", "-r"), 2, "lake:in/deeper is inside lake:in"),
        (("cp", "lake:in/a.csv", "lake:a.csv", "x/"), 2, "lake:in/a.csv and lake:a.csv would both become x/a.csv"),
        (("cp", "lake:a.csv", "lake:../a.csv"), 2, "it holds a . or .. of its own"),
        (("cp", "ftp://host/a.csv", "x"), 2, "ftp://host/a.csv is no address of a file"),
        (("ls", "lakes:"), 2, 'there is no store "lakes"; did you mean "lake"? A file of this machine is ./lakes:'),
        (("ls", "quite-other:"), 1, "F101 quite-other: is not there"),
        (
            ("ls", "quite_other:"),
            2,
            'there is no store "quite_other"; known here: lake; a file of this machine is ./quite_other:',
        ),
        (("cp", "lake:a.csv", "x", "--overwrite", "sometimes"), 2, "'sometimes' is not one of 'fail', 'skip'"),
        (("cp", "lake:a.csv", "x", "--parallel", "0"), 2, "0 is not in the range 1<=x<=64"),
        (("ls", "lake:", "--profile", "locl"), 2, 'there is no profile "locl"'),
        (("ls", "lake:", "--job", "no.yaml"), 2, "no.yaml is not there"),
    ],
)
def test_a_command_that_is_wrong_is_told_before_anything_is_touched(
    lab: Lab, arguments: tuple[str, ...], code: int, said: str
) -> None:
    test_what_cannot_be_done_is_told_with_its_exit_code_and_touches_nothing(lab, "local", arguments, code, said)


def test_a_key_that_leads_upwards_does_not_lead_out_of_the_folder(lab: Lab) -> None:
    lake = lab.add("lake", "s3")
    lake.write(ExactKey("in/../../../evil.csv"), OTHER)
    lake.write("in/good.csv", ONE)
    ended = lab.run("cp", "lake:in", "out/here", "-r")
    assert (ended.code, ended.out) == (1, "copied lake:in/good.csv to out/here/good.csv (17 bytes)\n")
    assert "F102" in ended.err
    assert lab.tree("out") == {"here/good.csv": ONE}
    assert not (lab.folder.parent / "evil.csv").exists()


def test_odd_keys_go_from_bucket_to_bucket_and_an_object_that_marks_a_folder_is_no_file(lab: Lab) -> None:
    one, two = lab.add("one", "s3"), lab.add("two", "s3")
    for key in ("in//a.csv", "in/./b.csv"):
        one.write(ExactKey(key), ONE)
    one.write(ExactKey("in/"), b"")
    ended = lab.run("cp", "one:in", "two:out", "-r")
    assert (ended.code, sorted(ended.out.splitlines())) == (
        0,
        ["copied one:in/./b.csv to two:out/./b.csv (17 bytes)", "copied one:in//a.csv to two:out//a.csv (17 bytes)"],
    )
    assert contents(two) == {"out//a.csv": ONE, "out/./b.csv": ONE}


def test_a_link_is_not_removed_nor_what_it_leads_to(lab: Lab) -> None:
    lab.put("real/a.csv", ONE)
    (lab.folder / "link.csv").symlink_to(lab.folder / "real/a.csv")
    (lab.folder / "linked").symlink_to(lab.folder / "real")
    for arguments in (("rm", "link.csv"), ("rm", "linked", "-r"), ("rm", "linked/", "-r"), ("mv", "link.csv", "x.csv")):
        ended = lab.run(*arguments)
        assert (ended.code, "is a link, and links are not removed" in ended.err) == (2, True)
    assert lab.tree("real") == {"a.csv": ONE}


def test_a_link_in_a_folder_does_not_lead_a_copy_out_of_it(lab: Lab) -> None:
    lab.put("in/sub/a.csv", ONE)
    outside = lab.folder / "outside"
    outside.mkdir()
    (lab.folder / "out").mkdir()
    (lab.folder / "out" / "sub").symlink_to(outside)
    assert lab.run("cp", "in", "out", "-r").code != 0
    assert lab.tree("outside") == {}


# removing


def test_in_a_pipe_several_files_are_removed_only_with_yes(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    for name in ("a.csv", "b.csv", "c.txt"):
        lake.write(name, ONE)
    ended = lab.run("rm", "lake:*.csv")
    assert (ended.code, ended.out) == (2, "")
    assert "2 files, the first of them lake:a.csv: nobody can be asked, so say --yes" in ended.err
    assert set(contents(lake)) == {"a.csv", "b.csv", "c.txt"}
    assert lab.run("rm", "lake:c.txt").out == "removed lake:c.txt (17 bytes)\n"
    assert lab.run("rm", "lake:*.csv", "--yes").code == 0
    assert contents(lake) == {}


def test_a_folder_is_removed_with_the_empty_ones_in_it_but_never_the_store_itself(lab: Lab) -> None:
    lake = lab.add("lake", "local")
    lake.write("in/deep/a.csv", ONE)
    (lab.folder / "stores/lake/in/empty").mkdir()
    assert lab.run("rm", "lake:in", "-r", "-y").code == 0
    assert [*lake.list("")] == []
    lake.write("a.csv", ONE)
    assert lab.run("rm", "lake:", "-r", "-y").code == 0
    assert (lab.folder / "stores/lake").is_dir()
    lab.put("here/deep/a.csv", ONE)
    assert lab.run("rm", "here", "-r", "-y").code == 0
    assert not (lab.folder / "here").exists()


def test_a_terminal_asks_before_it_removes(lab: Lab) -> None:
    lake = lab.add("lake", "local")
    for name in ("a.csv", "b.csv"):
        lake.write(name, ONE)
    with lab.terminal("rm", "lake:*.csv") as terminal:
        terminal.answer("Remove 2 files, the first of them lake:a.csv (34 bytes)? [y/N]:", "n")
        assert terminal.ended() == 130
    with lab.terminal("rm", "lake:a.csv") as terminal:
        terminal.wait_for("Remove lake:a.csv (17 bytes)?")
        assert terminal.interrupt() == 130
    assert set(contents(lake)) == {"a.csv", "b.csv"}
    with lab.terminal("rm", "lake:*.csv") as terminal:
        terminal.answer("[y/N]:", "y")
        terminal.wait_for("removing 2 of 2 files")
        assert terminal.ended() == 0
    assert contents(lake) == {}


# listing


def test_a_listing_is_of_addresses_that_can_be_used_again(lab: Lab, kind: str) -> None:
    lake = lab.add("lake", kind)
    for path in ("2026/a b.csv", "2026/01/x.csv", "top.csv"):
        lake.write(path, ONE)
    assert lab.run("ls", "lake:").out == "lake:2026/\nlake:top.csv\n"
    assert lab.run("ls", "lake:2026/").out == "lake:2026/01/\nlake:2026/a b.csv\n"
    every = lab.run("ls", "lake:", "--recursive").out.splitlines()
    assert every == ["lake:2026/01/x.csv", "lake:2026/a b.csv", "lake:top.csv"]
    assert lab.run("cat", *every).out == 3 * ONE.decode()
    assert [each["address"] for each in lab.documents("ls", "lake:**/*.csv")] == every
    (long,) = lab.run("ls", "lake:top.csv", "--long").out.splitlines()
    assert (long.split()[0], long.split()[-1]) == ("17", "lake:top.csv")


def test_a_store_that_holds_nothing_is_no_error(lab: Lab, kind: str) -> None:
    lab.add("lake", kind)
    assert lab.run("ls", "lake:") == Ended(0, "", "")


def test_without_an_address_the_stores_are_listed(lab: Lab) -> None:
    lab.declare("lake", {"type": "local", "root": "lake"})
    lab.declare("partner", {"type": "s3", "bucket": "${env:NEVER_SET}"})
    assert lab.run("ls") == Ended(0, "lake:  local\npartner:  s3\n", "")


def test_a_name_cannot_write_on_the_terminal_what_it_likes(lab: Lab) -> None:
    lab.put("in/\x1b[2Jgone.csv", ONE)
    assert lab.run("ls", "in") == Ended(0, "in/\\x1b[2Jgone.csv\n", "")
    assert [each["address"] for each in lab.documents("ls", "in")] == ["in/\x1b[2Jgone.csv"]


def test_whoever_reads_only_the_beginning_is_no_error(lab: Lab) -> None:
    lab.put("long.csv", ONE * 400_000)
    command = [sys.executable, "-c", START, "store", "cat", "long.csv"]
    with subprocess.Popen(
        command, cwd=lab.folder, env=environment(lab.folder, {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(9) == ONE[:9]
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == (b"", 0)


# where stores come from


def test_a_profile_replaces_a_store_and_the_environment_may_choose_it(lab: Lab) -> None:
    (lab.folder / "near").mkdir()
    lab.put("near/a.csv", ONE)
    near = {"lake": {"type": "local", "root": "near"}}
    lab.declare("lake", {"type": "s3", "bucket": "${env:NEVER_SET}"}, profiles={"local": near})
    assert lab.run("ls", "lake:", "--profile", "local") == Ended(0, "lake:a.csv\n", "")
    lab.variables["PORTL_PROFILE"] = "local"
    assert lab.run("ls", "lake:") == Ended(0, "lake:a.csv\n", "")
    ended = lab.run("ls", "lake:", "--profile", "locl")
    assert (ended.code, ended.err) == (2, 'there is no profile "locl"; did you mean "local"?\n')


def test_a_job_s_own_stores_are_known_when_it_is_named_and_go_before_those_around_it(lab: Lab) -> None:
    for name in ("far", "near", "own"):
        lab.put(f"{name}/{name}.csv", ONE)
    lab.declare("lake", {"type": "local", "root": "far"})
    lab.declare("other", {"type": "local", "root": "near"})
    job = (
        "version: 2\njob: intake\nconnections:\n  lake: {type: local, root: own}\n"
        "profiles: {test: {lake: {type: local, root: near}}}\n"
        'steps:\n  - {id: read, type: csv.read, path: "lake:own.csv"}\n'
    )
    lab.put("statemachines/intake/job.yaml", job.encode())
    assert lab.run("ls", "lake:").out == "lake:far.csv\n"
    told = lab.run("ls", "lake:", "other:", "--job", "statemachines/intake")
    assert told == Ended(0, "lake:own.csv\nother:near.csv\n", "")
    assert lab.run("ls", "lake:", "--job", "statemachines/intake", "--profile", "test").out == "lake:near.csv\n"


def test_a_variable_that_is_missing_is_told_by_its_name(lab: Lab) -> None:
    lab.declare("lake", {"type": "s3", "bucket": "${env:NEVER_SET}"})
    ended = lab.run("ls", "lake:")
    assert (ended.code, ended.out) == (3, "")
    assert "NEVER_SET" in ended.err
