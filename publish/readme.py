"""`python -m publish.readme FOLDER`: draw the figure of the README, light and dark."""

import sys
from pathlib import Path

import matplotlib

from mlsysim import Engine, Hardware, Models
from mlsysim.viz import plot_roofline
from mlsysim.viz.style import THEMES, plt, settings


def draw(folder: Path) -> list[Path]:
    """Write one picture for each theme and return their paths; the same package writes the same bytes."""
    matplotlib.use("Agg")
    llama, h100 = Models.Llama3_8B, Hardware.H100
    work = {
        "one answer, token by token": Engine.solve(llama, h100),
        "64 answers at once": Engine.solve(llama, h100, batch_size=64),
        "reading the prompt": Engine.solve(llama, h100, phase="prefill"),
    }
    paths = [folder / f"roofline-{theme}.svg" for theme in THEMES]
    for theme, path in zip(THEMES, paths, strict=True):
        axes = plot_roofline(h100, list(work.values()), list(work), theme=theme)
        with plt.rc_context(settings(theme)):
            axes.figure.savefig(path, metadata={"Date": None})
        plt.close(axes.figure)
    return paths


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
