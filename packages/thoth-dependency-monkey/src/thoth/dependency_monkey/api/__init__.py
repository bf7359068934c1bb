"""The HTTP API: v0alpha0, the read-through index, problem details, metrics, health."""
