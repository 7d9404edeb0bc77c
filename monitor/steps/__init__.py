"""The steps of a run, one file each; `pipeline.py` puts them in order."""
