"""What the source `sql` is made of: connecting, asking, and turning rows into Arrow."""
