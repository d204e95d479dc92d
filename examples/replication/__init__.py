"""Keeps a copy of some tables of PostgreSQL in MySQL or MariaDB."""
