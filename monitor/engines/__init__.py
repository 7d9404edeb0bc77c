"""Where the profile kernel is mapped over batches: one file for each engine."""
