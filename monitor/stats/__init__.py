"""Numbers in, numbers out; a statistic never decides."""
