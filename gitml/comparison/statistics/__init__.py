"""Whether a difference is more than noise: pure functions over numbers, without Git or files."""
