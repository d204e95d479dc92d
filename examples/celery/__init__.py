"""Readings of meters, loaded by workers on several machines: Celery, Redis, and an instance of Dagster in PostgreSQL."""
