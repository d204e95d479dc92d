"""Changes of enumerations, and of columns that hold their labels, as immutable values; operations of their own."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Column, EnumType, Table


class Relabelling(enum.Enum):
    """What becomes of the values of a column."""

    LABELS = "labels"
    """A label becomes another one."""

    SETS = "sets"
    """A label becomes another one, in a list of labels with commas between."""

    TO_LABELS = "to labels"
    """A key of a lookup table, printed with a mark, becomes the label of that key, and any label maybe another one."""

    TO_KEYS = "to keys"
    """A label becomes maybe another one, and that the printed key that it has in a lookup table; any other value stops it."""


@dataclass(frozen=True, slots=True)
class RelabelColumn:
    """
    Give the rows of a table other labels, or keys for labels, in a column of text.

    :param table: As it is by then.
    :param kind: What becomes of the values.
    :param labels: Labels that are gone, and those that take their place.
    :param lookup: Lookup table with the keys of the labels; `None` where labels become labels.
    :param extensible: True if the lookup table gets labels that rows have and it has not.
    :param detaching: True if it comes before all that is made or altered.
    """

    table: Table
    column: Column
    kind: Relabelling
    labels: tuple[tuple[str, str], ...] = ()
    lookup: QualifiedId | None = None
    extensible: bool = False
    detaching: bool = False


@dataclass(frozen=True, slots=True)
class MergeLabels:
    """
    Let rows refer to other labels of a lookup table, and drop the labels that they referred to from it.

    :param table: The lookup table.
    :param labels: Labels to drop, and those that take their place.
    :param uses: Tables, as they are by then, with the columns that refer to the lookup table.
    """

    table: Table
    labels: tuple[tuple[str, str], ...]
    uses: tuple[tuple[Table, Column], ...] = ()


@dataclass(frozen=True, slots=True)
class EnumUse:
    """
    A column that holds labels of an enumeration type (or lists of them).

    :param source: The column as it is.
    :param target: The column as it is to be; `None` if it is to go, or to have another type.
    """

    table: QualifiedId
    source: Column
    target: Column | None


@dataclass(frozen=True, slots=True)
class AlterEnum:
    """
    Change labels or comment of an enumeration type.

    :param uses: Columns whose type it is, in tables that stay; they are re-typed where labels cannot change in place.
    :param holders: Composite types with a member of the type, in the desired state.
    :param added_in_use: True if an expression of the desired state (a default, a check) has a label that is added;
        some servers add labels in place, but cannot use them in the same transaction.
    """

    source: EnumType
    target: EnumType
    uses: tuple[EnumUse, ...] = ()
    holders: tuple[QualifiedId, ...] = ()
    added_in_use: bool = False

    @property
    def replaces_labels(self) -> bool:
        """True if labels are removed or moved, or are added and in use at once: more than can be done in place."""
        present = self.renamed_source.labels
        if present == self.target.labels:
            return False
        remaining = tuple(label for label in self.target.labels if label in present)
        return remaining != present or self.added_in_use

    @property
    def renamed_labels(self) -> tuple[tuple[str, str], ...]:
        """Former and new names of labels that are renamed in place, as the type does not have the new one yet."""
        renamed: dict[str, str] = {}
        for former, label in self._moved_labels:
            if label not in self.source.labels and former not in renamed and label not in renamed.values():
                renamed[former] = label
        return tuple(renamed.items())

    @property
    def replaced_labels(self) -> tuple[tuple[str, str], ...]:
        """Labels that go, and those that take their place in rows."""
        renamed = dict(self.renamed_labels)
        return tuple((former, label) for former, label in self._moved_labels if former not in renamed)

    @property
    def renamed_source(self) -> EnumType:
        """The type once its labels are renamed."""
        renamed = dict(self.renamed_labels)
        return replace(self.source, labels=tuple(renamed.get(label, label) for label in self.source.labels))

    @property
    def _moved_labels(self) -> tuple[tuple[str, str], ...]:
        before, after = self.source.labels, self.target.labels
        return tuple(
            pair for pair in self.target.label_map if pair[0] in before and pair[0] not in after and pair[1] in after
        )
