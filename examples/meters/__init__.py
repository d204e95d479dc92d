"""Readings of electricity meters: what the examples of Celery and of Kubernetes load."""
