"""python3 check.py NAME ROOT: runs one check of this folder, ends 1 with its complaints."""

import sys

import isa_symbols
import layering
import manners
from tree import Tree

CHECKS = {
    "layering": layering.check,
    "library_manners": manners.library_manners,
    "sizes": manners.sizes,
    "ascii_sources": manners.ascii_sources,
    "names": manners.names,
    "nothing_unfinished": manners.nothing_unfinished,
    "no_sleeps_in_tests": manners.no_sleeps_in_tests,
    "every_test_is_built": manners.every_test_is_built,
    "documents_name_what_exists": manners.documents_name_what_exists,
}


def main():
    name, target = sys.argv[1], sys.argv[2]
    if name == "isa_symbols":
        complaints = list(isa_symbols.check(target))
    else:
        tree = Tree(target)
        if not tree.paths((".cc",), "index/"):
            sys.exit(f"{target} holds no index/*.cc: nothing was checked")
        complaints = list(CHECKS[name](tree))
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
