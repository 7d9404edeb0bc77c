"""Mergeable summaries of a window, made in one pass."""
