"""What ``store.copy`` and ``store.move`` share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.connections import Connections
from portl.errors import InvalidPath
from portl.jobs import StepSpec
from portl.runs import CopyFile, CopyFiles, Manner, Scope
from portl.steps._looking import no_pattern_in_a_batch
from portl.steps._pinning import Pinning
from portl.stores import Overwrite, Verify, is_pattern, name_parts, parse_address
from portl.values import Unknown, as_string, compile_value, text_with

FILE = "file"
"""What ``to`` calls the file that a pattern has found."""
AT_ONCE = 4
_ADDRESS_BEHIND = re.compile(rf"\s*(s3://|[\w-]+:).*{{{{\s*{FILE}\.path\s*}}}}")
_RELATIVE = "{{ file.relative }} is the path below the pattern or the folder that was listed, {{ file.name }} the name"


class TransferSpec(StepSpec):
    """The fields of a step that brings files from one place to another."""

    source: str = Field(
        alias="from", description="The file: store:path, s3://bucket/key, a path; without a batch also a pattern."
    )
    to: str = Field(description="Where it goes; behind a / the file keeps its name. A pattern's files are called file here.")
    overwrite: Overwrite = Field(
        default="fail",
        description="What becomes of another content that is there: fail, skip, replace, if_newer (by time), if_different.",
    )
    verify: Verify = Field(
        default="checksum", description="How the copy is compared: its size, a checksum of the store's, or read back in full."
    )
    etag: str | None = Field(
        default=None, description="The source's ETag, as store.list tells it: another content under its path is an error."
    )
    version: str | None = Field(
        default=None,
        description="The version of the source, as an event names it; null is the newest. from is then one file's, and a move "
        "takes no older one.",
    )
    parallel: int | None = Field(
        default=None, ge=1, le=32, description="Files under way together; in a batch 8, of a pattern 4 when not told."
    )

    files: ClassVar[Literal["none", "read", "changed"]] = "changed"

    def addresses(self) -> Iterator[str]:
        """See StepSpec."""
        yield self.source
        yield self.to

    def outputs(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """See StepSpec. In a folder the file keeps its name."""
        name = f"{{{{ {FILE}.name }}}}" if "{{" in self.source or is_pattern(self.source) else name_parts(self.source)["name"]
        yield ("to",), self.to + name if self.to.endswith(("/", ":")) else self.to

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("from",), self.source
        yield ("to",), self.to
        yield from (((name,), value) for name in ("etag", "version") if (value := getattr(self, name)) is not None)

    def own_names(self) -> Iterator[tuple[str, str]]:
        """See StepSpec."""
        yield "to", FILE

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """In a batch a record is one file; a whole address is no path behind another store."""
        yield from no_pattern_in_a_batch(self, "from", self.source)
        if self.batch is None and _ADDRESS_BEHIND.match(self.to):
            yield ("to",), "J004", f"{FILE}.path is a whole address, and the path of none", _RELATIVE


class Transferring:
    """A copy or a move made ready."""

    moves: ClassVar[bool] = False
    done: ClassVar[str] = "copied"

    def __init__(self, spec: TransferSpec, connections: Connections) -> None:
        self._spec, self._stores = spec, connections.stores
        self._from, self._to = compile_value(spec.source), compile_value(spec.to)
        self._pin = Pinning(spec.version, spec.etag)
        self._manner = Manner(spec.overwrite, spec.verify, self.moves)

    def plan(self, scope: Scope) -> CopyFile | CopyFiles:
        """The file to copy, or the files of a pattern. In a batch every address is one file's, whatever its name looks like."""
        source = as_string(self._from.render(scope))
        one = self._per_record(scope) or self._spec.version is not None
        if one or isinstance(source, Unknown) or not is_pattern(source):
            return self._one(source, scope)
        target = self._target({**scope, FILE: Unknown.named(FILE)}, Unknown.named(f"{FILE}.name"))
        return CopyFiles(source, target, self._manner, lambda record: self._each(record, scope), self._spec.parallel or AT_ONCE)

    def _each(self, record: Mapping[str, Any], scope: Scope) -> str | Unknown:
        return self._target({**scope, FILE: record}, record["name"])

    def _one(self, source: str | Unknown, scope: Scope) -> CopyFile:
        file = source if isinstance(source, Unknown) else name_parts(source)
        target = self._target(scope if self._per_record(scope) else {**scope, FILE: file}, file["name"])
        return CopyFile(source, target, self._manner, self._pin.of(scope))

    def _per_record(self, scope: Scope) -> bool:
        return self._spec.batch is not None or "idx" in scope

    def _target(self, scope: Scope, name: str | Unknown) -> str | Unknown:
        """The address it goes to; in a folder it keeps its name."""
        target = as_string(self._to.render(scope))
        if not isinstance(target, Unknown):
            self._refuse_address_inside(target)
        return text_with([target, name]) if str(target).endswith(("/", ":")) else target

    def _refuse_address_inside(self, target: str) -> None:
        """A store's name in the path is an address in the place of a path, and would be a key that nobody meant."""
        path = parse_address(target).path if ":" in target else ""
        inside = next((name for name in self._stores if path.startswith(f"{name}:") or f"/{name}:" in path), None)
        if inside is not None:
            text = f"{target}: an address of the store {inside} stands in the path"
            raise InvalidPath(text, hint=_RELATIVE, path=target, operation="copy")

    def result(self, answer: Any) -> Any:
        """``{path, size, checksum, action}`` of one file, ``{count, bytes, …}`` of a pattern's."""
        return answer

    def outcome(self, result: Any) -> str:
        """What became of it; of a pattern's files what became of most that were not left as they were."""
        if "action" in result:
            return str(result["action"])
        word = next((name for name in (self.done, "unchanged", "skipped") if result[name]), self.done)
        return f"{word}:{result[word]}"
