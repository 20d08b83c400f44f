"""Whether a job that crashes ends as one that does not: workers are killed at every effect, what is left is compared."""

from portl_cli.prove._comparison import Difference, LeftOut
from portl_cli.prove._database import ProofDatabase
from portl_cli.prove._folder import ProofFolder
from portl_cli.prove._points import Point
from portl_cli.prove._proof import Outcome, Proof, Undisturbed
from portl_cli.prove._stage import ARMED, Heard, Stage

__all__ = [
    "ARMED",
    "Difference",
    "Heard",
    "LeftOut",
    "Outcome",
    "Point",
    "Proof",
    "ProofDatabase",
    "ProofFolder",
    "Stage",
    "Undisturbed",
]
