"""The files of the repository as the checks see them: path from the root (with '/') and text."""

import os
import re

SOURCE = (".cc", ".h", ".inl", ".proto", ".py", ".sh", ".cmake", "CMakeLists.txt", ".in")
CPP = (".cc", ".h", ".inl")


class Tree:
    """Reads a directory once; hidden folders, build trees and packages are left out."""

    def __init__(self, root):
        self.root = root
        self.texts = {}
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = sorted(
                s for s in subfolders
                if not s.startswith("build") and s not in ("__pycache__", "node_modules") and (s[0] != "." or s == ".ci"))
            for name in sorted(names):
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, root).replace(os.sep, "/")
                if name.endswith(SOURCE + (".md",)) or relative.startswith(".ci/"):
                    with open(path, encoding="utf-8", errors="surrogateescape") as file:
                        self.texts[relative] = file.read()

    def paths(self, endings, under=""):
        return [p for p in self.texts if p.startswith(under) and p.endswith(endings)]

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))


def code_lines(text):
    """(line number, line) of C++ with comments and the insides of string literals blanked."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] * 2
        return "\n" * found.count("\n")
    token = r'//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return list(enumerate(re.sub(token, blank, text, flags=re.S).split("\n"), 1))
