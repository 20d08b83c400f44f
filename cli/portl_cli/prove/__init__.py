"""Whether a job that crashes ends as one that does not: its workers are killed at every effect, and what is left is compared."""

from portl_cli.prove._comparison import Difference, LeftOut
from portl_cli.prove._database import ProofDatabase
from portl_cli.prove._points import Point
from portl_cli.prove._proof import Outcome, Proof, Undisturbed
from portl_cli.prove._stage import ARMED, Stage

__all__ = ["ARMED", "Difference", "LeftOut", "Outcome", "Point", "Proof", "ProofDatabase", "Stage", "Undisturbed"]
