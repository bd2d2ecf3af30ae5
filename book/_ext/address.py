"""What depends on where the book and its repository are published, and is left out while nobody has said where.

Two settings of ``_config.yml``, both empty by default:

* ``repository: {url: ..., branch: main}``: then pages get buttons to launch, edit and discuss them;
* ``html: {baseurl: ...}``: then pages get social cards and the site a sitemap.
"""

BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def _buttons(app, config):
    options = config.html_theme_options
    if options.get("repository_url"):
        options.update(dict.fromkeys(BUTTONS, True))
    else:
        options.pop("launch_buttons", None)


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", _buttons)
    if app.config.html_baseurl:
        app.config.sitemap_url_scheme = "{link}"
        app.setup_extension("sphinx_sitemap")
        app.config.sitemap_excludes = ["404.html", "search.html", "genindex.html", "py-modindex.html"]
        app.config.ogp_site_url = app.config.html_baseurl
        app.config.ogp_site_name = app.config.html_title or app.config.project
        app.setup_extension("sphinxext.opengraph")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
