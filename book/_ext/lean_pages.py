"""Leave out of every page what it loads in vain: thebe, which runs code on another host and which nobody starts."""


def _without_thebe(app, pagename, templatename, context, doctree):
    scripts = context.get("script_files", [])
    context["script_files"] = [s for s in scripts if "thebe" not in f"{s.filename} {s.attributes.get('body')}"]


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", _without_thebe, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
