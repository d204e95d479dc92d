"""The command line: what the engine does, without a program of one's own."""
