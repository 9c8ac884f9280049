"""The only place that runs Git; it knows nothing of experiments."""
