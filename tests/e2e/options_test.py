"""A result that could depend on an option is made again when the option changes: every option of the configuration, one by one.

FIRST says, for every option, the first stage that has to run again. Who adds an option adds a line; whoever forgets the option in a unit's
config_keys (pipeline/stages/stage.h) learns it here.
"""
import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MILLESIME_SOURCE"])
BINARY = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
FIXED = ["--set", "model.name=random_forest", "--set", "train.trees=3", "--set", "regularise.enabled=true", "--set", "vectorise.enabled=true"]

# Option or section (the longest that fits counts): stage, "" where no result depends on it, "all" where it makes another production.
FIRST = {
    "year": "all", "output": "all", "nomenclature": "validate",  # only colours differ: classes and names are the same
    "device": "", "threads": "", "memory": "",
    "source": "catalog", "source.root": "", "source.resampling": "sample",
    "tiles.names": "sample",  # whose polygon it is
    "tiles.area": "classify", "tiles.exclude": "classify",
    "period": "catalog", "period.until": "all", "period.name": "all", "time": "train",
    "reference": "sample", "reference.path": "sample", "sample": "sample",
    "regions": "sample", "regions.blend_m": "classify",
    "regions.without_samples": "publish",  # every region of this world has samples
    "model": "train", "train": "train",
    "classify": "classify", "classify.batch": "",
    "fuse": "fuse", "mosaic": "mosaic", "mosaic.sheet_px": "publish",  # the map is smaller than a sheet
    "regularise": "regularise", "regularise.enabled": "vectorise",
    "vectorise": "vectorise", "vectorise.enabled": "publish",  # the report names every option
    "publish": "publish", "publish.language": "validate",  # which names the classes in RESULTS.txt
}
# Values that cannot be made up. {w}: the world's folder.
VALUES = {
    "year": "2020", "output": "{w}/elsewhere", "nomenclature": "{w}/other.json", "device": "cpu", "memory": "3GiB",
    "source.root": "{w}/copy", "source.sensor": "{w}/other.toml", "source.variant": "SRE", "source.invalid": "CLM=1", "time.own_dates": "sentinel2", "source.bands": "B2,B3,B4,B8,B8A",
    "tiles.names": "{tile}", "tiles.area": "-20,30,20,60", "tiles.exclude": "1,2,3,4", "time.start": "2021-02-01", "time.end": "2021-11-30", "time.dates": "2021-02-15,2021-06-01",
    "period.start": "2021-02-01", "period.end": "2021-11-30", "period.until": "2021-06-30", "period.name": "season",
    "reference.path": "{w}/other.shp", "reference.layer": "reference", "reference.class_field": "NAME",
    "sample.select_by_class": "31=5", "train.select_by_class": "31=5", "train.oversample_by_class": "31=50",
    "regions.path": "{w}/other.gpkg", "regions.layer": "regions", "regions.field": "name",
    "model.name": "mlp", "model.indices": "NDVI", "model.sources": "sentinel2", "model.parameters": "trees=4",
    "regularise.min_area": "0.2 ha", "regularise.keep": "4",
    "vectorise.formats": "fgb", "vectorise.zones": "{w}/other.gpkg", "vectorise.zones_layer": "regions", "vectorise.zones_field": "name",
    "mosaic.crs": "EPSG:3035", "publish.title": "Another title", "publish.licence": "CC-BY-4.0",
}
SKIPPED = {
    "model.path": "a trained model instead of training: other units, not other results of the same ones",
    "sample.select_number": "an error with select = all; part of [sample], as select is",
    "time.axis": "thermal is an error without a source of temperature; part of [time], as base_degrees is",
    "train.select_number": "an error with select = all; part of [train], as select is",
}


def millesime(*arguments, check=True):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, cwd=FOLDER)
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stderr}")
    return done


def first_stage(key):
    best = max((k for k in FIRST if key == k or key.startswith(k + ".")), key=len, default=None)
    return None if best is None else FIRST[best]


class Options(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        cls.w = FOLDER / "w"
        millesime("simulate", "-o", cls.w, "--tiles", 2, "--size", 64, "--dates", 8, "--seed", 5, "--quiet")
        cls.config = cls.w / "config.toml"
        zones = ["--set", f"vectorise.zones={cls.w}/regions.gpkg", "--set", "vectorise.zones_field=region"]
        cls.fixed = [*FIXED, *zones, "--set", "reference.seeds=2"]
        millesime("run", cls.config, *cls.fixed, "--quiet")
        cls.make_other_files()
        cls.options = json.loads(millesime("config", "show", cls.config, "--json", *cls.fixed).stdout)

    @classmethod
    def make_other_files(cls):
        w = cls.w
        cls.tile = sorted(p.name for p in (w / "l2a").iterdir())[0]
        (w / "copy").symlink_to(w / "l2a")
        for f in w.glob("reference.*"):
            shutil.copy2(f, w / ("other" + f.suffix))
        dbf = bytearray((w / "other.dbf").read_bytes())
        dbf[1] = 1 if dbf[1] != 1 else 2  # year of the last change in the header: other bytes, the same polygons
        (w / "other.dbf").write_bytes(dbf)
        shutil.copy2(w / "regions.gpkg", w / "other.gpkg")
        with open(w / "other.gpkg", "ab") as f:
            f.write(b"\0")
        classes = json.loads(millesime("nomenclature", "show", "oso23", "--json").stdout)
        classes["classes"][0]["color"] = "#123456"
        (w / "other.json").write_text(json.dumps(classes))
        shutil.copy2(json.loads(millesime("sensors", "show", "sentinel2_theia", "--json").stdout)["file"], w / "other.toml")

    def another_value(self, option):
        key, value, allowed = option["key"], option["value"], option["range"]
        if key in VALUES:
            return [VALUES[key].format(w=self.w, tile=self.tile)]
        if value in ("true", "false"):
            return ["false" if value == "true" else "true"]
        if "," in allowed:
            return [c for c in allowed.split(", ") if f'"{c}"' != value]
        try:
            number = float(value)
        except ValueError:
            return ["another"]
        integer = "." not in value and "e" not in value
        tries = [number + 1, number * 2, number / 2, number - 1, number + 0.1, number + 100]
        return [str(int(t)) if integer else str(t) for t in tries if not integer or t == int(t)] + [str(t) for t in tries]

    def plan(self, *more):
        done = millesime("run", self.config, *self.fixed, "--dry-run", "--json", *more, check=False)
        return (json.loads(done.stdout), "") if done.returncode == 0 else (None, done.stderr)

    def test_nothing_runs_again_when_nothing_changed(self):
        self.assertEqual([u for u in self.plan()[0] if u["state"] != "up to date"], [])

    def test_an_edition_takes_what_another_made_of_the_same_images(self):
        events = lambda: [json.loads(line) for line in millesime(
            "run", self.config, *self.fixed, "--until", "2021-12-30", "--to", "fuse", "--json").stdout.splitlines()]
        first = events()
        stages = lambda kind, of: {event["unit"].split("/")[0] for event in of if event["event"] == kind}
        self.assertEqual(stages("done", first), {"catalog"})
        self.assertEqual(stages("taken", first), {"footprint", "sample", "train", "classify", "fuse"})
        self.assertEqual({event["edition"] for event in first if event["event"] == "taken"}, {"2021"})
        again = events()
        self.assertEqual(stages("done", again) | stages("taken", again), set())

    def test_every_option(self):
        order = []
        for unit in self.plan()[0]:
            if unit["stage"] not in order:
                order.append(unit["stage"])
        for option in self.options:
            key = option["key"]
            with self.subTest(key):
                expected = first_stage(key)
                self.assertIsNotNone(expected, f"{key} is new: say in FIRST which stage depends on it")
                if key in SKIPPED:
                    continue
                plan = errors = None
                for value in self.another_value(option):
                    plan, errors = self.plan("--set", f"{key}={value}")
                    if plan is not None:
                        break
                self.assertIsNotNone(plan, f"no other value of {key} found: {errors}")
                again = [unit for unit in plan if unit["state"] != "up to date"]
                if expected == "":
                    self.assertEqual(again, [], f"{key}={value} changes no result")
                elif expected == "all":
                    self.assertNotIn("up to date", [unit["state"] for unit in plan], f"{key}={value} is another production")
                else:
                    stages = [unit["stage"] for unit in again]
                    self.assertTrue(stages, f"{key}={value}: nothing would run")
                    self.assertEqual(min(stages, key=order.index), expected, f"{key}={value}: {again[0]}")

    def test_a_colour_that_changed_is_that_of_the_map(self):
        out = FOLDER / "colours"
        shutil.copytree(self.w / "out", out, symlinks=True)
        done = millesime("run", self.config, *self.fixed, "--out", out, "--set", f"nomenclature={self.w}/other.json", "--json")
        stages = {event["unit"].split("/")[0] for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "done"}
        self.assertEqual(stages & {"sample", "train", "classify"}, set())
        code = json.loads((self.w / "other.json").read_text())["classes"][0]["code"]
        self.assertIn(f"{code} 18 52 86", (out / "2021/OCS_2021.clr").read_text())

    def test_a_variable_of_a_file_is_told_from_another(self):
        climate = (self.w / "config.toml").read_text().replace('path = "climate.tif"', "path = 'vrt://climate.tif?bands=1'")
        (self.w / "part.toml").write_text(climate)
        millesime("run", self.w / "part.toml", *FIXED, "--out", FOLDER / "part", "--to", "sample", "--quiet")
        (self.w / "part.toml").write_text(climate.replace("bands=1", "bands=2"))
        again = millesime("run", self.w / "part.toml", *FIXED, "--out", FOLDER / "part", "--to", "sample", "--json")
        done = {event["unit"].split("/")[0] for event in map(json.loads, again.stdout.splitlines()) if event["event"] == "done"}
        self.assertEqual(done, {"sample"})

    def test_fewer_seeds_leave_no_model_in_the_report(self):
        out = FOLDER / "seeds"
        shutil.copytree(self.w / "out", out, symlinks=True)
        millesime("run", self.config, *FIXED, "--set", "reference.seeds=1", "--out", out, "--quiet")
        report = (out / "2021/report.html").read_text()
        self.assertIn("seed_0", report)
        self.assertNotIn("seed_1", report)


if __name__ == "__main__":
    unittest.main()
