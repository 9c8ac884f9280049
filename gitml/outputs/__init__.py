"""What came out of a run: metrics, history, weights, plots and predictions, as typed values."""
