"""The code rules that a compiler does not check: which layer may include which, and what must not be in the tree.

Link targets enforce the direction of dependencies between libraries; headers alone (inline code, constants) can pass by them.
With --graph it prints the include graph as text.
"""
import functools
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("MILLESIME_SOURCE", Path(__file__).resolve().parents[3]))

# Layer -> layers that it may include besides itself. Top to bottom (kernels/bench is a separate program); a layer that is not named here is an error.
BELOW_MODELS = ["pipeline/core", "kernels/base"]
BELOW_ROOMS = ["pipeline/io", "models", "kernels/ops", *BELOW_MODELS]
ROOMS = ["pipeline/imagery", "pipeline/learning", "pipeline/reports", "pipeline/coverage"]
MAY_INCLUDE = {
    "pipeline/cli": ["pipeline/engine", "pipeline/configure", "pipeline/stages", "pipeline/simulate", *ROOMS, *BELOW_ROOMS],
    "pipeline/engine": ["pipeline/stages", *ROOMS, *BELOW_ROOMS],
    "pipeline/configure": ["pipeline/stages", *ROOMS, *BELOW_ROOMS],
    "pipeline/stages": [*ROOMS, *BELOW_ROOMS],
    "pipeline/simulate": ["pipeline/io", *BELOW_MODELS],
    "pipeline/reports": ["pipeline/learning", "pipeline/io", "models", *BELOW_MODELS],
    "pipeline/imagery": ["pipeline/learning", "pipeline/coverage", *BELOW_ROOMS],
    "pipeline/learning": BELOW_ROOMS,
    "pipeline/io": BELOW_MODELS,
    "pipeline/coverage": ["pipeline/core"],
    "models": BELOW_MODELS,
    "kernels/bench": ["kernels/ops", *BELOW_MODELS],
    "kernels/ops": BELOW_MODELS,
    "pipeline/core": ["kernels/base"],
    "kernels/base": [],
}

# Library -> its headers, and the only layers that may include them.
LIBRARIES = {
    "GDAL": (r"(gdal|ogr|cpl_|vrt)\w*\.h", ["pipeline/io"]),
    "CLI11": (r"CLI/", ["pipeline/cli"]),
    "LibTorch": (r"(torch|ATen|c10|caffe2)/", ["models"]),
    "OpenSSL": (r"openssl/", ["pipeline/core"]),
    "Boost": (r"boost/", ["pipeline/core"]),
    "Eigen": (r"(Eigen|unsupported/Eigen)/", []),  # tests only
    "OpenCV's machine learning": (r"opencv2/ml", ["models"]),
    "CUDA": (r"(cuda|cuda_runtime|cuda_fp16|device_launch_parameters|cub/.*|thrust/.*)(\.h)?$", ["kernels/base", "kernels/ops"]),
}

# The one look up into the tests: under MILLESIME_CUDA_FIBERS literal CUDA kernels run on the CPU.
EXCEPTIONS = {("kernels/base/host_device.h", "tests/support/cuda_fibers.h")}

# Each word is split so that this file does not contain it.
FORBIDDEN_TEXT = {
    "a path of one machine": r"(?<![\w./}])/(?:wo" r"rk|ro" r"ot|ho" r"me/\w+)/",
    "the address of a package registry": r"py" r"pi\.org|python" r"hosted|download\.py" r"torch\.org|/opt/py" r"pi",
}
FORBIDDEN_NAMES = re.compile(r"(utils?|helpers?|managers?|common|misc)\.(h|cpp|cu|cuh|py)$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# A longer file says why in one of its first lines: "Length: ...".
MOST_LINES, FIRST_LINES = 400, 10

CODE = {".h", ".cpp", ".cu", ".cuh"}
PROGRAM = CODE | {".py", ".sh", ".cmake"}
TEXT = CODE | {".md", ".txt", ".cmake", ".json", ".toml", ".py", ".sh", ""}
DEFINITION = re.compile(r"(?:struct|class|union|enum(?: class)?) (?:MILLESIME_\w+ |alignas\(\w+\) )?(\w+)(?: final)?(?: :[^;]*)?\s*\{")


def tracked_files():
    """Every file of the tree, relative to its root: what git knows or would add; without git, what is not a build output."""
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode == 0:
        names = [Path(line) for line in listed.stdout.splitlines()]
    else:
        names = [path.relative_to(SOURCE) for path in SOURCE.rglob("*") if path.is_file()]
        names = [name for name in names if name.parts[0] not in ("build", "out", ".git")]
    return [name for name in names if (SOURCE / name).is_file()]


def layer_of(name):
    for layer in MAY_INCLUDE:
        if str(name).startswith(layer + "/"):
            return layer
    return None


def wrong_includes(name, text):
    """Messages about includes of a file with this name and text that break the rules."""
    layer = layer_of(name)
    if layer is None:
        return [f"{name}: lies in no layer; add its folder to MAY_INCLUDE of {Path(__file__).name}"]
    wrong = []
    for mark, included in INCLUDE.findall(text):
        if (str(name), included) in EXCEPTIONS:
            continue
        target = layer_of(included)
        if target and target != layer and target not in MAY_INCLUDE[layer]:
            wrong.append(f"{name}: {layer} includes {included} of {target}; it may include {MAY_INCLUDE[layer]}")
        if mark == '"' and not target:
            wrong.append(f'{name}: "{included}" is not a path from the root of the tree into a layer')
        for library, (headers, layers) in LIBRARIES.items():
            if re.match(headers, included) and layer not in layers:
                wrong.append(f"{name}: includes <{included}> ({library}), which only {layers} may")
        if name.suffix in (".cu", ".cuh") and re.match(LIBRARIES["LibTorch"][0], included):
            wrong.append(f"{name}: a CUDA source includes <{included}> of LibTorch")
    return wrong


def graph():
    """The include graph as text: of each layer, top to bottom, its files, its lines, and how many includes go to which layer."""
    rows = []
    counts = {layer: [0, 0, {}] for layer in MAY_INCLUDE}
    for name in tracked_files():
        layer = layer_of(name)
        if name.suffix not in CODE or layer is None:
            continue
        text = (SOURCE / name).read_text()
        counts[layer][0] += 1
        counts[layer][1] += text.count("\n")
        for _, included in INCLUDE.findall(text):
            target = layer_of(included)
            if target and target != layer:
                counts[layer][2][target] = counts[layer][2].get(target, 0) + 1
    for layer, (files, lines, targets) in counts.items():
        arrows = ", ".join(f"{target} {n}" for target, n in sorted(targets.items(), key=lambda entry: -entry[1]))
        rows.append(f"{layer:18} {files:4} files {lines:6} lines  -> {arrows or 'nothing'}")
    return "\n".join(rows)


def is_too_long(text):
    lines = text.splitlines()
    return len(lines) > MOST_LINES and not any(re.search(r"\bLength: \w", line) for line in lines[:FIRST_LINES])


# Headers that are precompiled for all of pipeline/ (pipeline/core/CMakeLists.txt), so that no compiler misses them, and what needs each.
PRECOMPILED = {
    "algorithm": r"std::(?:min|max|clamp|sort|find|find_if|copy_n|copy|fill|fill_n|any_of|all_of|none_of)\(|std::ranges::(?!size|begin|end|data)\w+",
    "cmath": r"std::(?:sqrt|pow|exp|log|floor|ceil|round|lround|isnan|hypot)\(",
    "filesystem": r"std::filesystem\b",
    "functional": r"std::function\b",
    "map": r"std::map\b",
    "memory": r"std::(?:unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)\b",
    "optional": r"std::(?:optional|nullopt)\b",
    "set": r"std::set\b",
    "sstream": r"std::[io]?stringstream\b",
    "string": r"std::(?:string|to_string|getline)\b",
    "vector": r"std::vector\b",
    "nlohmann/json.hpp": r"nlohmann::",
}


@functools.cache
def headers_of(name):
    """The headers of other projects that a file includes, itself or by our headers."""
    found = set()
    for kind, header in INCLUDE.findall((SOURCE / name).read_text()):
        if kind == "<":
            found.add(header)
        elif (SOURCE / header).is_file():
            found |= headers_of(header)
    return frozenset(found)


def missing_headers(text, headers):
    code = re.sub(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"', "", text)
    return [header for header, needs in PRECOMPILED.items() if header not in headers and re.search(needs, code)]


class Precompiled(unittest.TestCase):
    """What is precompiled is included all the same: every file compiles without (preset tidy)."""

    def test_files_include_what_they_use(self):
        files = [name for name in tracked_files() if name.suffix in (".h", ".cpp") and name.parts[0] == "pipeline"]
        self.assertGreater(len(files), 100, "the sources were not found")
        missing = [f"{name}: <{header}>" for name in files for header in missing_headers((SOURCE / name).read_text(), headers_of(str(name)))]
        self.assertEqual(missing, [], "\n" + "\n".join(missing))

    def test_it_sees_what_is_used_and_not_what_is_said(self):
        self.assertEqual(missing_headers("std::vector<int> of;  // std::map", frozenset()), ["vector"])
        self.assertEqual(missing_headers('say("std::set"); std::max(a, b);', frozenset({"vector"})), ["algorithm"])


class IncludeGraph(unittest.TestCase):
    def test_layers(self):
        sources = [name for name in tracked_files() if name.suffix in CODE and name.parts[0] in ("pipeline", "kernels", "models")]
        self.assertGreater(len(sources), 10, "the sources were not found")
        wrong = [sentence for name in sources for sentence in wrong_includes(name, (SOURCE / name).read_text())]
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_the_rules_find_what_they_are_for(self):
        for name, text in [
            ("kernels/ops/x.h", '#include "models/base/model_spec.h"'),
            ("pipeline/core/x.h", '#include "pipeline/io/raster_file.h"'),
            ("models/base/x.cpp", '#include "kernels/ops/gap_fill.h"'),
            ("pipeline/stages/x.cpp", "#include <gdal_priv.h>"),
            ("pipeline/stages/x.cpp", "# include <torch/torch.h>"),
            ("pipeline/engine/x.cpp", "#include <CLI/CLI.hpp>"),
            ("models/arch/x.cu", "#include <ATen/ATen.h>"),
            ("pipeline/stages/x.cpp", '#include "stage.h"'),
            ("pipeline/other/x.cpp", ""),
        ]:
            self.assertNotEqual(wrong_includes(Path(name), text), [], f"{name}: {text}")
        self.assertEqual(wrong_includes(Path("pipeline/io/x.cpp"), '#include <gdal.h>\n#include "pipeline/core/grid.h"'), [])


def definitions(text):
    """Types that a file defines in a named namespace, as (name with namespace, line). Clang-format does not indent what is in namespaces."""
    found, inside = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if opened := re.match(r"namespace(?: ([\w:]+))? \{$", line):
            inside.append(opened.group(1) or "")
        elif line.startswith("}  // namespace") and inside:
            inside.pop()
        elif "" not in inside and (named := DEFINITION.match(line)):
            found.append(("::".join([*inside, named.group(1)]), number))
    return found


class OneDefinition(unittest.TestCase):
    """Two types of one name in one namespace link, and then share functions that fit only one of them (undefined behaviour)."""

    def test_every_type_has_a_name_of_its_own(self):
        places = {}
        for name in tracked_files():
            if name.suffix in CODE and name.parts[0] in ("pipeline", "kernels", "models", "tests"):
                for defined, line in definitions((SOURCE / name).read_text()):
                    places.setdefault(defined, []).append(f"{name}:{line}")
        self.assertGreater(len(places), 100, "the types were not found")
        twice = [f"{defined}: {', '.join(where)}" for defined, where in places.items() if len(where) > 1]
        self.assertEqual(twice, [], "\n" + "\n".join(twice))

    def test_it_sees_types_of_named_namespaces_alone(self):
        text = "namespace a {\nstruct X {\n};\nclass F;\nnamespace {\nstruct Y {\n};\n}  // namespace\nenum class Z : int { one };\n}  // namespace a\n"
        self.assertEqual(definitions(text), [("a::X", 2), ("a::Z", 9)])


CONSTANT = re.compile(r"(?:constexpr|const) [^;=({]*?\b(k[A-Z]\w*)\b")
FUNCTION = re.compile(r"(?=\w)(?!return|if|for|while|else)[\w:<>,*&\[\] ]+[ *&](\w+)\((.*?)\)(?: noexcept)? \{")


def local_names(text):
    """What a source defines in anonymous namespaces: types, constants, and functions with the types of their parameters."""
    found, inside = set(), []
    for line in text.splitlines():
        if opened := re.match(r"namespace(?: ([\w:]+))? \{$", line):
            inside.append(opened.group(1) or "")
        elif line.startswith("}  // namespace") and inside:
            inside.pop()
        elif inside and not inside[-1]:
            if named := DEFINITION.match(line) or CONSTANT.match(line):
                found.add(named.group(1))
            elif function := FUNCTION.match(line):
                types = [re.sub(r"(?<=.) \w+$", "", parameter.strip().split(" = ")[0]) for parameter in function.group(2).split(",")]
                found.add(f"{function.group(1)}({', '.join(types)})")
    return found


class Together(unittest.TestCase):
    """Whole builds compile eight sources of a target at a time (MILLESIME_UNITY): what is local to one must differ from what is local to another."""

    def test_local_names_of_a_target_differ(self):
        places = {}
        for name in tracked_files():
            target = layer_of(name) or (name.parent if name.parts[:2] in (("tests", "unit"), ("tests", "e2e")) else None)
            if name.suffix == ".cpp" and target:
                for local in local_names((SOURCE / name).read_text()):
                    places.setdefault((target, local), []).append(str(name))
        self.assertGreater(len(places), 1000, "the names were not found")
        twice = [f"{local}: {', '.join(where)}" for (_, local), where in places.items() if len(where) > 1]
        self.assertEqual(twice, [], "\n" + "\n".join(twice))

    def test_it_sees_what_is_local(self):
        text = "namespace a {\nnamespace {\nconstexpr int kX = 1;\nint f(int n, T t = {}) {\n  return g(n);\n}\n}  // namespace\nint h() {\n}\n}  // namespace a\n"
        self.assertEqual(local_names(text), {"kX", "f(int, T)"})


class Tree(unittest.TestCase):
    def test_text(self):
        wrong = []
        for name in tracked_files():
            if name.suffix not in TEXT:
                continue
            text = (SOURCE / name).read_text(errors="replace")
            for what, pattern in FORBIDDEN_TEXT.items():
                for found in re.finditer(pattern, text):
                    wrong.append(f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {what}: {found.group()}")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_length(self):
        wrong = []
        for name in tracked_files():
            text = (SOURCE / name).read_text() if name.suffix in PROGRAM else ""
            if is_too_long(text):
                wrong.append(f"{name}: {len(text.splitlines())} lines")
        self.assertEqual(wrong, [], f"longer than {MOST_LINES} lines without a reason (\"Length: ...\" in the first {FIRST_LINES} lines):\n"
                         + "\n".join(wrong))

    def test_the_length_needs_a_reason(self):
        short, long = "x\n" * MOST_LINES, "x\n" * (MOST_LINES + 1)
        self.assertFalse(is_too_long(short))
        self.assertTrue(is_too_long(long))
        self.assertFalse(is_too_long("// Length: a table.\n" + long))
        self.assertTrue(is_too_long("x\n" * FIRST_LINES + "// Length: a table.\n" + long))

    def test_names(self):
        wrong = [str(name) for name in tracked_files() if FORBIDDEN_NAMES.search(name.name)]
        self.assertEqual(wrong, [], "a file is named after what it holds, not after its use: " + ", ".join(wrong))


if __name__ == "__main__":
    if "--graph" in sys.argv:
        print(graph())
        sys.exit()
    unittest.main(argv=[sys.argv[0], "-v"])
