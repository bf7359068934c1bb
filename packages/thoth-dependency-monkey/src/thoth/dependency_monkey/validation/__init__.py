"""A request becomes a verdict: policy, limits, freshness, resolution, result."""
