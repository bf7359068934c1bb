"""Results as people see them: text, DOT and SVG."""
