"""The records of a run that were kept aside and that a replay has brought through since: their letters are open no more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from portl.runs import RunFolder, keep_settled
from portl.stores import open_store

REPLAYED = "replayed"


def settle(folder: Path, records: Iterable[int], run: str) -> None:
    """Takes the letters of these records out of a run's, and keeps each beside the ``run`` that brought it through.

    ``replayed/<step>/<record>.json`` is ``{run, letter}``.
    """
    wanted = set(records)
    for file in sorted((folder / "dead").glob("*/*.jsonl")):
        letters = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        through = [letter for letter in letters if letter["record"] in wanted]
        for letter in through:
            _put(folder / REPLAYED / letter["step"] / f"{letter['record']}.json", [{"run": run, "letter": letter}])
        if through:
            run_folder = RunFolder(open_store(str(folder.parent)), folder.name)
            keep_settled(run_folder, file.parent.name, int(file.stem), (letter["record"] for letter in through))
            _put(file, [letter for letter in letters if letter["record"] not in wanted])


def _put(file: Path, documents: list[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in documents), "utf-8")
    new.replace(file)
