"""The documentation site: Markdown pages beside this file, and what is generated from the package."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import agent_widget  # noqa: E402  # the path has to be set first

project = "agent-widget"
version = release = agent_widget.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "generated"]

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "agent-widget"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
suppress_warnings = ["misc.highlighting_failure"]  # Pygments takes the type arguments of TSX for tags
