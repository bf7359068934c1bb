"""Dependency Monkey: says whether a software stack resolves, to exactly what, and if not, why."""
