"""What a run writes about itself: log.csv, measured.csv, TensorBoard if asked for, lines on the terminal, and
the picture of the loss. A resumed run goes on in the same files, from its checkpoint on.
"""

from __future__ import annotations

import csv
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from schemas.sequences import FORMS
from trainer.errors import ConfigError
from trainer.speed import Figures

LOG, MEASURED, CURVE = "log.csv", "measured.csv", "loss.svg"
_BAR = 24


class Table:
    """A CSV file that is written line by line and cut back when a run goes on from before its end."""

    def __init__(self, path: Path, columns: Sequence[str], after_step: int) -> None:
        """`after_step`: lines of later steps are dropped; the first column is the step."""
        self.path = path
        kept = [row for row in read_table(path) if int(row[columns[0]]) <= after_step] if after_step else []
        self.columns = [*columns, *[name for row in kept[:1] for name in row if name not in columns]]
        making = path.with_suffix(".part")
        with making.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(kept)
        making.replace(path)

    def add(self, row: Mapping[str, object]) -> None:
        """Append a line; it is in the file when this returns."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns, restval="").writerow(row)


def read_table(path: Path) -> list[dict[str, str]]:
    """The lines of a table; none without the file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Log:
    """The files of rank 0."""

    def __init__(
        self, run: Path, languages: Sequence[str], after_step: int, *, tensorboard: bool = False
    ) -> None:
        self._by = [f"{lang}/{form}" for lang in languages for form in FORMS]
        figures = [name for name in Figures.__slots__ if name != "tokens_by"]
        columns = ["step", "epoch", "lr", "loss_scale", *figures, *(f"tokens/{name}" for name in self._by)]
        self._log = Table(run / LOG, columns, after_step)
        self._measured = Table(run / MEASURED, ["step", "all", *languages], after_step)
        self._board = _board(run / "tensorboard", after_step) if tensorboard else None

    def window(self, step: int, epoch: int, lr: float, loss_scale: float, figures: Figures) -> None:
        """A window of steps that ends with `step`."""
        row = {name: getattr(figures, name) for name in Figures.__slots__ if name != "tokens_by"}
        row |= {"step": step, "epoch": epoch, "lr": lr, "loss_scale": loss_scale}
        counted = {f"{a}/{b}": n for a, forms in figures.tokens_by.items() for b, n in forms.items()}
        row |= {f"tokens/{name}": counted.get(name, 0) for name in self._by}
        self._log.add({name: "" if value is None else value for name, value in row.items()})
        self._to_board(step, {name: value for name, value in row.items() if name != "step"})

    def measured(self, step: int, losses: Mapping[str, float]) -> None:
        """The loss by language after `step` updates."""
        self._measured.add({"step": step, **losses})
        self._to_board(step, {f"measured/{name}": value for name, value in losses.items()})

    def close(self) -> None:
        """Write out what TensorBoard holds."""
        if self._board is not None:
            self._board.close()

    def _to_board(self, step: int, values: Mapping[str, Any]) -> None:
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)


def _board(folder: Path, after_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "log.tensorboard",
            True,
            accepted="false here: TensorBoard is not installed",
            do="pip install tensorboard; log.csv has the same figures",
        ) from None
    return SummaryWriter(str(folder), purge_step=after_step + 1)


class Progress:
    """What the user sees meanwhile: a bar with the time left on a terminal, else plain lines. On stderr."""

    def __init__(self, first: int, last: int, stream: IO[str] | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._first, self._last = first, last
        self._began = time.monotonic()
        self._shown = ""

    def say(self, line: str) -> None:
        """A line that stays."""
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""
        print(line, file=self._stream, flush=True)

    def step(self, step: int, loss: float) -> None:
        """The bar, on a terminal alone."""
        if not self._live:
            return
        done = step / max(self._last, 1)
        bar = "#" * int(_BAR * done)
        text = f"[{bar:-<{_BAR}}] {step:,}/{self._last:,}  loss {loss:.4f}  {self._left(step)}"
        width = shutil.get_terminal_size().columns - 1
        text = text[: max(width, 20)]
        self._stream.write("\r" + text.ljust(len(self._shown)))
        self._stream.flush()
        self._shown = text

    def window(self, step: int, lr: float, figures: Figures) -> None:
        """A line a window."""
        speed = f"{figures.tokens_per_s:,.0f} tokens/s  {figures.tflops:.3g} TFLOP/s"
        if figures.mfu is not None:
            speed += f"  MFU {figures.mfu:.1%}"
        self.say(
            f"step {step:>{len(str(self._last))},}/{self._last:,}  loss {figures.loss:.4f}  lr {lr:.2e}  "
            f"norm {figures.grad_norm:.2f}  {speed}  wait {figures.data_wait_share:.0%}  {self._left(step)}"
            + (f"  {figures.skipped} steps left out" if figures.skipped else "")
        )

    def _left(self, step: int) -> str:
        done = step - self._first
        if done <= 0:
            return "ETA -"
        return f"ETA {in_words((time.monotonic() - self._began) / done * (self._last - step))}"


def in_words(seconds: float) -> str:
    """1:02:03 or 2:03."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def draw_curve(run: Path) -> bool:
    """RUN/loss.svg from the two tables; False without matplotlib (the extra `page`)."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("svg")
    from matplotlib import pyplot

    log, measured = read_table(run / LOG), read_table(run / MEASURED)
    mpl.rcParams["svg.hashsalt"] = "loss"  # the same picture from the same figures
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    steps = [int(row["step"]) for row in log]
    axes.plot(steps, [float(row["loss"]) for row in log], color="0.3", label="training")
    marks = [int(row["step"]) for row in measured]
    axes.plot(marks, [float(row["all"]) for row in measured], "o-", color="tab:blue", label="measured")
    axes.set(xlabel="step", ylabel="loss (nats a hidden token)")
    axes.grid(alpha=0.3)
    rate = axes.twinx()
    rate.plot(steps, [float(row["lr"]) for row in log], ":", color="tab:orange", label="learning rate")
    rate.set(ylabel="learning rate")
    axes.legend(handles=[*axes.lines, *rate.lines], loc="upper right")
    figure.savefig(run / CURVE, metadata={"Date": None})
    pyplot.close(figure)
    return True
