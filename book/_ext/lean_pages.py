"""Leave out of a page what it loads in vain, and a word that helps nobody.

Thebe runs code on another host, and nobody starts it; MathJax (1.2 MB) is for pages with formulas. The list of
references calls itself a list but has no items, which confuses those who listen to it.
"""


def _lean(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    vain = ["thebe"] if 'class="math' in body else ["thebe", "mathjax"]
    scripts = context.get("script_files", [])
    context["script_files"] = [s for s in scripts if not any(v in f"{s.filename} {_code(s)}".lower() for v in vain)]
    if body:
        context["body"] = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def _code(script):
    return script.attributes.get("body") or ""


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", _lean, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
