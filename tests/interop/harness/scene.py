"""Many sessions at once, each a cell of a matrix that passes or fails on its own.

A scene asks every router once a round what it knows, and holds every cell to the same condition within the same
deadline. A cell that misses one has failed with what was last seen, and the others go on without it.
"""
import dataclasses
import time

from .neighbor import Neighbor, View

INTERVAL = 0.1
NOT_YET = (AssertionError, OSError, ValueError, KeyError, IndexError, RuntimeError)


@dataclasses.dataclass
class Cell:
    """A session between one of our daemons and one router."""
    row: str
    router: object
    speaker: object
    neighbor: Neighbor
    error: str = ""
    view: View = None

    @property
    def established(self):
        return self.view.established(self.neighbor.address)

    def path(self, prefix):
        """The path that our daemon gave the router, or None; ours is the only one from there."""
        found = self.view.paths(prefix, self.neighbor.address)
        if len(found) > 1:
            raise AssertionError(f"{len(found)} paths to {prefix} from {self.neighbor.address}")
        return found[0] if found else None

    def status(self):
        """What our daemon says of the session."""
        return self.speaker.peer(self.router.name)


class Unread:
    """In the place of a View when the router could not be asked: every question about it fails."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        raise RuntimeError(f"the router did not answer: {self.error}")


def expect(cells, what, condition, deadline):
    """Every cell that has not failed yet fulfils `condition(cell)` within `deadline` seconds, or fails."""
    waiting = {id(cell): (cell, None) for cell in cells if not cell.error}
    end = time.monotonic() + deadline
    while waiting:
        late = time.monotonic() >= end
        look([cell for cell, _ in waiting.values()])
        for cell, _ in list(waiting.values()):
            try:
                seen = condition(cell)
            except NOT_YET as error:
                waiting[id(cell)] = (cell, error)
                continue
            if seen:
                del waiting[id(cell)]
        if late:
            break
        if waiting:
            time.sleep(INTERVAL)
    for cell, error in waiting.values():
        cell.error = f"not within {deadline:g} s: {what}" + (f": {error}" if error else "")


def look(cells):
    """Gives every cell what its router knows now."""
    views = {}
    for cell in cells:
        name = cell.router.name
        if name not in views:
            try:
                views[name] = cell.router.read()
            except NOT_YET as error:
                views[name] = Unread(error)
        cell.view = views[name]


def attempt(cells, action):
    """Does something for every cell that has not failed; an exception fails the cell."""
    for cell in cells:
        if not cell.error:
            try:
                action(cell)
            except NOT_YET as error:
                cell.error = str(error)
