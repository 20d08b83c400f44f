"""What a local run can stand on without an account or Docker: PostgreSQL, and a peer for HTTP APIs."""

from portl_cli.embedded.peer import Peer, start_peer
from portl_cli.embedded.postgres import EmbeddedPostgres, has_data, start_postgres

__all__ = ["EmbeddedPostgres", "Peer", "has_data", "start_peer", "start_postgres"]
