"""The directives ``{explorer}``, ``{player}`` and ``{moved}``: pages to play with, made from the committed tables."""

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

from articulens.publishing import explorer, moved, player

RESULTS = "data/results"


class _Look(Directive):
    """Put the markup into the page, and the figure for those who read without JavaScript beside the other images."""

    tables = ()

    def make(self, results: Path, static: str) -> tuple[str, bytes]:
        raise NotImplementedError

    def run(self):
        env = self.state.document.settings.env
        results = Path(env.app.srcdir, RESULTS)
        for table in self.tables:
            env.note_dependency(str(results / f"{table}.parquet"))
        missing = [table for table in self.tables if not Path(results, f"{table}.parquet").is_file()]
        if missing:
            text = f"Not shown: {', '.join(missing)}; run the chapter that writes it."
            return [nodes.paragraph("", text)]
        static = "../" * env.docname.count("/") + "_static"
        html, figure = self.make(results, static)
        images = Path(env.app.outdir, "_images")
        images.mkdir(parents=True, exist_ok=True)
        (images / f"{type(self).__name__.lower()}.png").write_bytes(figure)
        sheet = f'<link rel="stylesheet" href="{static}/look/look.css">'
        return [nodes.raw("", sheet + html, format="html")]


class Explorer(_Look):
    """All scores of the chapters 01, 02 and 04."""

    tables = explorer.TABLES

    def make(self, results, static):
        """Return markup and figure."""
        return explorer.explorer_html(results, static)


class Player(_Look):
    """The utterances that chapter 04 exported."""

    tables = player.TABLES

    def make(self, results, static):
        """Return markup and figure."""
        return player.player_html(results, static)


class Moved(_Look):
    """The versions that chapter 11 exported."""

    tables = moved.TABLES

    def make(self, results, static):
        """Return markup and figure."""
        return moved.moved_html(results, static)


def setup(app):
    """Register with Sphinx."""
    app.add_directive("explorer", Explorer)
    app.add_directive("player", Player)
    app.add_directive("moved", Moved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
