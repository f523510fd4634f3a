"""Bar charts as SVG, for tools/bench: rows with a bar for each series."""
import html
import math

WIDTH, LABELS, RIGHT, TOP = 1040, 420, 70, 70
ROOM = WIDTH - LABELS - RIGHT
LETTER = 7.2            # a label's, on the average
BAR, GAP = 12, 12
COLOURS = ("#1b6ca8", "#e0812c", "#a9441f", "#7a9e3b", "#6c4f9c")
STYLE = "text{font:13px sans-serif;fill:#222}.n{font-size:11px}.t{font-size:16px;font-weight:bold}.g{stroke:#ddd}"


def number(value):
    return f"{value:,}".replace(",", " ")


class Logarithmic:
    """From 1 to the power of ten that holds the largest; less than 1 shows as nothing."""

    def __init__(self, largest):
        self.decades = max(1, math.ceil(math.log10(max(largest, 1)) - 1e-9))
        self.marks = [10 ** n for n in range(self.decades + 1)]

    def at(self, value):
        return ROOM * math.log10(max(value, 1)) / self.decades


class Linear:
    """From 0 to a round number not below the largest."""

    def __init__(self, largest):
        step = 10 ** math.floor(math.log10(max(largest, 1)))
        if largest <= 2 * step:
            step = max(step // 2, 1)
        self.marks = list(range(0, largest + step, step))

    def at(self, value):
        return ROOM * value / self.marks[-1]


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def legend(series):
    x, parts = LABELS, []
    for name, colour in zip(series, COLOURS):
        parts += [f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>', text(x + 17, 45, name)]
        x += 40 + 8 * len(name)
    return parts


def grid(scale, bottom):
    parts = []
    for mark in scale.marks:
        x = LABELS + scale.at(mark)
        parts += [f'<line class="g" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}"/>',
                  text(x, bottom + 15, number(mark), "n", "middle")]
    return parts


def row(scale, y, label, values):
    """A row's bars from y down; None: there is no such figure."""
    parts = [text(LABELS - 8, y + len(values) * BAR / 2 + 4, label, anchor="end")]
    for value, colour in zip(values, COLOURS):
        if value is not None:
            width = scale.at(value)
            parts += [f'<rect x="{LABELS}" y="{y}" width="{max(width, 1):.1f}" height="{BAR - 2}" fill="{colour}"/>',
                      text(LABELS + width + 4, y + BAR - 3, number(value), "n")]
        y += BAR
    return parts


def bars(title, series, rows, kind=Logarithmic):
    """The SVG of rows (label, value of each series): whole numbers, of which at least one is there."""
    assert all(len(label) * LETTER < LABELS for label, _ in rows), "a label is too long"
    scale = kind(max(value for _, values in rows for value in values if value is not None))
    step = BAR * len(series) + GAP
    bottom = TOP + step * len(rows)
    parts = [text(12, 22, title, "t"), *legend(series), *grid(scale, bottom)]
    for n, (label, values) in enumerate(rows):
        parts += row(scale, TOP + n * step, label, values)
    height = bottom + 28
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}">\n<style>{STYLE}</style>\n'
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")
