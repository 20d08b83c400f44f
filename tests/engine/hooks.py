"""A hook for the tests: handlers find the link to their host in LINK."""

from __future__ import annotations

LINK = None


def install(link, given):
    global LINK  # noqa: PLW0603 - one process, one link
    LINK = link
    if given:
        link.send({"installed": given})
