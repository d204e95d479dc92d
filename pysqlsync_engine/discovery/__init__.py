"""Server to catalog: what the live database holds, as database objects."""
