"""Readings of meters, loaded by a pod for each step: values for the Helm chart of Dagster, and the executor."""
