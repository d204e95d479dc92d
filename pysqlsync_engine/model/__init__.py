"""The vocabulary that all rooms share: identifiers, data types and database objects, as immutable values."""
