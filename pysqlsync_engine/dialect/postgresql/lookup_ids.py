"""Numbers of labels, known before rows are sent, so that these need not be looked up on the server."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from pysqlsync_engine.data.hooks import Detour, Encode, Hook
from pysqlsync_engine.dialect.postgresql.staging import MAX_LABELS, labels_of
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.object_types import Lookup
from pysqlsync_engine.session import Session


class LookupIds:
    """The numbers of the labels of one lookup table, by whatever stands for a label in rows."""

    def __init__(self, lookup: Lookup, hook: Hook, annotation: Any) -> None:
        """
        Know no labels yet.

        :param hook: What makes a label of a value.
        """
        self.lookup = lookup
        kind: Any = unwrap(annotation).type
        # values of other types may be equal to a member without standing for it
        kinds = {str, kind} if isinstance(kind, type) and issubclass(kind, enum.Enum) else {str}
        self._numbers = _Numbers(hook.encode)
        self.hook = Hook(
            self._numbers.find,
            "{numbers}[{v}] if {v}.__class__ in {kinds} else {encode}({v})",
            (("numbers", self._numbers), ("kinds", frozenset(kinds))),
        )

    async def read(self, session: Session, *, locks: bool) -> None:
        """
        Get the labels that there are; values with others raise `Detour`.

        :param locks: True to let nobody delete them until the end of the transaction.
        """
        rows = await session.fetch(labels_of(self.lookup, MAX_LABELS + 1, locks=locks))
        self._numbers.clear()
        self._numbers.of_labels = dict(rows) if len(rows) <= MAX_LABELS else {}


class _Numbers(dict[Any, int]):
    """By value, as far as values have been seen."""

    def __init__(self, make_label: Encode) -> None:
        super().__init__()
        self.of_labels: dict[str, int] = {}
        self._make_label = make_label

    def __missing__(self, value: Any) -> int:
        self[value] = number = self.find(value)
        return number

    def find(self, value: Any) -> int:
        number = self.of_labels.get(self._make_label(value))
        if number is None:
            raise Detour
        return number


def lookup_ids(transfers: Sequence[Transfer], annotations: Sequence[Any]) -> list[LookupIds | None]:
    """:returns: For each column what knows its labels; `None` for one that has none, or values that no hook takes."""
    return [
        None if each.lookup is None or each.hook is None else LookupIds(each.lookup, each.hook, annotation)
        for each, annotation in zip(transfers, annotations, strict=True)
    ]
