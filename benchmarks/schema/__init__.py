"""How fast, and how exactly, schemas are handled."""
