"""The map of the 22 walls."""

from __future__ import annotations

from typing import Any

from mlsysim.core.walls import DOMAINS, WALLS, walls_in_domain
from mlsysim.viz.style import plt, settings, theme_of


def plot_walls(*, theme: str = "light", ax: Any = None) -> Any:
    """Draw the 22 walls as a map: a column for each domain, coloured by the term of the iron law that a wall acts on.

    Parameters
    ----------
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownName
        For another theme.

    Examples
    --------
    >>> len(plot_walls().patches)
    22
    """
    colours = theme_of(theme)
    terms = list(dict.fromkeys(wall.term for wall in WALLS))
    colour_of = dict(zip(terms, [*colours.series, colours.faint], strict=False))
    domains = list(DOMAINS)
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots(figsize=(7.4, 4.6))[1]
        for column, domain in enumerate(domains):
            ax.text(column + 0.04, 0.62, domain.capitalize(), va="center", fontweight="bold")
            for row, wall in enumerate(walls_in_domain(domain)):
                colour = colour_of[wall.term]
                ax.add_patch(plt.Rectangle((column + 0.04, -row - 0.4), 0.92, 0.8, facecolor=colour, alpha=0.18))
                ax.plot([column + 0.04] * 2, [-row - 0.4, -row + 0.4], color=colour, linewidth=3, solid_capstyle="butt")
                ax.text(column + 0.11, -row + 0.17, str(wall.number), fontsize=8, va="center", fontweight="bold")
                ax.text(column + 0.11, -row - 0.14, wall.name, fontsize=8, va="center")
        for term in terms:
            label = term.replace("_", " ").replace("mfu", "MFU").replace("flops", "FLOPs")
            ax.plot([], [], "s", color=colour_of[term], markersize=8, label=label)
        ax.legend(frameon=False, loc="lower right", title="Acts on", ncols=2, alignment="left")
        deepest = max(len(walls_in_domain(domain)) for domain in domains)
        ax.set(xlim=(0, len(domains)), ylim=(-deepest + 0.5, 0.9))
        ax.axis("off")
    return ax
