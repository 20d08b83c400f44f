"""A folder in the place of a store: every run of a proof begins with the same files in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portl.stores import File, open_store


@dataclass(frozen=True, slots=True)
class ProofFolder:
    """``sample`` is what it begins with; where there is none it begins empty."""

    root: Path
    sample: Path

    def reset(self) -> None:
        """Everything is as before the first run."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self.sample.is_dir():
            shutil.copytree(self.sample, self.root)
        else:
            self.root.mkdir(parents=True)

    def files(self) -> Mapping[str, str]:
        """The SHA-256 of each file that can be seen, by its path: what a killed writer has left beside its target cannot."""
        with open_store(self.root) as store:
            found = [*store.list(recursive=True)]
            return {entry.path: File(entry.path, store, entry.path).checksum(entry) for entry in found}
