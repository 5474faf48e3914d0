"""YAML as dicts and lists that remember on which line each key or item stands."""
import yaml


class Problem(Exception):
    """What is wrong with a file, one line per problem: FILE:LINE: text."""


class Map(dict):
    """A mapping with the line of itself (.line) and of each key (.lines)."""
    line = 0

    def __init__(self):
        super().__init__()
        self.lines = {}

    def at(self, key):
        return self.lines.get(key, self.line)


class Seq(list):
    """A sequence with the line of itself (.line) and of each item (.lines)."""
    line = 0

    def __init__(self):
        super().__init__()
        self.lines = []


class _Loader(yaml.SafeLoader):
    def construct_map(self, node):
        self.flatten_mapping(node)
        result = Map()
        result.line = node.start_mark.line + 1
        yield result
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            result[key] = self.construct_object(value_node, deep=True)
            result.lines[key] = key_node.start_mark.line + 1

    def construct_seq(self, node):
        result = Seq()
        result.line = node.start_mark.line + 1
        yield result
        for item in node.value:
            result.append(self.construct_object(item, deep=True))
            result.lines.append(item.start_mark.line + 1)

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = {}
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(problem="%r stands twice, first in line %d" % (key.value, seen[key.value]),
                                           problem_mark=key.start_mark)
            seen[key.value] = key.start_mark.line + 1
        return node


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_map)
_Loader.add_constructor("tag:yaml.org,2002:seq", _Loader.construct_seq)


def load(text, file):
    """The document in `text`; raises Problem with the place of a syntax error or a doubled key."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Problem("%s:%d: %s" % (file, mark.line + 1 if mark else 1, error.problem or error)) from None
