"""One folder per database product, always with the same file names."""
