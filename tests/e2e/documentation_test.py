"""The documentation is correct: every command in it runs, every option in an example exists, the reference is printed by the program.

Code blocks are run line by line, in the order of the page, in a folder that holds the files of a reader: a simulated production
(france-2021.toml), a table of samples (table.csv), the study of models/STUDY.md. A block without a language or with `sh` holds commands.
"""
import functools
import json
import math
import os
import random
import re
import shlex
import struct
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MILLESIME_SOURCE"])
BINARY = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])

REFERENCE = SOURCE / "configs/REFERENCE.md"
IOTA2 = SOURCE / "configs/IOTA2.md"
COMMANDS = SOURCE / "pipeline/cli/COMMANDS.md"
STAGES = SOURCE / "pipeline/stages/pages"
STUDY = SOURCE / "models/STUDY.md"
# Pages for users stay short: they say what to do, other pages what was measured and why.
MOST_LINES = {"README.md": 130, "models/README.md": 160, "kernels/README.md": 120, "CONTRIBUTING.md": 80}
PAGES = sorted(path for path in [*SOURCE.glob("*.md"), *SOURCE.glob("[a-z]*/**/*.md")]
               if path.relative_to(SOURCE).parts[0] not in ("build", "out") and path not in (REFERENCE, IOTA2, COMMANDS))


def run(arguments, **more):
    return subprocess.run(arguments, cwd=FOLDER, capture_output=True, text=True, **more)


def millesime(*arguments):
    result = run([BINARY, *map(str, arguments)])
    if result.returncode != 0:
        raise AssertionError(f"millesime {shlex.join(map(str, arguments))}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


@functools.cache
def help_of(*commands):
    return millesime(*commands, "--help")


def subcommands(help_text):
    block = re.search(r"^Subcommands:\n((?:  .*\n?)+)", help_text, re.MULTILINE)
    return re.findall(r"^  (\w+) ", block[1], re.MULTILINE) if block else []


def every_command():
    """("run",), ("samples", "import"), ...: the words of each command, and its help."""
    for name in subcommands(help_of()):
        text = help_of(name)
        children = subcommands(text)
        for child in children:
            yield (name, child), help_of(name, child)
        if not children:
            yield (name,), text


def command_lines(page):
    """The commands in the code blocks of a page, without their comments."""
    lines = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        if language in ("", "sh", "bash", "console"):
            lines += [line for line in (re.sub(r"\s+#.*", "", line).strip() for line in block.replace("\\\n", " ").splitlines()) if line]
    return lines


def make_readers_folder():
    """A small production, its samples and tables, under the names that the pages use."""
    subprocess.run(["rm", "-rf", FOLDER], check=True)
    FOLDER.mkdir(parents=True)
    millesime("simulate", "-o", "world", "--tiles", 1, "--size", 96, "--dates", 8, "--polygons", 4, "--plain", "--quiet")
    tile = next((FOLDER / "world/l2a").iterdir())
    text = (FOLDER / "world/config.toml").read_text().replace('"l2a"', '"world/l2a"')
    text = re.sub(r'"((?:reference|regions|climate)\.\w+)"', r'"world/\1"', text)
    # The pages speak of T31TCJ.
    for path in sorted(FOLDER.rglob(f"*{tile.name}*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.replace(tile.name, "T31TCJ")))
    (FOLDER / "france-2021.toml").write_text(text.replace(tile.name, "T31TCJ") + '\n[train]\nepochs = 2\neffort = "quick"\n')
    for year in range(2018, 2022):  # maps of several years
        (FOLDER / f"OCS_{year}.tif").write_bytes(next((FOLDER / "world/truth").glob("*.tif")).read_bytes())
    corners = [[-5, 41], [10, 41], [10, 52], [-5, 52], [-5, 41]]
    department = {"type": "Feature", "properties": {"code": "31"}, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    (FOLDER / "departments.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [department]}))
    (FOLDER / "mysite.toml").write_text((SOURCE / "configs/sites/example.toml").read_text())
    # A table of three classes: what a page trains on it takes seconds.
    millesime("samples", "extract", "france-2021.toml", "-o", "all.safetensors", "--quiet")
    millesime("samples", "export", "all.safetensors", "-o", "all.csv")
    header, *rows = (FOLDER / "all.csv").read_text().splitlines(keepends=True)
    classes = sorted({row.split(",")[0] for row in rows})[:3]
    make_study(text.replace(tile.name, "T31TCJ"))
    # Climate in whole numbers: a static column with a value of its own for each row would have to be named in --static.
    rounded = [place for place, name in enumerate(header.rstrip().split(",")) if name.startswith("climate")]
    table = [row.rstrip("\n").split(",") for row in rows if row.split(",")[0] in classes]
    for row in table:
        for place in rounded:
            row[place] = str(round(float(row[place])))
    (FOLDER / "table.csv").write_text(header + "".join(",".join(row) + "\n" for row in table))


def make_study(production):
    """The input of the study: the configuration files of its page, polygons of five classes, a table of another sensor."""
    for block in re.findall(r"^```toml\n(.*?)^```", STUDY.read_text(), re.MULTILINE | re.DOTALL):
        name = re.match(r"# (\S+\.toml)", block)
        if name:
            (FOLDER / name[1]).write_text(block)
    (FOLDER / "l2a").symlink_to("world/l2a")
    # The reference polygons of the world, with one of five classes as the field "kind".
    for part in ("shp", "shx", "prj"):
        (FOLDER / f"fields.{part}").write_bytes((FOLDER / f"world/reference.{part}").read_bytes())
    table = bytearray((FOLDER / "world/reference.dbf").read_bytes())
    rows, start, width = struct.unpack("<IHH", table[4:12])
    place = 1  # after the mark of deletion
    for at in range(32, start - 1, 32):
        if table[at:at + 4] == b"CODE":
            break
        place += table[at + 16]
    length = table[at + 16]
    table[at:at + 11] = b"kind".ljust(11, b"\0")
    for row in range(rows):
        first = start + row * width + place
        code = int(table[first:first + length])
        kind = next(kind for kind, last in enumerate((4, 12, 15, 19, 23), 1) if code <= last)
        table[first:first + length] = str(kind).rjust(length).encode()
    (FOLDER / "fields.dbf").write_bytes(table)
    # NDVI of a coarse sensor, every 16 days, some of it cloudy.
    chance = random.Random(1)
    days = [f"2021{1 + d // 2:02}{5 + 16 * (d % 2):02}" for d in range(24)]
    lines = ["label,group," + ",".join(f"NDVI_{day}" for day in days)]
    for i in range(120):
        label = 1 + i % 4
        values = [0.2 + 0.6 * math.exp(-((d - 4 * label) / 4) ** 2) + chance.gauss(0, 0.05) for d in range(24)]
        lines.append(f"{label},field {i // 8 * 4 + i % 4}," + ",".join("" if chance.random() < 0.2 else f"{v:.4f}" for v in values))
    (FOLDER / "modis.csv").write_text("\n".join(lines) + "\n")


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_readers_folder()

    def test_the_reference_is_what_the_program_prints(self):
        self.assertEqual(REFERENCE.read_text(), millesime("config", "reference"),
                         "configs/REFERENCE.md is out of date: millesime config reference > configs/REFERENCE.md")
        self.assertEqual(IOTA2.read_text(), millesime("config", "iota2"),
                         "configs/IOTA2.md is out of date: millesime config iota2 > configs/IOTA2.md")

    def test_the_page_of_commands_is_what_the_program_prints(self):
        self.assertEqual(COMMANDS.read_text(), millesime("config", "commands"),
                         "pipeline/cli/COMMANDS.md is out of date: millesime config commands > pipeline/cli/COMMANDS.md")

    def test_a_page_a_stage_is_what_the_program_writes(self):
        millesime("config", "pages", "-o", "pages")
        written = {path.name: path.read_text() for path in (FOLDER / "pages").iterdir()}
        kept = {path.name: path.read_text() for path in STAGES.iterdir()}
        self.assertGreaterEqual(len(written), 10)
        self.assertEqual(kept, written, "pipeline/stages/pages is out of date: millesime config pages -o pipeline/stages/pages")

    def test_commands_of_the_pages_run(self):
        ran = 0
        for page in PAGES:
            for line in command_lines(page):
                # What an epoch more learns is tested elsewhere: here the command is what counts.
                words = shlex.split(re.sub(r"train\.epochs=\d+", "train.epochs=3", line))
                if words[1:2] == ["train"] and "train.epochs" not in line:
                    words += ["--set", "train.epochs=3"]
                if words[0].endswith("millesime"):
                    with self.subTest(page=page.name, line=line):
                        # There is no cluster: the scripts are only printed.
                        millesime(*words[1:], *(["--dry-run"] if words[1] == "submit" else []))
                        ran += 1
        for product in ("study.html", "best.html", "map/classification.tif", "map/regularised.tif", "vectors/departement_31.gpkg", "departments.csv", "modis.html",
                        "out/2021-06/OCS_2021-06.tif", "season.html", "years/change_year.tif"):
            self.assertTrue((FOLDER / product).exists(), product)
        self.assertIn("Annual crops", (FOLDER / "best.html").read_text())
        self.assertGreaterEqual(ran, 25, "commands are missing: does the test still find the code blocks of all pages?")

    def test_pages_for_users_stay_short(self):
        for page, most in MOST_LINES.items():
            with self.subTest(page=page):
                self.assertLess(len((SOURCE / page).read_text().splitlines()), most)

    def test_scripts_of_the_pages_exist_with_their_options(self):
        for page in PAGES:
            for script, options in re.findall(r"(scripts/(?!container\b)[a-z-]+)\b(?!\.|/)((?:[ ]+\[?--[a-z-]+\]?)*)", page.read_text()):
                with self.subTest(page=page.name, script=script):
                    result = run([SOURCE / script, "--help"])
                    self.assertEqual(result.returncode, 0, result.stderr)
                    for option in re.findall(r"--[a-z-]+", options):
                        self.assertIn(option, result.stdout)

    def test_presets_of_the_pages_exist(self):
        presets = (SOURCE / "CMakePresets.json").read_text()
        for page in PAGES:
            for name in re.findall(r"cmake --preset (\w+)", page.read_text()):
                with self.subTest(page=page.name, preset=name):
                    self.assertIn(f'"name": "{name}"', presets)

    def test_configurations_to_copy_are_understood(self):
        files = sorted((SOURCE / "configs/pipelines").glob("*.toml"))
        self.assertTrue(files)
        for file in files:
            with self.subTest(file=file.name):
                self.assertIn(file.name, millesime("config", "show", file))

    def test_commands_in_sentences_exist(self):
        names = {" ".join(words) for words, _ in every_command()} | set(subcommands(help_of()))
        for page in PAGES:
            for words in re.findall(r"`millesime ((?:[a-z]+)(?: [a-z]+)?)", page.read_text()):
                with self.subTest(page=page.name, words=words):
                    self.assertTrue(words in names or words.split()[0] in names, f"millesime {words} is no command")

    def test_links_between_pages_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
                if not re.match(r"[a-z]+:", target):
                    with self.subTest(page=page.name, target=target):
                        self.assertTrue((page.parent / target).exists())

    def test_examples_of_the_help_name_options_that_exist(self):
        for words, text in every_command():
            with self.subTest(command=" ".join(words)):
                self.assertIn("Examples:", text)
                options = set(re.findall(r"(?<![\w-])-{1,2}[a-zA-Z][\w-]*", text.split("Examples:")[0]))
                for example in text.split("Examples:")[1].strip().splitlines():
                    self.assertTrue(example.strip().startswith("millesime " + " ".join(words)), example)
                    for option in re.findall(r"\s(-{1,2}[a-zA-Z][\w-]*)", example):
                        self.assertIn(option, options, example)


if __name__ == "__main__":
    unittest.main()
