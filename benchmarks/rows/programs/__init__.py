"""Contestants that use the engine; each is a process of its own."""
