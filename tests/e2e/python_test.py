"""Other programs read the output: xarray the data cubes, pystac the STAC item, numpy and safetensors samples and models."""
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
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


def write_zones(path, image):
    """Two zones in degrees over an image: one that reaches beyond it and has a hole, and the island in that."""
    info = json.loads(subprocess.run(["gdalinfo", "-json", image], check=True, capture_output=True, text=True).stdout)
    ring = info["wgs84Extent"]["coordinates"][0]
    west, east = min(p[0] for p in ring), max(p[0] for p in ring)
    south, north = min(p[1] for p in ring), max(p[1] for p in ring)

    def box(a, b):  # shares of the extent
        x, y = [west + (east - west) * t for t in (a, b)], [south + (north - south) * t for t in (a, b)]
        return [[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]], [x[0], y[0]]]

    zones = {"31": [box(-0.5, 1.5), box(0.35, 0.62)], "81": [box(0.35, 0.62)]}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"code": code}, "geometry": {"type": "Polygon", "coordinates": rings}} for code, rings in zones.items()]}))


# The class object and where it stands, as the classification extension 2.0 has it (README.md of the extension; its schema is online only).
CLASSIFICATION = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
        "class": {
            "type": "object", "required": ["value", "name"], "properties": {
                "value": {"type": "integer"}, "name": {"type": "string", "pattern": "^[0-9A-Za-z_-]+$"}, "title": {"type": "string"},
                "description": {"type": "string"}, "color_hint": {"type": "string", "pattern": "^[0-9A-F]{6}$"}, "nodata": {"type": "boolean"},
                "percentage": {"type": "number", "minimum": 0, "maximum": 100}, "count": {"type": "integer", "minimum": 0}},
            "additionalProperties": False},
        "fields": {
            "type": "object", "patternProperties": {"^(?!classification:)": {}}, "additionalProperties": False, "properties": {
                "classification:classes": {"type": "array", "uniqueItems": True, "minItems": 1, "items": {"$ref": "#/definitions/class"}}}},
        "asset": {"allOf": [{"$ref": "#/definitions/fields"}, {"properties": {"bands": {"type": "array", "items": {"$ref": "#/definitions/fields"}}}}]},
        "assets": {"type": "object", "additionalProperties": {"$ref": "#/definitions/asset"}}},
    "type": "object", "required": ["type", "stac_extensions"],
    "properties": {
        "stac_extensions": {"contains": {"const": "https://stac-extensions.github.io/classification/v2.0.0/schema.json"}},
        "properties": {"$ref": "#/definitions/fields"}, "assets": {"$ref": "#/definitions/assets"},
        "item_assets": {"$ref": "#/definitions/assets"}, "summaries": {"$ref": "#/definitions/fields"}},
}


def without_links_to_core(schema):
    """References to the core schemas, which are checked by pystac and lie elsewhere."""
    if isinstance(schema, dict):
        return {key: without_links_to_core(value) for key, value in schema.items() if not (key == "$ref" and "schemas.stacspec.org" in value)}
    return [without_links_to_core(value) for value in schema] if isinstance(schema, list) else schema


def geometries(path):
    """Of a GeoPackage, as well-known binary (OGC 12-128r19, 2.1.3), with the area of each that the file states."""
    with sqlite3.connect(path) as database:
        (table, column), = database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns")
        rows = database.execute(f'SELECT "{column}", "Aire" FROM "{table}"').fetchall()
    envelope = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
    return [(blob[8 + envelope[blob[3] >> 1 & 7]:], area) for blob, area in rows]


class OtherPrograms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["rm", "-rf", FOLDER], check=True)
        FOLDER.mkdir(parents=True)
        millesime("simulate", "-o", "world", "--tiles", 1, "--size", 96, "--dates", DATES, "--polygons", 4, "--plain", "--quiet")
        cls.tile = next((FOLDER / "world/l2a").iterdir()).name
        write_zones(FOLDER / "zones.geojson", next((FOLDER / "world/l2a" / cls.tile).glob("*/*_FRE_B4.tif")))
        settings = {"model.name": "random_forest", "train.trees": 5, "regularise.enabled": "true", "vectorise.enabled": "true",
                    "vectorise.zones": FOLDER / "zones.geojson", "vectorise.zones_field": "code", "vectorise.whole": "true", "publish.language": "fr"}
        cls.arguments = ["run", "world/config.toml", "--out", "out", "--quiet", *(f"--set={key}={value}" for key, value in settings.items())]
        millesime(*cls.arguments)
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
        self.check_classification(item, json.loads((FOLDER / "out/collection.json").read_text()))
        extensions = item.pop("stac_extensions")  # their schemas are online only; their requirements are checked below
        if schemas := os.environ.get("MILLESIME_STAC_SCHEMAS"):  # copies of them, <extension>.json
            import jsonschema

            collection = json.loads((FOLDER / "out/collection.json").read_text())
            for uri in extensions:
                file = Path(schemas) / f"{re.search(r'io/([a-z]+)/', uri)[1]}.json"
                if not file.exists():
                    continue
                schema = json.loads(file.read_text())
                self.assertEqual(schema["$id"].rstrip("#"), uri)
                jsonschema.validate({**item, "stac_extensions": extensions}, without_links_to_core(schema))
                if uri in collection["stac_extensions"]:
                    jsonschema.validate(collection, without_links_to_core(schema))
        item["stac_extensions"] = []
        core = pystac.Item.from_dict(item)
        self.assertTrue(core.validate())  # the core schemas come with pystac
        self.assertEqual({re.search(r"io/([a-z]+)/", uri)[1] for uri in extensions}, {"projection", "raster", "classification", "file", "processing", "version"})

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
        self.assertEqual(assets["regularised"]["proj:transform"][0], 2 * properties["proj:transform"][0])
        self.assertEqual(assets["departement_81_gpkg"]["type"], "application/geopackage+sqlite3")
        classes = assets["map"]["bands"][0].get("classification:classes") or assets["map"]["classification:classes"]
        self.assertEqual(len(classes), 24)  # the 23 of the nomenclature, and no data
        for entry in classes:
            self.assertIsInstance(entry["value"], int)
            self.assertRegex(entry["name"], r"^[0-9A-Za-z_-]+$")
            self.assertRegex(entry.get("color_hint", "000000"), r"^[0-9A-F]{6}$")
        self.assertEqual(len({entry["name"] for entry in classes}), len(classes))

    def check_classification(self, item, collection):
        import copy

        import jsonschema

        validator = jsonschema.Draft7Validator(CLASSIFICATION)
        self.assertEqual(list(validator.iter_errors(item)), [])
        self.assertEqual(list(validator.iter_errors(collection)), [])
        classes = item["assets"]["map"]["bands"][0]["classification:classes"]
        self.assertEqual(collection["summaries"]["classification:classes"], classes)
        # The schema finds what is wrong.
        for field, value in (("name", "Blé dur"), ("value", "7"), ("color_hint", "ffab44"), ("colour", "x"), ("name", None)):
            with self.subTest(field=field, value=value):
                wrong = copy.deepcopy(item)
                wrong_class = wrong["assets"]["map"]["bands"][0]["classification:classes"][3]
                if value is None:
                    del wrong_class[field]
                else:
                    wrong_class[field] = value
                self.assertFalse(validator.is_valid(wrong))

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
        # One of two tiles takes what the whole production takes for it: not the polygons in the overlap that belong to the other.
        tile = sorted(folder.name for folder in (FOLDER / "two/l2a").iterdir())[1]
        millesime("samples", "extract", "two/config.toml", "--tiles", tile, "-o", "one.safetensors", "--quiet")
        self.assertEqual(json.loads(millesime("samples", "info", "one.safetensors", "--json"))["tile"], tile, "no other tile")
        (own,) = (FOLDER / "two").glob("**/sample/*.safetensors")
        written = own.stat().st_mtime_ns
        counts = json.loads(own.with_suffix(".manifest.json").read_text())["counts"]
        self.assertGreater(counts["polygons_of_other_tiles"], 0)
        millesime("samples", "extract", "two/config.toml", "-o", "merged.safetensors", "--quiet")
        self.assertEqual(own.stat().st_mtime_ns, written, "it is up to date")
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
        self.assertEqual(band["metadata"][""]["CLASS_17"], "Forêts de conifères")  # in the file itself

    def test_pystac_walks_the_collection(self):
        import pystac

        collection = pystac.Collection.from_file(str(FOLDER / "out/collection.json"))
        self.assertTrue(pystac.validation.validate_dict({**collection.to_dict(), "stac_extensions": []}) is not None)
        (item,) = collection.get_items()
        self.assertEqual(item.id, "OCS_2021")
        self.assertEqual(item.properties["title"], "Occupation des sols 2021")
        for asset in item.assets.values():
            self.assertTrue(Path(asset.get_absolute_href()).is_file(), asset.href)
        # It is a unit of its own: one that is missing is made again, and nothing else.
        file, report = FOLDER / "out/collection.json", self.products / "report.html"
        text, made = file.read_text(), report.stat().st_mtime_ns
        file.unlink()
        millesime(*self.arguments)
        self.assertEqual(file.read_text(), text)
        self.assertEqual(report.stat().st_mtime_ns, made)

    def check_tiling(self, files, mapped):
        """All polygons are valid, share their borders vertex by vertex, do not overlap, and have the mapped area (m² of the map's system)."""
        try:
            import shapely
        except ImportError:
            self.skipTest("the Python package shapely is not installed (scripts/requirements-tests.txt)")
        rows = [row for file in files for row in geometries(file)]
        polygons = np.array([shapely.from_wkb(wkb) for wkb, _ in rows])
        invalid = polygons[~shapely.is_valid(polygons)]
        self.assertEqual(len(invalid), 0, shapely.is_valid_reason(invalid[:3]))
        total = float(shapely.area(polygons).sum())
        self.assertLess(abs(total - mapped), 1e-9 * mapped)
        self.assertLess(abs(sum(area for _, area in rows) / total - 1), 2e-3)  # true m², in a projection that changes areas a little
        self.assertTrue(shapely.coverage_is_valid(polygons))
        a, b = shapely.STRtree(polygons).query(polygons, predicate="overlaps")
        self.assertEqual(len(a), 0, "no overlap, by another algorithm than that of coverages")
        return polygons

    def test_shapely_finds_the_polygons_of_a_production_valid(self):
        subprocess.run(["gdal_translate", "-q", "-of", "ENVI", self.products / "OCS_2021_regularised.tif", FOLDER / "r.bin"], check=True)
        item = json.loads((self.products / "OCS_2021.json").read_text())["assets"]["regularised"]
        mapped = int((np.fromfile(FOLDER / "r.bin", dtype=np.uint8) > 0).sum()) * abs(item["proj:transform"][0] * item["proj:transform"][4])
        for files in (["departement_31.gpkg", "departement_81.gpkg"], ["OCS_2021.gpkg"]):
            self.check_tiling([self.products / "vectors" / file for file in files], mapped)

    def test_shapely_finds_the_polygons_of_many_sheets_valid(self):
        """Patches with holes and islands across nine blocks, and two zones, one of which is an island in the other."""
        rows, cols, pixel = 530, 540, 20
        y, x = np.mgrid[0:rows, 0:cols]
        heights = np.sin(x / 9 + 2 * np.sin(y / 23)) + np.cos(y / 7 - np.sin(x / 31)) + np.random.default_rng(3).normal(0, 0.25, (rows, cols))
        labels = np.digitize(heights, [-1, 0, 1]).astype(np.uint8) + 1
        labels[(x - 300) ** 2 + (y - 250) ** 2 < 900] = 0  # unmapped
        labels.tofile(FOLDER / "labels.bin")
        (FOLDER / "labels.hdr").write_text(f"ENVI\nsamples = {cols}\nlines = {rows}\nbands = 1\ndata type = 1\ninterleave = bsq\nbyte order = 0\n")
        subprocess.run(["gdal_translate", "-q", "-a_srs", "EPSG:2154", "-a_ullr", *map(str, (560000, 6280000, 560000 + cols * pixel, 6280000 - rows * pixel)),
                        FOLDER / "labels.bin", FOLDER / "labels.tif"], check=True)
        write_zones(FOLDER / "labels.geojson", FOLDER / "labels.tif")
        for smoothing in ("none", "hermite"):
            with self.subTest(smoothing=smoothing):
                millesime("vectorise", "labels.tif", "--nomenclature", "oso23", "--zones", "labels.geojson", "--zones-field", "code", "--tolerance", 30,
                          "--smoothing", smoothing, "-o", smoothing, "--quiet")
                polygons = self.check_tiling([FOLDER / smoothing / f"departement_{zone}.gpkg" for zone in ("31", "81")], int((labels > 0).sum()) * pixel**2)
                self.assertGreater(len(polygons), 2500)
                self.assertGreater(sum(len(p.interiors) for p in polygons), 100)

    def test_a_browser_runs_the_page(self):
        browser = shutil.which("chromium") or shutil.which("google-chrome")
        if not browser:
            self.skipTest("no browser is installed (the Debian package chromium)")
        page = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom",
                               f"file://{self.products / 'report.html'}"], capture_output=True, text=True, env={**os.environ, "HOME": str(FOLDER)}).stdout
        self.assertIn('<canvas tabindex="0"', page)
        self.assertIn("Glisser pour déplacer", page)
        self.assertIn("pixels des polygones de référence dont les modèles n’ont rien appris", page)
        self.assertRegex(page, r'<div class="scalebar" aria-hidden="true"><i style="width: [\d.]+px;"></i><span>\d+ m</span>')
        self.assertGreater(page.count('<label><input type="checkbox">'), 3)
        # On a phone nothing is wider than the screen: the page in a frame of that width, which is asked for its own.
        (FOLDER / "phone.html").write_text(f"""<iframe width=390 height=800 style="border:0" src="file://{self.products / 'report.html'}" onload="
            const page = this.contentDocument.documentElement; document.title = page.clientWidth + ' ' + page.scrollWidth"></iframe>""")
        phone = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=5000",
                                "--dump-dom", f"file://{FOLDER / 'phone.html'}"], capture_output=True, text=True, env={**os.environ, "HOME": str(FOLDER)}).stdout
        width, needed = map(int, re.search(r"<title>(\d+) (\d+)</title>", phone).groups())
        self.assertLessEqual(needed, width)

    def test_qgis_opens_the_project(self):
        script = """
import sys
from qgis.core import QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
QgsApplication.setPrefixPath("/usr", True)
application = QgsApplication([], False)
application.initQgis()
points = QgsVectorLayer(sys.argv[2] + "|layername=points", "points", "ogr")
place = points.fields().indexFromName
classes = points.editorWidgetSetup(place("label_2"))
print(classes.type(), classes.config()["map"][13], points.editFormConfig().readOnly(place("id")))
project = QgsProject.instance()
assert project.read(sys.argv[1]), "the project cannot be read"
layers = project.mapLayers().values()
bad = [layer.name() for layer in layers if not (layer.isValid() and layer.crs().isValid())]
assert not bad, bad
settings = QgsMapSettings()
settings.setLayers([node.layer() for node in project.layerTreeRoot().findLayers() if node.isVisible()])
settings.setDestinationCrs(project.crs())
settings.setExtent(settings.fullExtent())
settings.setOutputSize(QSize(120, 120))
job = QgsMapRendererParallelJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
colors = {image.pixelColor(x, y).name() for x in range(0, 120, 3) for y in range(0, 120, 3)}
print(project.crs().authid(), len(layers), len(colors), ";".join(sorted(group.name() for group in project.layerTreeRoot().findGroups())))
"""
        python = next((p for p in ("/usr/bin/python3", sys.executable)
                       if subprocess.run([p, "-c", "import qgis.core"], capture_output=True).returncode == 0), None)
        if not python:
            self.skipTest("QGIS is not installed (the Debian package python3-qgis)")
        millesime("design", self.products / "OCS_2021.tif", "--nomenclature", "oso23", "--points", 60, "--least", 2, "-o", "sample.gpkg", "--quiet")
        result = subprocess.run([python, "-c", script, self.products / "OCS_2021.qgz", FOLDER / "sample.gpkg"], capture_output=True, text=True,
                                env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(FOLDER)})
        self.assertEqual(result.returncode, 0, result.stderr[-2000:])
        self.assertIn("ValueMap {'13 Grasslands': '13'} True", result.stdout)  # the form of the points of a sample
        crs, layers, colors, groups = result.stdout.splitlines()[-1].split(" ", 3)
        self.assertRegex(crs, r"^EPSG:\d+$")
        self.assertEqual(int(layers), 7)  # map, regularised map, confidence, validity, polygons of two zones and of the whole map
        self.assertGreater(int(colors), 4)
        self.assertEqual(groups, "Cartes;Confiance et validité;Polygones")


if __name__ == "__main__":
    unittest.main()
