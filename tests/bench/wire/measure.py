"""What processes cost, and figures as text."""
import math
import statistics
import time


def cpu(pids):
    """Seconds of CPU of processes that live, by the clock of each."""
    total = 0.0
    for pid in pids:
        try:
            # clock_getcpuclockid(3): the scheduler's clock of a process, all its threads together.
            total += time.clock_gettime(~pid << 3 | 2)
        except OSError:
            continue        # ended meanwhile
    return total


def resident(pids):
    """MiB that are resident. Pages that processes share count for each of them."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        except OSError:
            continue
    return total / 1024


def percentile(values, percent):
    """The nearest rank: a value that was measured."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]


def number(value):
    """Three digits."""
    if isinstance(value, int):
        return str(value)
    if value == 0:
        return "0"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{digits}f}"


class Figure:
    """What the runs of one speaker have given for one column."""

    def __init__(self, values):
        self.values = [value for value in values if value is not None]

    @property
    def median(self):
        return statistics.median(self.values)

    def text(self, own=None):
        """Median [least-most], and how many times ours it is."""
        if not self.values:
            return "-"
        text = number(self.median)
        if len(self.values) > 1 and min(self.values) != max(self.values):
            text += f" [{number(min(self.values))}-{number(max(self.values))}]"
        if own is not None and own.values and own.median and own is not self:
            ratio = self.median / own.median
            text += f" ×{ratio:.0f}" if ratio >= 100 else f" ×{ratio:.2g}"
        return text


def table(columns, rows, own, first="speaker"):
    """Markdown. `columns` is {key of a result: heading}; `rows` is {speaker: its results, one a run, or why there are
    none}; ratios are to the row `own`."""
    def figures(results):
        return {key: Figure([result.get(key) for result in results]) for key in columns}

    mine = figures(rows[own]) if isinstance(rows.get(own), list) else {}
    lines = [[first, *columns.values()]]
    for name, results in rows.items():
        if isinstance(results, list):
            each = mine if name == own else figures(results)
            lines.append([name, *(each[key].text(mine.get(key)) for key in columns)])
        else:
            lines.append([name, results, *[""] * (len(columns) - 1)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns) + 1)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
