"""What processes cost, and figures as text."""
import math
import statistics
import time

from harness import wait_for


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


def settled(speaker):
    """Its CPU time, once it takes less than a tenth of a core."""
    last = [speaker.cpu()]

    def calm():
        last.append(speaker.cpu())
        return last[-1] - last[-2] < 0.02
    wait_for(calm, 60, f"{speaker.name} comes to rest", 0.2)
    return last[-1]


def milliseconds(begun, ended):
    """Between two times in nanoseconds."""
    return (ended - begun) / 1e6


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
    """Markdown. `columns` is {key of a result: heading}; `rows` is {speaker: what its runs gave, each a result or the
    reason why there is none}; ratios are to the row `own`."""
    def good(runs):
        return [run for run in runs if not isinstance(run, str)]

    def figures(runs):
        return {key: Figure([result.get(key) for result in good(runs)]) for key in columns}

    mine = figures(rows.get(own, []))
    lines = [[first, *columns.values()]]
    for name, runs in rows.items():
        missing = len(runs) - len(good(runs))
        if missing == len(runs):
            lines.append([name, runs[0], *[""] * (len(columns) - 1)])
            continue
        each = mine if name == own else figures(runs)
        told = f"{name} ({missing} of {len(runs)} runs failed)" if missing else name
        lines.append([told, *(each[key].text(mine[key]) for key in columns)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns) + 1)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
