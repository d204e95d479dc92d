"""The ways that rows of a source can take to a store, and which one is open to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from pysqlsync_engine.data.arrow_way import ArrowWay
from pysqlsync_engine.data.batches import Lenient, bounded
from pysqlsync_engine.data.collecting import rare_collections
from pysqlsync_engine.data.encoding import TupleEncoder, bad_record
from pysqlsync_engine.data.guard import find_obstacle
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_report import Speed
from pysqlsync_engine.data.own_form import OwnForm
from pysqlsync_engine.data.parts import Part, Rejects
from pysqlsync_engine.data.sources import ArrowSource, BadRecord, LenientSource, RecordSource, TextSource, Window
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.data.text_way import TextWay
from pysqlsync_engine.errors import EngineError, LoadError, RowError, StatementError


class Way(Protocol):
    """The rows of a source on their way to a store."""

    @property
    def rows(self) -> int:
        """How many have come by, those that were rejected among them."""
        ...

    @property
    def batches(self) -> int:
        """Parts in which they were sent."""
        ...

    @property
    def sent_bytes(self) -> int:
        """Bytes of text that went through as they are."""
        ...

    @property
    def speed(self) -> Speed:
        """The way that most rows took."""
        ...

    @property
    def own_form(self) -> OwnForm | None:
        """Form of the server that rows may be written in; it has to be prepared before the first part is asked for."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Why a faster way is not open, or was left."""
        ...

    def parts(self) -> AsyncGenerator[Part]:
        """:returns: The rows, lazily and once; the source is closed as soon as no more are wanted."""
        ...

    def explain(self, error: StatementError) -> EngineError:
        """:returns: What is wrong with the part that is being sent; the same error if its values are fine."""
        ...

    def with_value(self, error: RowError) -> LoadError:
        """
        :returns: The error, with the value at fault if the server did not show it and the row is still at hand; or what the source
            says of the record.
        """
        ...


class Wants(Protocol):
    """What a store says of the rows that it takes; see `RowStore`."""

    @property
    def hooks(self) -> Sequence[Hook | None]:
        """What makes values fit for the driver."""
        ...

    @property
    def is_numbered(self) -> bool:
        """True for rows that start with their number."""
        ...

    @property
    def text(self) -> TextRules:
        """Which text it takes as it is."""
        ...

    @property
    def own_form(self) -> OwnForm | None:
        """Chooses what writes rows in a form of its own, which it takes with less work than text; `None` if it has none."""
        ...


def choose_way(source: RecordSource, window: Window | None, target: LoadTarget, store: Wants) -> Way:
    """:returns: The fastest way that source and store have in common; its notes say why there is no faster one."""
    encoder = TupleEncoder(target, store.hooks, numbered=store.is_numbered)
    if isinstance(source, ArrowSource) and store.text.obstacle is None:
        batches = source.record_batches(window)
        if batches is not None:
            return ArrowWay(source, batches, target, store.text, encoder, store.own_form)
    if not isinstance(source, TextSource):
        return TupleWay(source, window, encoder)
    obstacle = find_obstacle(source.form, source.fields, target, store.text)
    chunks = source.chunks(window) if obstacle is None else None
    if chunks is not None:
        return TextWay(source, chunks, target, store.text, encoder, store.own_form)
    reason = obstacle or "the text alone does not tell what is in the rows"
    return TupleWay(source, window, encoder, notes=(f"text is parsed: {reason}",))


class TupleWay:
    """Encodes tuples by code that is compiled for their fields."""

    speed = Speed.TUPLES
    sent_bytes = 0
    own_form = None

    def __init__(
        self, source: RecordSource, window: Window | None, encoder: TupleEncoder, *, notes: Sequence[str] = ()
    ) -> None:
        self.rows = 0
        self.batches = 0
        self.notes = tuple(notes)
        self._source = source
        self._window = window
        self._encoder = encoder

    async def parts(self) -> AsyncGenerator[Part]:
        batches: Lenient = (
            self._source.lenient_batches(self._window)
            if self._encoder.is_lenient and isinstance(self._source, LenientSource)
            else self._source.batches(self._window)
        )
        async with aclosing(bounded(batches)) as source:
            with rare_collections():
                async for batch in source:
                    if isinstance(batch, BadRecord):
                        self.rows += 1
                        yield Rejects((bad_record(self.rows, batch),))
                        continue
                    first = self.rows + 1
                    self.rows += len(batch)
                    self.batches += 1
                    for part in self._encoder.parts(batch, first):
                        yield part

    def explain(self, error: StatementError) -> EngineError:
        return self._encoder.explain(error)

    def with_value(self, error: RowError) -> LoadError:
        return self._encoder.with_value(error)
