"""The curve of a search as a picture: both measures over the size, the baseline, the choice."""

from __future__ import annotations

import io
from typing import Any

from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.tokenizer.search import RULE, Curve

FORMATS = ("svg", "png", "pdf")
_SAYS = {"split_ratio": "split-ratio (tokens a word)", "unk_portion": "unk-token portion"}


def picture_format(path: str) -> str:
    """The format that a file name asks for; ConfigError for one that cannot be drawn."""
    name, _, kind = path.lower().rpartition(".")
    if not name or kind not in FORMATS:
        raise ConfigError("--out", path, accepted="a name that ends in ." + ", .".join(FORMATS))
    return kind


def require_matplotlib() -> None:
    """CorpusError where nothing can be drawn; asked before hours of training."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise CorpusError(
            "the curve cannot be drawn: matplotlib is not installed", do="pip install 'teacher-model[page]'"
        ) from error


def draw(curve: Curve, kind: str) -> bytes:
    """The picture; the same curve gives the same bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    look: Any = {"svg.hashsalt": "teacher-model", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(look):
        figure, axes = plt.subplots(1, len(RULE), figsize=(8, 3.2), layout="constrained")
        for axis, name in zip(axes, RULE, strict=True):
            _panel(axis, curve, name)
        axes[0].legend(frameon=False)
        out = io.BytesIO()
        figure.savefig(out, format=kind, metadata={} if kind == "png" else {_DATES[kind]: None}, dpi=150)
        plt.close(figure)
    return out.getvalue()


_DATES = {"svg": "Date", "pdf": "CreationDate"}


def _panel(axis: Any, curve: Curve, name: str) -> None:
    sizes = [point.size for point in curve.points]
    values = [point.measures[name] for point in curve.points]
    axis.plot(sizes, values, marker="o", color="#1f5fa8", label="trained here")
    axis.axhline(
        curve.baseline.measures[name],
        linestyle="--",
        color="#777777",
        label=f"baseline ({curve.baseline.size:,} pieces)",
    )
    if curve.choice is not None:
        axis.plot(
            [curve.choice.size],
            [curve.choice.measures[name]],
            marker="o",
            markersize=11,
            markerfacecolor="none",
            color="#b5331f",
            linestyle="none",
            label=f"choice ({curve.choice.size:,} pieces)",
        )
    axis.set_xlabel("vocabulary size (pieces)")
    axis.set_title(_SAYS[name], loc="left")
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
