"""Python to catalog: what the data-classes say, as database objects."""
