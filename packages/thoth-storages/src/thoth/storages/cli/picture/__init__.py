"""Drawings of the schema: what is drawn (`tables`), where it goes (`placing`, `routing`), how.

`svg` needs nothing but a viewer; `dot` and `mermaid` leave the placing to others.
"""
