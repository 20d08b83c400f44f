"""``store.sign``: an address that reads or writes a file without credentials, for a while. It is a secret."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.jobs import ResultShape
from portl.runs import Scope, SignFile, StepType, run_step
from portl.steps._looking import AtPath, PathSpec


class StoreSign(PathSpec):
    """Makes an address that needs no credentials until it expires. Whoever has it can use it: it is masked in what is told."""

    method: Literal["GET", "PUT"] = Field(default="GET", description="GET reads the file, PUT writes it.")
    expires_s: int = Field(default=3600, ge=1, le=604_800, description="How long it can be used, in seconds; 7 days at most.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"url", "expires_at"}))
    files: ClassVar[Literal["none", "read", "changed"]] = "read"


class Signing(AtPath[StoreSign]):
    """A store.sign made ready."""

    def plan(self, scope: Scope) -> SignFile:
        """What to sign."""
        return SignFile(self._address(scope), self._spec.method, self._spec.expires_s)

    def outcome(self, _: Any) -> str:
        """Signed."""
        return "signed"


STEP = StepType("store.sign", StoreSign, Signing, run_step)
