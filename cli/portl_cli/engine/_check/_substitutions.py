"""S601: every ``${Key}`` is one that the template fills; SAM would leave or refuse any other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from portl_cli.engine._check._finding import Finding, inside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from portl_cli.engine._data import Json

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


def check_substitutions(definition: Json, keys: Collection[str], path: str = "$") -> Iterator[Finding]:
    if isinstance(definition, str):
        for key in _PLACEHOLDER.findall(definition):
            if key not in keys:
                hint = f"the keys are {', '.join(sorted(keys)) or 'none'}"
                yield Finding("S601", path, f"the template does not fill ${{{key}}}", hint)
    elif isinstance(definition, dict):
        for name, value in definition.items():
            yield from check_substitutions(value, keys, inside(path, str(name)))
    elif isinstance(definition, list):
        for at, value in enumerate(definition):
            yield from check_substitutions(value, keys, inside(path, at))
