"""Where alerts go: one file for each channel."""
