"""What can go wrong with a stream of which something may stay."""

from __future__ import annotations

from pysqlsync_engine.data.load_report import LoadReport
from pysqlsync_engine.errors import LoadError, StatementError


class UncertainCommitError(StatementError):
    """
    The connection was lost while a stream was being committed: it is stored as a whole, or not at all.

    :param report: What the stream did, if it is stored.
    :param is_recorded: True if the journal has the batch then, and can be asked.
    """

    def __init__(self, error: StatementError, report: LoadReport, *, is_recorded: bool) -> None:
        super().__init__(
            f"{report.table}: whether the stream was committed is not known: {error}; send it again with the name of its batch, or"
            " by way of a pool, which recognizes a commit",
            statement=error.statement,
            sqlstate=error.sqlstate,
            is_lost=True,
        )
        self.report = report
        self.is_recorded = is_recorded


class PartialLoadError(LoadError):
    """
    A stream that is stored in parts (`Atomicity.CHUNK`) came to an end early; what was committed stays.

    :param report: What stays.
    """

    def __init__(self, error: Exception, report: LoadReport) -> None:
        super().__init__(f"{report.table}: {report.rows} rows of the stream stay, the next part failed: {error}")
        self.report = report
