"""Profiles become findings; checks decide."""
