"""Rows per second, side by side with other tools and with what the servers themselves can do."""
