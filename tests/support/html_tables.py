"""The tables of a page by the heading that names them, as a reader has them: a cell is the text that is shown."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "br", "hr", "img", "input", "link"}
_UNSEEN = {"unseen", "run"}
"""Classes of what is for screen readers, and of ids of runs."""


class Tables(HTMLParser):
    """Each table as rows of cells, the head first."""

    def __init__(self, html: str) -> None:
        """Of a whole page."""
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] | None = None
        self._open: list[tuple[str, bool]] = []
        self._heading = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a table, a row, a cell."""
        named = dict(attrs)
        hidden = bool({*(named.get("class") or "").split()} & _UNSEEN)
        if tag not in _VOID:
            self._open.append((tag, hidden))
        if named.get("role") == "group":
            self._heading = named.get("aria-labelledby") or ""
        if tag == "table":
            assert self._heading not in self.tables, f"two tables are named {self._heading}"
            self._rows = self.tables[self._heading] = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in {"td", "th"} and self._rows is not None:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        self._open.pop()
        if tag == "table":
            self._rows = None

    def handle_data(self, data: str) -> None:
        """Text belongs to the last cell, unless it is hidden."""
        is_hidden = any(hidden for _, hidden in self._open)
        in_cell = any(tag in {"td", "th"} for tag, _ in self._open)
        if self._rows is not None and in_cell and not is_hidden:
            self._rows[-1][-1] = f"{self._rows[-1][-1]} {data.strip()}".strip()
