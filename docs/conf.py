"""The site: Sphinx, which reads these Markdown pages as they are. `tox run -e docs` builds it.

Sphinx with MyST rather than MkDocs: both take the same Markdown, Sphinx is the one that is still developed,
and it turns a link to a page or a heading that is not there into an error.
"""

from importlib import metadata

project = "Loadstone"
release = version = metadata.version("loadstone")
extensions = ["myst_parser"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build", "results"]  # results: runs that pages are made from
html_theme = "furo"
html_title = f"Loadstone {release}"
html_static_path = []
# Nothing is fetched when a page is read: the theme brings its own style sheets and system fonts.
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
templates_path = []
