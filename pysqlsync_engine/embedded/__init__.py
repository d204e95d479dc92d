"""An embedded PostgreSQL server for development, tests and demonstrations; not for production."""

from pysqlsync_engine.embedded.server import EmbeddedPostgreSQL, ServerStatus

__all__ = ["EmbeddedPostgreSQL", "ServerStatus"]
