"""Other programs read the output: xarray the data cubes, pystac the STAC item, numpy and safetensors samples and models."""
import json
import os
import re
import subprocess
import unittest
from datetime import datetime
from pathlib import Path

import numpy as np

SOURCE = Path(os.environ["MILLESIME_SOURCE"])
BINARY = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
DATES = 7


def millesime(*arguments):
    result = subprocess.run([BINARY, *map(str, arguments)], cwd=FOLDER, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"millesime {' '.join(map(str, arguments))}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


class OtherPrograms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["rm", "-rf", FOLDER], check=True)
        FOLDER.mkdir(parents=True)
        millesime("simulate", "-o", "world", "--tiles", 1, "--size", 96, "--dates", DATES, "--polygons", 4, "--plain", "--quiet")
        millesime("run", "world/config.toml", "--out", "out", "--set", "model.name=random_forest", "--set", "train.trees=5", "--quiet")
        cls.tile = next((FOLDER / "world/l2a").iterdir()).name
        cls.products = FOLDER / "out/2021"

    def test_xarray_opens_the_cube(self):
        import xarray

        millesime("stack", "world/config.toml", "-o", "cubes", "--quiet")
        cube = xarray.open_zarr(FOLDER / f"cubes/{self.tile}.zarr", consolidated=None)
        self.assertEqual(cube.sizes["time"], DATES)
        self.assertEqual((cube.sizes["y"], cube.sizes["x"]), (96, 96))
        self.assertEqual(np.datetime_as_string(cube.time.values[0], unit="Y"), "2021")
        self.assertTrue((np.diff(cube.x.values) == 10).all() and (np.diff(cube.y.values) == -10).all())
        # The pixels are those of the image, where an observation is valid.
        band = cube["B4"].isel(time=0).values
        valid = cube["validity"].isel(time=0).values.astype(bool)
        day = np.datetime_as_string(cube.time.values[0], unit="D").replace("-", "")
        (product,) = (FOLDER / "world/l2a" / self.tile).glob(f"*_{day}-*")
        subprocess.run(["gdal_translate", "-q", "-of", "ENVI", product / f"{product.name}_FRE_B4.tif", FOLDER / "b4.bin"], check=True)
        image = np.fromfile(FOLDER / "b4.bin", dtype="<i2").reshape(96, 96)
        self.assertGreater(valid.sum(), 0)
        np.testing.assert_allclose(band[valid] * 10000, image[valid], atol=1e-6)  # the cube carries its scale: reflectance

    def test_pystac_validates_the_item(self):
        import pystac

        path = self.products / "OCS_2021.json"
        item = json.loads(path.read_text())
        extensions = item.pop("stac_extensions")  # their schemas are online only; their requirements are checked below
        item["stac_extensions"] = []
        core = pystac.Item.from_dict(item)
        self.assertTrue(core.validate())  # the core schemas come with pystac
        self.assertEqual({re.search(r"io/([a-z]+)/", uri)[1] for uri in extensions}, {"projection", "raster", "classification", "file", "processing"})

        properties, assets = item["properties"], item["assets"]
        self.assertRegex(properties["proj:code"], r"^EPSG:\d+$")
        self.assertEqual(len(properties["proj:shape"]), 2)
        self.assertIn(len(properties["proj:transform"]), (6, 9))
        self.assertIsInstance(properties["processing:software"], dict)
        self.assertLess(datetime.fromisoformat(properties["start_datetime"]), datetime.fromisoformat(properties["end_datetime"]))
        for key, asset in assets.items():
            with self.subTest(asset=key):
                file = self.products / asset["href"]
                self.assertEqual(asset["file:size"], file.stat().st_size)
                self.assertRegex(asset["file:checksum"], r"^1220[0-9a-f]{64}$")  # multihash of SHA-256
        classes = assets["map"]["bands"][0].get("classification:classes") or assets["map"]["classification:classes"]
        self.assertEqual(len(classes), 24)  # the 23 of the nomenclature, and no data
        for entry in classes:
            self.assertIsInstance(entry["value"], int)
            self.assertRegex(entry["name"], r"^[0-9A-Za-z_-]+$")
            self.assertRegex(entry.get("color_hint", "000000"), r"^[0-9A-F]{6}$")
        self.assertEqual(len({entry["name"] for entry in classes}), len(classes))

    def test_ten_lines_of_python_read_samples_and_models(self):
        (code,) = re.findall(r"^```python\n(.*?)^```", (SOURCE / "models/README.md").read_text(), re.MULTILINE | re.DOTALL)
        (FOLDER / "model.safetensors").unlink(missing_ok=True)
        (FOLDER / "samples.safetensors").unlink(missing_ok=True)
        model = next(path for path in (self.products / "work/train").glob("*.safetensors"))
        (FOLDER / "model.safetensors").symlink_to(model)
        (FOLDER / "samples.safetensors").symlink_to(self.products / f"work/sample/{self.tile}.safetensors")
        here = os.getcwd()
        os.chdir(FOLDER)
        try:
            names = {}
            exec(code, names)
        finally:
            os.chdir(here)
        self.assertEqual(names["spec"]["architecture"], "random_forest")
        self.assertIn("feature", names["weights"])
        values, valid = names["values"], names["valid"]
        self.assertEqual(values.shape, (len(names["samples"]["label"]), DATES, 10))
        self.assertTrue((values[valid == 0] == -10000).all())
        self.assertTrue((values[valid == 1] > -10000).all())

    def test_samples_of_several_tiles_have_the_dates_of_each(self):
        from safetensors.numpy import load_file

        millesime("simulate", "-o", "two", "--tiles", 2, "--size", 64, "--dates", 5, "--polygons", 4, "--plain", "--quiet")
        millesime("samples", "extract", "two/config.toml", "-o", "merged.safetensors", "--quiet")
        tensors = load_file(FOLDER / "merged.safetensors")
        with open(FOLDER / "merged.safetensors", "rb") as file:
            info = json.loads(json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]["samples"])
        self.assertEqual(info["format"], 2)
        parts, series = info["parts"], info["series"][0]
        self.assertEqual(len({part["tile"] for part in parts}), 2)
        self.assertEqual(sum(part["samples"] for part in parts), len(tensors["label"]))
        first = 0
        for p, part in enumerate(parts):
            alone = load_file(next((FOLDER / "two").glob(f"**/sample/{part['tile']}.safetensors")))
            rows = slice(first, first + part["samples"])
            self.assertTrue((tensors["label"][rows] == alone["label"]).all())
            values = tensors[f"sentinel2.{p}.values"]
            self.assertEqual(values.shape, (part["samples"], len(series["dates"][p]), len(series["bands"])))
            self.assertTrue((values == alone["sentinel2.values"]).all())
            first += part["samples"]

    def test_the_map_has_palette_and_overviews(self):
        info = json.loads(subprocess.run(["gdalinfo", "-json", self.products / "OCS_2021.tif"], check=True, capture_output=True, text=True).stdout)
        band = info["bands"][0]
        self.assertEqual(info["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"], "COG")
        self.assertEqual(band["colorTable"]["entries"][8][:3], [0xFF, 0xAB, 0x44])
        self.assertEqual(band["noDataValue"], 0)
        self.assertIn("rat", info)


if __name__ == "__main__":
    unittest.main()
