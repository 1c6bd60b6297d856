"""What the program tells of itself to programs and shells, and what becomes of output that cannot be written.

`millesime --json-usage` is the source: help, completion and the options that messages advise are held against it.
"""
import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MILLESIME_SOURCE"])
BINARY = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])


def run(arguments, **more):
    return subprocess.run([BINARY, *map(str, arguments)], text=True, stdin=subprocess.DEVNULL,
                          **{"capture_output": True, "cwd": FOLDER, **more})


def setUpModule():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    result = run(["simulate", "-o", "world", "--tiles", 1, "--size", 64, "--dates", 6, "--polygons", 3, "--plain", "--quiet"])
    assert result.returncode == 0, result.stderr


def usage():
    result = run(["--json-usage"])
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


class Usage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.usage = usage()
        cls.commands = {entry["command"]: entry for entry in cls.usage["commands"]}

    def flags(self, command):
        return {option["flag"] for option in self.commands[command]["options"] if option["flag"]}

    def test_every_command_with_all_that_its_help_shows(self):
        for name, entry in self.commands.items():
            with self.subTest(command=name):
                text = run([*name.split(), "--help"]).stdout.split("Examples:")[0]
                shown = set(re.findall(r"(?:^|\s|,)(--[a-z][\w-]*)", "\n".join(
                    line for line in text.splitlines() if re.match(r"\s+-", line)).replace(",", " "))) - {"--help"}
                self.assertEqual({flag for flag in shown if flag in self.flags(name)}, self.flags(name))
                for option in entry["options"]:
                    self.assertTrue(option["help"] and option["type"], option)
                self.assertTrue(entry["examples"])

    def test_options_have_type_default_unit_range_choices(self):
        keys = {option["key"]: option for option in self.usage["configuration"]}
        step = keys["time.step_days"]
        self.assertEqual((step["type"], step["default"], step["unit"], step["min"], step["max"]), ("integer", 10, "days", 1, 366))
        self.assertEqual(keys["time.start"]["type"], "date")
        self.assertEqual(keys["fuse.method"]["choices"], ["majority", "dempster-shafer"])
        self.assertTrue(keys["year"]["required"])
        self.assertIsNone(keys["year"]["default"])
        self.assertEqual(keys["source.bands"]["default"], [])
        run_options = {option["key"]: option for option in self.commands["run"]["options"]}
        self.assertEqual(run_options["to"]["names"], "stage")
        self.assertTrue(run_options["set"]["repeated"])
        self.assertIsNone(run_options["config"]["flag"])

    def test_stages_architectures_indices_sensors_nomenclatures(self):
        stages = self.usage["stages"]
        self.assertEqual([stage["name"] for stage in stages][0], "catalog")
        keys = [option["key"] for option in self.usage["configuration"]]
        for stage in stages:
            with self.subTest(stage=stage["name"]):
                self.assertTrue(stage["summary"] and stage["reads"] and stage["writes"] and stage["example"])
                for key in stage["options"]:
                    self.assertTrue(any(known == key or known.startswith(key + ".") for known in keys), key)
        ltae = next(entry for entry in self.usage["architectures"] if entry["name"] == "ltae")
        self.assertEqual(ltae["parameters"]["d_model"], 256)
        self.assertTrue(any("Garnot" in paper for paper in ltae["papers"]))
        self.assertIn("NDVI", [entry["name"] for entry in self.usage["indices"]])
        self.assertIn("B8A", next(entry for entry in self.usage["sensors"] if entry["name"] == "sentinel2_theia")["bands"])
        oso = next(entry for entry in self.usage["nomenclatures"] if entry["name"] == "oso23")
        self.assertEqual((len(oso["classes"]), oso["converts_to"]), (23, ["oso17"]))

    def test_only_what_computes_on_a_device_takes_one(self):
        for command in ("catalog", "status", "submit", "config show", "nomenclature show", "model list", "samples info", "simulate",
                        "publish", "validate", "mosaic"):
            self.assertNotIn("--device", self.flags(command), command)
        for command in ("run", "train", "classify", "samples extract", "stack", "regularise"):
            self.assertLessEqual({"--device", "--threads", "--memory", "--quiet"}, self.flags(command), command)
        refused = run(["catalog", "world/l2a", "--device", "cpu"])
        self.assertEqual(refused.returncode, 2)
        told = run(["catalog", "world/l2a"])
        self.assertEqual(run(["catalog", "--root", "world/l2a"]).stdout, told.stdout)  # what stands without a flag may have one
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertNotRegex(told.stderr, "(?i)cuda|device")


class Mistakes(unittest.TestCase):
    def refusal(self, *words):
        result = run(words)
        self.assertEqual((result.returncode, result.stdout), (2, ""), words)
        return result.stderr

    def test_misspelt_words(self):
        for words, meant in ((["classfy"], "classify"), (["config", "shwo"], "show"), (["samples", "extrct", "c.toml"], "extract"),
                             (["run", "world/config.toml", "--tile", "T31TCJ"], "--tiles")):
            self.assertIn(f"did you mean {meant}?", self.refusal(*words), words)

    def test_a_plan_of_one_unit(self):
        plan = run(["run", "world/config.toml", "--dry-run", "--json", "--unit", "footprint/T31TCJ"])
        self.assertEqual([entry["unit"] for entry in json.loads(plan.stdout)], ["footprint/T31TCJ"], plan.stderr)
        self.assertIn("there is no such unit", self.refusal("run", "world/config.toml", "--dry-run", "--unit", "catalog/nothing"))


class Plans(unittest.TestCase):
    def test_scripts_of_a_cluster_as_json(self):
        stages = json.loads(run(["submit", "world/config.toml", "--dry-run", "--json"]).stdout)
        self.assertEqual(stages[0]["stage"], "catalog")
        self.assertTrue(stages[0]["jobs"][0]["script"].startswith("#!"))

    def test_files_are_opened_before_the_first_unit(self):
        for setting in ("tiles.exclude=lakes.gpkg", "vectorise.zones=zones.gpkg"):
            result = run(["run", "world/config.toml", "--set", setting, "--set", "vectorise.enabled=true", "--set", "vectorise.zones_field=code",
                          "--to", "vectorise"])
            self.assertEqual(result.returncode, 2, setting)
            self.assertIn("cannot be", result.stderr, setting)
            self.assertNotIn("done in", result.stderr, setting)


class Completion(unittest.TestCase):
    def script(self, shell):
        file = FOLDER / f"millesime.{shell}"
        result = run(["completion", shell])
        self.assertEqual(result.returncode, 0, result.stderr)
        file.write_text(result.stdout)
        return file

    def bash(self, line):
        """What a real bash offers for a line that ends at the cursor."""
        words = re.findall(r"=|[^\s=]+", line) + ([""] if line.endswith((" ", "=")) else [])
        array = " ".join(f"'{word}'" for word in words)
        code = f"source millesime.bash; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _millesime; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        result = subprocess.run(["bash", "--norc", "-c", code], cwd=FOLDER, capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""), line)
        return result.stdout.split()

    def test_bash(self):
        self.script("bash")
        self.assertIn("classify", self.bash("millesime "))
        self.assertEqual(self.bash("millesime cla"), ["classify"])
        self.assertEqual(self.bash("millesime samples ex"), ["extract", "export"])
        self.assertIn("--samples", self.bash("millesime train --"))
        self.assertEqual(self.bash("millesime train --mod"), ["--model"])
        self.assertIn("ltae", self.bash("millesime train --model "))
        self.assertEqual(self.bash("millesime run world/config.toml --to cl"), ["classify"])
        self.assertEqual(self.bash("millesime run wor"), ["world"])
        self.assertEqual(self.bash("millesime run world/config.toml --set time.st"), ["time.step_days=", "time.start="])
        self.assertEqual(self.bash("millesime run world/config.toml --set time.step_days="), [])
        self.assertEqual(self.bash("millesime nomenclature show oso2"), ["oso23"])
        self.assertEqual(self.bash("millesime fuse --method d"), ["dempster-shafer"])
        self.assertEqual(self.bash("millesime fuse --classification a.tif wor"), ["world"], "a list takes several files")
        self.assertEqual(self.bash("millesime completion z"), ["zsh"])

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        file = self.script("fish")
        def offered(line):
            code = f"source {file}; complete -C '{line}'"
            result = subprocess.run(["fish", "--no-config", "-c", code], cwd=FOLDER, capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""), line)
            return [entry.split("\t")[0] for entry in result.stdout.splitlines()]
        subprocess.run(["fish", "-n", file], check=True)
        self.assertEqual(offered("millesime cla"), ["classify"])
        self.assertEqual(sorted(offered("millesime samples ex")), ["export", "extract"])
        self.assertEqual(offered("millesime run --to cl"), ["classify"])
        self.assertIn("ltae", offered("millesime train --model "))
        self.assertEqual(offered("millesime train --mod"), ["--model"])
        self.assertEqual(offered("millesime run wor"), ["world/"])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        file = self.script("zsh")
        subprocess.run(["zsh", "-n", file], check=True)
        def specifications(*words):
            """What zsh's own _arguments or _describe would be asked to offer."""
            code = ("compdef() { :; }; _arguments() { print -rl -- \"$@\"; }; _describe() { print -rl -- \"${(@P)2}\"; }; "
                    f"source {file}; words=({' '.join(words)} ''); CURRENT={len(words) + 1}; _millesime")
            result = subprocess.run(["zsh", "-f", "-c", code], cwd=FOLDER, capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""), words)
            return result.stdout.splitlines()
        self.assertIn("classify:Map one tile with a trained model", specifications("millesime"))
        self.assertTrue(any(line.startswith("extract:") for line in specifications("millesime", "samples")))
        run_specifications = specifications("millesime", "run")
        self.assertTrue(any(line.startswith("--to[last stage to run]:to:(catalog ") for line in run_specifications), run_specifications)
        self.assertIn("1:config:_files", run_specifications)
        self.assertTrue(any(line.startswith("--samples[") and ":*-*:" in line for line in specifications("millesime", "train")))


class Output(unittest.TestCase):
    """Results that nobody can read are no success."""

    COMMANDS = [
        ["--version"], ["--help"], ["--json-usage"], ["run", "--help"],
        ["catalog", "world/l2a"], ["catalog", "world/l2a", "--json", "--quiet"],
        ["config", "show", "world/config.toml"], ["config", "show", "world/config.toml", "--json"],
        ["config", "reference"], ["config", "commands"], ["nomenclature", "show", "oso23"], ["nomenclature", "show", "oso23", "--json"],
        ["model", "list"], ["completion", "bash"], ["status", "world/config.toml"], ["status", "world/config.toml", "--json"],
        ["run", "world/config.toml", "--dry-run"], ["submit", "world/config.toml", "--dry-run"],
    ]

    def expect_refusal(self, result, command):
        self.assertEqual(result.returncode, 2, command)
        self.assertIn("standard output cannot be written", result.stderr, command)

    def test_a_full_device(self):
        with open("/dev/full", "w") as full:
            for command in self.COMMANDS:
                with self.subTest(command=" ".join(command)):
                    result = run(command, capture_output=False, stdout=full, stderr=subprocess.PIPE)
                    self.expect_refusal(result, command)
                    self.assertIn("No space left", result.stderr)

    def test_closed(self):
        for command in self.COMMANDS:
            with self.subTest(command=" ".join(command)):
                self.expect_refusal(run(command, capture_output=False, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1)), command)

    def test_files_are_whole_without_standard_streams(self):
        def close_all():
            for stream in (0, 1, 2):
                os.close(stream)
        command = ["run", "world/config.toml", "--to", "catalog", "--quiet", "--out"]
        self.assertEqual(run([*command, "closed"], capture_output=False, preexec_fn=close_all).returncode, 0)
        self.assertEqual(run([*command, "open"]).returncode, 0)
        census = [next(path for path in (FOLDER / out).rglob("T*.json") if path.parent.name == "catalog" and "manifest" not in path.name) for out in ("closed", "open")]
        self.assertEqual(json.loads(census[0].read_text()), json.loads(census[1].read_text()))


class Surroundings(unittest.TestCase):
    """The same command from another folder, without progress, with what it needs and no more."""

    def test_a_tile_is_found_by_its_name_from_inside_the_folder(self):
        samples = run(["samples", "extract", "world/config.toml", "-o", "all.safetensors", "--quiet"])
        self.assertEqual((samples.returncode, samples.stderr), (0, ""))
        run(["train", "--samples", "all.safetensors", "--model", "random_forest", "--set", "train.trees=5", "-o", "forest.safetensors", "--quiet"])
        tile = next((FOLDER / "world/l2a").iterdir())
        climate = f"climate={FOLDER / 'world/climate.tif'}"
        maps = {}
        for name, place, folder in (("whole", tile, FOLDER), ("name", tile.name, tile.parent), ("here", ".", tile)):
            result = run(["classify", "--model", FOLDER / "forest.safetensors", "--tile", place, "--exogenous", climate, "-o", FOLDER / f"map_{name}",
                          "--quiet"], cwd=folder)
            self.assertEqual(result.returncode, 0, result.stderr)
            maps[name] = (FOLDER / f"map_{name}/classification.tif").read_bytes()
        self.assertEqual(maps["name"], maps["whole"])
        self.assertEqual(maps["here"], maps["whole"])

    def test_a_file_that_is_read_is_not_replaced(self):
        table = FOLDER / "series, of 2021 .csv"  # commas and blanks belong to a name
        table.write_text("label,B4_20210105,B8_20210105\n" + "".join(f"{1 + i % 2},{100 + i},{200 + 3 * i}\n" for i in range(40)))
        result = run(["samples", "import", table, "-o", FOLDER / "." / table.name])
        self.assertEqual(result.returncode, 2)
        self.assertIn("is read, too (table)", result.stderr)
        self.assertTrue(table.read_text().startswith("label,"))
        trained = run(["train", "--samples", table, "--model", "random_forest", "-o", FOLDER / "m.safetensors", "--set", "train.trees=2"])
        self.assertEqual(trained.returncode, 0, trained.stderr)

    def test_quiet_prints_nothing_but_warnings_and_errors(self):
        result = run(["run", "world/config.toml", "--to", "catalog", "--out", "quiet", "--quiet"])
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        result = run(["run", "world/config.toml", "--to", "catalog", "--out", "loud"])
        self.assertIn("catalog/", result.stderr)

    def test_what_needs_no_reference_asks_for_none(self):
        text = re.sub(r"^\[reference\]\n(?:(?!\[).*\n)*", "", (FOLDER / "world/config.toml").read_text(), flags=re.MULTILINE)
        self.assertNotIn("reference", text)
        config = FOLDER / "world/without.toml"
        config.write_text(text)
        stages = [stage["name"] for stage in usage()["stages"]]
        before = stages[stages.index("sample") - 1]
        self.assertEqual(run(["config", "show", config]).returncode, 0)
        result = run(["run", config, "--to", before, "--out", "without"])
        self.assertEqual(result.returncode, 0, result.stderr)
        result = run(["stack", config, "-o", "cube", "--quiet"])
        self.assertEqual(result.returncode, 0, result.stderr)
        states = run(["status", config, "--out", "without"])
        self.assertEqual(states.returncode, 0, states.stderr)
        self.assertRegex(states.stdout, rf"done +{before}/")
        self.assertRegex(states.stdout, r"unknown +sample +.*reference\.path")
        refused = run(["run", config, "--out", "refused"])
        self.assertEqual(refused.returncode, 2)
        self.assertIn("reference.path", refused.stderr)
        self.assertFalse((FOLDER / "refused").exists(), "said before anything runs")

    def test_the_plan_says_what_stages_read_and_write_and_reasons_are_short(self):
        plan = run(["run", "world/config.toml", "--dry-run"]).stdout
        for stage in usage()["stages"]:
            self.assertIn(f"{stage['name']}: {stage['summary']}\n    reads {stage['reads']}\n    writes {stage['writes']}\n", plan)


def literals(path):
    """The texts of a source file: string literals, with neighbours joined, without comments."""
    code = re.sub(r"^\s*//.*$|(?<=[;{}),])\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    joined = re.sub(r'(?<!\\)"\s*\n\s*"', "", code)
    return re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined)


class Advice(unittest.TestCase):
    """Options that messages, help and advice name exist: flags with the command that they are advised for, keys of the configuration."""

    # Files whose texts are the command lines of other programs, or style sheets.
    OTHERS = re.compile(r"/(slurm|html|charts|style)\.cpp$|\.cu$")
    ENDINGS = {"safetensors", "csv", "tif", "toml", "json", "html", "pt", "gpkg", "vrt", "shp"}

    def test_options_in_messages_exist(self):
        told = usage()
        commands = {entry["command"]: {option["flag"] for option in entry["options"]} for entry in told["commands"]}
        known = set().union(*commands.values()) | {"--help", "--version", "--json-usage"}
        others = {"--constraint", "--nv", "--cuda", "--save"}  # of sbatch, apptainer, scripts/setup and stac-client
        keys = {option["key"] for option in told["configuration"]}
        sections = {key.rsplit(".", 1)[0] for key in keys if "." in key}
        files = [path for folder in ("pipeline", "models", "kernels") for path in sorted((SOURCE / folder).rglob("*.[ch]*"))]
        seen = 0
        for path in files:
            if self.OTHERS.search(str(path)):
                continue
            for text in literals(path):
                for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text):
                    seen += 1
                    with self.subTest(file=path.name, text=text):
                        self.assertIn(flag, known | others)
                        command = re.match(r"(?:millesime )?([a-z]+(?: [a-z]+)?) --", text)
                        if command and command[1] in commands:
                            self.assertIn(flag, commands[command[1]] | others)
                for section, name in re.findall(r"(?<![\w./-])([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)(?![\w/(])", text):
                    if section in sections and name not in self.ENDINGS:
                        with self.subTest(file=path.name, text=text):
                            self.assertTrue(f"{section}.{name}" in keys or f"{section}.{name}" in sections, f"no key {section}.{name}")
        self.assertGreater(seen, 60, "hardly any option is named: is the test still looking at the right places?")


if __name__ == "__main__":
    unittest.main()
