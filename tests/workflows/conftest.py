from __future__ import annotations

from aws.conftest import aws, lab

__all__ = ["aws", "lab"]
