"""The one look of all tables that the commands print."""

from __future__ import annotations

from rich import box
from rich.table import Table as Grid


def grid_of(title: str, *columns: str) -> Grid:
    """A table with a title; the first column is words, the others are figures."""
    grid = Grid(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(columns[0])
    for column in columns[1:]:
        grid.add_column(column, justify="right")
    return grid
