from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")]


class Strict(BaseModel):
    """Every model of the job file: unknown fields are errors, and what was read is not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, strict=True)
