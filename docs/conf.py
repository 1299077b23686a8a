"""How Sphinx builds these pages: `make docs`."""

project = "dbt-synth"
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "dbt-synth"
html_show_copyright = False
html_show_sphinx = False
