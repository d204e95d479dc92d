"""Catalog and catalog to plan, and plan to server."""
