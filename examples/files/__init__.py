"""Keeps tables in step with a folder that gets new files each day."""
