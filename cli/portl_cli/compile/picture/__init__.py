"""Stage 5: the machine as a picture, in Mermaid's language or as SVG."""

from portl_cli.compile.picture.mermaid import mermaid
from portl_cli.compile.picture.svg import svg

__all__ = ["mermaid", "svg"]
