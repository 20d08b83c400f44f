"""Logging in to RDS, or its proxy, by IAM: a password that is signed here and holds for 15 minutes.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
"""

from __future__ import annotations

from portl.errors import DatabaseError

LOGIN = "iam"
"""What ``login`` of a connection's url says for it: ``postgresql://user@host/database?login=iam``."""


def password_of_iam(host: str, port: int, user: str) -> str:
    """The password of a database's user, by the role of the function; no call is made.

    Raises:
        DatabaseError: D101, there are no credentials or no region to sign with.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return str(boto3.client("rds").generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user))
    except BotoCoreError as problem:
        hint = "credentials and a region are needed: on AWS the function has them, elsewhere see `aws configure`"
        raise DatabaseError(f"{host}:{port}: no login by IAM: {problem}", code="D101", hint=hint) from problem
