"""Variables in a topology file, in the shell's manner: the whole text is expanded before it is parsed."""
import re

_VARIABLE = re.compile(r"\$(?:(?P<literal>\$)|(?P<name>[A-Za-z_]\w*)|\{(?P<braced>[^}]*)\})")
_BRACED = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-+=?])(?P<word>.*))?", re.DOTALL)


class BadVariable(Exception):
    def __init__(self, line, text):
        super().__init__(text)
        self.line = line


def variables(text, env):
    """Expands $NAME, ${NAME}, ${NAME-word} and the forms with :-, +, :+, =, :=, ?, :?; `$$` is a dollar."""
    def one(match):
        if match["literal"]:
            return "$"
        if match["name"]:
            return env.get(match["name"], "")
        inner = _BRACED.fullmatch(match["braced"])
        if not inner:
            raise BadVariable(text.count("\n", 0, match.start()) + 1, "cannot expand %s" % match[0])
        value, how, word = env.get(inner["name"]), inner["how"] or "", inner["word"] or ""
        present = bool(value) if how.startswith(":") else value is not None
        if how.endswith("+"):
            return word if present else ""
        if how.endswith("?") and not present:
            raise BadVariable(text.count("\n", 0, match.start()) + 1,
                              "%s: %s" % (inner["name"], word or "is not set"))
        return value if present else word if how else ""
    return _VARIABLE.sub(one, text)


def magic_words(text, words):
    """`text` with every __clab...__ word replaced."""
    for word, replacement in words.items():
        text = text.replace(word, replacement)
    return text
