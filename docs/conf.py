"""How Sphinx builds the documentation; see CONTRIBUTING.md for the command."""

project = "Thoth"
copyright = "2026, the Thoth authors"  # noqa: A001 - the name that Sphinx gives it
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Thoth"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
