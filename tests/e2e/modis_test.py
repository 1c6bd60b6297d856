"""MODIS as it is delivered: a map from HDF-EOS files by the sensor file alone. Needs what scripts/setup --tests installs; skipped without."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

try:
    from pyhdf.HDF import HC, HDF
    from pyhdf.SD import SD, SDC
    from pyhdf.V import V  # noqa: F401, HDF.vgstart() needs it
except ImportError:
    print("pyhdf is missing: scripts/setup --tests (or pip install -r scripts/requirements-services.txt into the environment of the tests)")
    sys.exit(77)

PROGRAM = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
RADIUS, SIDE = 6371007.181, 231.65635826395825  # of the sphere; of a pixel, m
SIZE, X0, Y0 = 40, 400 * SIDE, 21000 * SIDE
TYPES = {"int16": (SDC.INT16, "DFNT_INT16"), "int8": (SDC.INT8, "DFNT_INT8"), "uint16": (SDC.UINT16, "DFNT_UINT16")}


def write_hdf_eos(path, grid, fields):
    """One grid in the sinusoidal projection. HDF-EOS Library User's Guide, volume 1: a Vgroup of class GRID, and StructMetadata.0."""
    names = "".join(
        f'\t\t\tOBJECT=DataField_{n}\n\t\t\t\tDataFieldName="{name}"\n\t\t\t\tDataType={TYPES[values.dtype.name][1]}\n'
        f'\t\t\t\tDimList=("YDim","XDim")\n\t\t\tEND_OBJECT=DataField_{n}\n'
        for n, (name, values) in enumerate(fields.items(), 1)
    )
    structure = (
        "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n\tGROUP=GRID_1\n"
        f'\t\tGridName="{grid}"\n\t\tXDim={SIZE}\n\t\tYDim={SIZE}\n\t\tUpperLeftPointMtrs=({X0:.6f},{Y0:.6f})\n'
        f"\t\tLowerRightMtrs=({X0 + SIZE * SIDE:.6f},{Y0 - SIZE * SIDE:.6f})\n\t\tProjection=GCTP_SNSOID\n"
        f"\t\tProjParams=({RADIUS:.6f},0,0,0,0,0,0,0,0,0,0,0,0)\n\t\tSphereCode=-1\n\t\tGROUP=Dimension\n\t\tEND_GROUP=Dimension\n"
        f"\t\tGROUP=DataField\n{names}\t\tEND_GROUP=DataField\n\t\tGROUP=MergedFields\n\t\tEND_GROUP=MergedFields\n\tEND_GROUP=GRID_1\n"
        "END_GROUP=GridStructure\nGROUP=PointStructure\nEND_GROUP=PointStructure\nEND\n"
    )
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    references = []
    for name, values in fields.items():
        data = file.create(name, TYPES[values.dtype.name][0], values.shape)
        data.dim(0).setname(f"YDim:{grid}")
        data.dim(1).setname(f"XDim:{grid}")
        data[:] = values
        references.append(data.ref())
        data.endaccess()
    file.attr("HDFEOSVersion").set(SDC.CHAR, "HDFEOS_V2.19")
    file.attr("StructMetadata.0").set(SDC.CHAR, structure)
    file.end()
    hdf = HDF(str(path), HC.WRITE)
    groups = hdf.vgstart()
    top, data, attributes = (groups.create(name) for name in (grid, "Data Fields", "Grid Attributes"))
    top._class = "GRID"
    data._class = attributes._class = "GRID Vgroup"
    for reference in references:
        data.add(HC.DFTAG_NDG, reference)
    top.insert(data)
    top.insert(attributes)
    for group in (data, attributes, top):
        group.detach()
    groups.end()
    hdf.close()


def run(*command):
    done = subprocess.run([PROGRAM, *map(str, command), "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def degrees(x, y):
    latitude = y / RADIUS
    return [np.degrees(x / (RADIUS * np.cos(latitude))), np.degrees(latitude)]


shutil.rmtree(FOLDER, ignore_errors=True)
(FOLDER / "hdf/2021").mkdir(parents=True)
rows, cols = np.mgrid[0:SIZE, 0:SIZE]
truth = 1 + (rows // 8 + cols // 8) % 3  # squares of three classes: an early crop, a late crop, forest
noise = np.random.default_rng(1)
for n in range(23):
    day = 1 + 16 * n
    season = np.stack([np.exp(-(((day - peak) / 40) ** 2)) for peak in (120, 220)] + [np.float64(1)])
    ndvi = (2000 + 6000 * season[truth - 1] + noise.normal(0, 300, truth.shape)).astype(np.int16)
    reliability = np.where((rows + n) % 7 == 0, 3, 0).astype(np.int8)
    ndvi[reliability == 3] = noise.integers(-2000, 10000, (reliability == 3).sum())  # a cloud is anything
    ndvi[0, :5], reliability[0, :5] = -3000, -1
    write_hdf_eos(
        FOLDER / f"hdf/2021/MOD13Q1.A2021{day:03}.h18v03.061.2021{day + 18:03}034811.hdf", "MODIS_Grid_16DAY_250m_500m_VI",
        {
            "250m 16 days NDVI": ndvi,
            **{f"250m 16 days {band} reflectance": np.full_like(ndvi, 1000) for band in ("red", "NIR", "blue", "MIR")},
            "250m 16 days pixel reliability": reliability,
        },
    )

census = json.loads(run("catalog", FOLDER / "hdf", "--sensor", "modis_ndvi_hdf", "--year", 2021, "--json"))
assert "h18v03" in json.dumps(census) and not census["tiles"][0].get("damaged"), census

squares = []
for j in range(SIZE // 8):
    for i in range(SIZE // 8):
        x, y = X0 + (8 * i + 1) * SIDE, Y0 - (8 * j + 1) * SIDE
        ring = [degrees(x + dx * 6 * SIDE, y - dy * 6 * SIDE) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
        squares.append({"type": "Feature", "properties": {"CODE": int(truth[8 * j + 4, 8 * i + 4])}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
(FOLDER / "reference.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": squares}))
(FOLDER / "classes.toml").write_text("".join(f'[[class]]\ncode = {n}\nname = "{name}"\ncolor = "#{n}0{n}0{n}0"\n' for n, name in enumerate(("early", "late", "forest"), 1)))
(FOLDER / "run.toml").write_text(
    'year = 2021\nnomenclature = "classes.toml"\noutput = "out"\n[[source]]\nsensor = "modis_ndvi_hdf"\nroot = "hdf"\n'
    '[reference]\npath = "reference.geojson"\nclass_field = "CODE"\n[model]\nname = "random_forest"\n[train]\ntrees = 20\n'
)
run("run", FOLDER / "run.toml")
tile = FOLDER / "out/2021/work/classify/h18v03_class_seed_0.tif"
assert tile.exists() and list((FOLDER / "out/2021").glob("OCS_2021.tif")), "no map"
report = json.loads((FOLDER / "out/2021/accuracy.json").read_text())
accuracy = report["final_map"]["overall_accuracy"]
assert accuracy > 0.95, accuracy
run("stack", FOLDER / "run.toml", "--format", "cog", "-o", FOLDER / "cube")
shutil.rmtree(FOLDER)
