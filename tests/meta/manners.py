"""What sources and documents may not do: each check takes a Tree and yields complaints."""

import re

from tree import CPP, SOURCE, code_lines

# The library reports through Status: it never prints, aborts or starts a thread of its own.
LIBRARY_MAY_NOT = [
    (r"\bstd::(cout|cerr|clog)\b|(?<![\w:])(std::)?(printf|fprintf|puts|putchar|perror)\s*\(", "prints"),
    (r"(?<![\w:])(std::)?(abort|terminate|exit|quick_exit)\s*\(|(?<!\w)assert\s*\(|\bCHECK(_\w+)?\s*\(",
     "can end the process"),
    (r"\bstd::(thread|jthread|async)\b(?!::)|\bpthread_create\b|#pragma omp", "starts a thread"),
]
LIBRARY_EXEMPT = {"index/thread_pool.h", "index/thread_pool.cc"}
WAITS = r"\bsleep_(for|until)\b|(?<![\w.])u?sleep\s*\(|\bnanosleep\s*\(|\btime\.sleep\b"
SHELL_WAITS = r"(^|[;&|(]|\bdo\b|\bthen\b)\s*sleep\b"
VAGUE_NAMES = r"(^|[_/])(utils?|helpers?|common|misc)([_.]|$)"
UNFINISHED = r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b"
WARN_LINES, FAIL_LINES = 400, 800


def library_manners(tree):
    for path in tree.paths(CPP, "index/"):
        if path in LIBRARY_EXEMPT:
            continue
        for number, line in code_lines(tree.texts[path]):
            for pattern, what in LIBRARY_MAY_NOT:
                if re.search(pattern, line):
                    yield f"{path}:{number}: {what}, which the library never does: {line.strip()}"


def sizes(tree):
    for path in tree.paths(SOURCE):
        lines = tree.texts[path].count("\n")
        if lines > FAIL_LINES:
            yield f"{path}: {lines} lines; split it well before {FAIL_LINES}"
        elif lines > WARN_LINES:
            print(f"warning: {path} has {lines} lines (files stay near {WARN_LINES})")


def ascii_sources(tree):
    for path in tree.paths(SOURCE):
        for number, line in enumerate(tree.texts[path].split("\n"), 1):
            if not line.isascii():
                yield f"{path}:{number}: not ASCII: {line.strip()!a}"


def names(tree):
    for path in tree.texts:
        if re.search(VAGUE_NAMES, path):
            yield f"{path}: the name says nothing; name what it holds"
    for path in tree.paths((".h",)):
        if "#pragma once" not in tree.texts[path]:
            yield f"{path}: has no #pragma once"


def nothing_unfinished(tree):
    for path, text in tree.texts.items():
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(UNFINISHED, line):
                yield f"{path}:{number}: unfinished: {line.strip()}"


def no_sleeps_in_tests(tree):
    for path in tree.paths(CPP + (".py", ".sh"), "tests/"):
        lines = (code_lines(tree.texts[path]) if path.endswith(CPP)
                 else enumerate(tree.texts[path].split("\n"), 1))
        pattern = SHELL_WAITS if path.endswith(".sh") else WAITS
        for number, line in lines:
            if re.search(pattern, line) and not line.lstrip().startswith(("WAITS", "SHELL_WAITS")):
                yield f"{path}:{number}: tests synchronise, they do not sleep: {line.strip()}"


def every_test_is_built(tree):
    """A test that is not built does not exist."""
    cmake = re.sub(r"#[^\n]*", "", tree.texts.get("tests/CMakeLists.txt", ""))
    built = set(re.findall(r"tessera_test\(\s*([a-z_0-9/]+)", cmake))
    for path in tree.paths(("_test.cc",)):
        folder = path.rsplit("/", 1)[0]
        if not folder.startswith("tests/") or folder[len("tests/"):] not in built:
            yield f"{path}: in no folder that tests/CMakeLists.txt builds"
    for folder in built:
        if not tree.paths((".cc",), f"tests/{folder}/"):
            yield f"tests/CMakeLists.txt: {folder} has no tests"


def documents_name_what_exists(tree):
    """Paths in backticks and relative links of every document: from its folder or from the root."""
    tops = ("index/", "server/", "client/", "proto/", "tests/", "bench/", "deploy/", ".ci/", "./", "../")
    for path in tree.paths((".md",)):
        text = re.sub(r"^```.*?^```", "", tree.texts[path], flags=re.S | re.M)
        named = re.findall(r"`([^`\s]+)`", text) + re.findall(r"\]\(([^)\s]+)\)", text)
        folder = path.rpartition("/")[0]
        for name in named:
            name = name.split("#")[0].rstrip(":,.")
            is_path = name.startswith(tops) or f"]({name}" in text
            if not is_path or "://" in name or re.search(r"[<>{}*$]", name) or not name:
                continue
            name = name[2:] if name.startswith("./") else name
            if name.startswith("build/"):
                continue
            if not tree.exists(name) and not tree.exists(f"{folder}/{name}"):
                yield f"{path}: names {name}, which does not exist"
