"""Each check finds what it is for, and is content without it: a check that cannot fail checks nothing."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import isa_symbols
import layering
import manners
from tree import Tree

CLEAN = {
    "index/status.h": "#pragma once\n#include <string>\n#include \"absl/status/status.h\"\n",
    "index/store/store.h": "#pragma once\n#include \"index/status.h\"\n",
    "index/store/store.cc": "#include \"index/store/store.h\"\n#include <rocksdb/db.h>\n"
                            "// abort() and std::thread stand in a comment\nconst char* k = \"printf(\";\n",
    "tests/CMakeLists.txt": "tessera_test(unit/store unit tessera_store)  # tessera_test(unit/gone unit)\n",
    "tests/unit/store/store_test.cc": "TEST(Store, Opens) {}\n",
    "index/README.md": "See `index/store/store.h`, [it](store/store.h) and `build/release/tests`.\n",
}


class ChecksTest(unittest.TestCase):

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def complaints(self, check):
        return list(check(Tree(self.root)))

    def assert_found(self, check, path, text, word):
        self.assertEqual(self.complaints(check), [])
        self.write(path, text)
        found = self.complaints(check)
        self.assertTrue(any(path in c and word in c for c in found), found)

    def test_layering(self):
        cases = [
            ("index/store/a.cc", "#include \"index/quant/model.h\"\n", "may not include index/quant/model.h"),
            ("index/lists/b.h", "#include \"index/store/store.h\"\n", "may not include index/store/store.h"),
            ("index/types.h", "#include \"index/store/store.h\"\n", "may not include"),
            ("index/quant/c.cc", "#include <cblas.h>\n", "may not include cblas.h"),
            ("index/engine/d.cc", "#include <rocksdb/db.h>\n", "may not include rocksdb/db.h"),
            ("index/engine/e.cc", "  #  include <boost/asio.hpp>\n", "confined"),
            ("index/simd/avx2.cc", "#include \"index/status.h\"\n", "may not include index/status.h"),
            ("client/formats/f.h", "#include \"client/client.h\"\n", "may not include client/client.h"),
            ("server/g.cc", "#include \"index/engine/core.h\"\n", "may not include index/engine/core.h"),
            ("index/other/h.cc", "\n", "no layer"),
            ("server/i.cc", "#include \"index/gone.h\"\n", "does not exist"),
        ]
        for path, text, word in cases:
            with self.subTest(path):
                self.assert_found(layering.check, path, text, word)
                os.remove(os.path.join(self.root, path))

    def test_library_manners(self):
        for i, line in enumerate(["std::cout << 1;", "std::printf(\"x\");", "fprintf(stderr, \"x\");",
                                  "abort();", "std::terminate();", "assert(x);", "std::thread t(f);",
                                  "auto f = std::async(g);", "#pragma omp parallel"]):
            with self.subTest(line):
                path = f"index/engine/bad{i}.cc"
                self.assert_found(manners.library_manners, path, line + "\n", f"{path}:1")
                os.remove(os.path.join(self.root, path))
        self.write("index/engine/fine.cc", "static_assert(true); std::snprintf(b, 1, f); on_exit_(x);\n"
                                           "std::thread::id id; /* abort() */ Stop::exit(1);\n")
        self.assertEqual(self.complaints(manners.library_manners), [])

    def test_sources(self):
        self.assert_found(manners.sizes, "index/long.cc", "\n" * 801, "801 lines")
        self.assert_found(manners.ascii_sources, "server/dash.cc", "// a\n// \u2014\n", "dash.cc:2")
        self.assert_found(manners.names, "server/string_" + "utils.cc", "\n", "says nothing")
        self.assert_found(manners.nothing_unfinished, "server/later.cc", "// TO" "DO: finish\n", "later.cc:1")

    def test_headers_are_guarded(self):
        self.assert_found(manners.names, "server/open.h", "int x;\n", "#pragma once")

    def test_sleeps(self):
        wait = "std::this_thread::sleep" "_for(1s);\n"
        self.assert_found(manners.no_sleeps_in_tests, "tests/unit/store/slow_test.cc", wait, "slow_test.cc:1")
        os.remove(os.path.join(self.root, "tests/unit/store/slow_test.cc"))
        self.assert_found(manners.no_sleeps_in_tests, "tests/e2e/run.sh", "while :; do sleep" " 1; done\n",
                          "run.sh:1")

    def test_stray_tests(self):
        self.assert_found(manners.every_test_is_built, "tests/unit/other/x_test.cc", "\n", "no folder")
        os.remove(os.path.join(self.root, "tests/unit/other/x_test.cc"))
        self.assert_found(manners.every_test_is_built, "index/store/y_test.cc", "\n", "no folder")
        os.remove(os.path.join(self.root, "index/store/y_test.cc"))
        self.write("tests/CMakeLists.txt", "tessera_test(unit/store unit)\ntessera_test(race race)\n")
        self.assertIn("race has no tests", self.complaints(manners.every_test_is_built)[0])

    def test_documents(self):
        self.assert_found(manners.documents_name_what_exists, "README.md", "See `index/none.h`.\n", "none.h")
        self.write("README.md", "A [link](deploy/none.md), a [page](https://example.org/x), `<file>.h`.\n")
        found = self.complaints(manners.documents_name_what_exists)
        self.assertEqual(len(found), 1, found)

    def test_isa_symbols(self):
        def archive(source):
            with open(os.path.join(self.root, "scalar.cc"), "w", encoding="ascii") as file:
                file.write(source)
            library = os.path.join(self.root, "lib.a")
            obj = os.path.join(self.root, "scalar.cc.o")
            subprocess.run(["c++", "-c", os.path.join(self.root, "scalar.cc"), "-o", obj], check=True)
            if os.path.exists(library):
                os.remove(library)
            subprocess.run(["ar", "rcs", library, obj], check=True)
            return library
        table = "extern const int kScalarKernels; const int kScalarKernels = 1;\n"
        self.assertEqual(list(isa_symbols.check(archive(table))), [])
        inline = table + "inline int F() { static int x; return ++x; }\nint (*g)() = F;\n"
        self.assertIn("scalar: exports", "".join(isa_symbols.check(archive(inline))))
        self.assertIn("scalar: exports", "".join(isa_symbols.check(archive("int x;\n"))))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
