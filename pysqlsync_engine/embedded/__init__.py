"""Embedded PostgreSQL."""
