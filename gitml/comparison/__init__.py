"""Two or more experiments become one Comparison value."""
