"""When: which windows are due, and the clock that runs them."""
