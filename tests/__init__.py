"""Tests, against real servers."""
