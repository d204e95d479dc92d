"""Data-classes describe tables; the engine creates, reflects and changes the schema, and loads the rows."""
