"""bench_vectors.py PROGRAM FOLDER [PYTHON]: polygons of a regularised map, beside GDAL, GRASS, exactextract and rasterstats, in one run;
called by scripts/bench vectors.

The map is made here: parcels of 24 pixels of 10 m with irregular borders and 8 % of noise, 23 classes; its confidence and validity; and
the map at 20 m (mode, patches of at least 4 pixels). A row is a whole process: seconds of the clock, of the processor, peak memory.
PYTHON (of scripts/setup --bench) has exactextract and rasterstats. Rows of programs that are absent say so.
"""
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from bench_chain import measured

SIZES = (1372, 2745, 5490)  # px of 20 m
CELL, CLASSES, NOISE, SEED = 24, 23, 0.08, 3
ROWS = 512


def write_maps(folder, size):
    """class.tif, confidence.tif and validity.tif, of 2 x size pixels of 10 m."""
    import numpy as np

    n = 2 * size
    random = np.random.default_rng(SEED)
    across = n // CELL + 4
    x0, y0 = random.random((across, across)) * CELL, random.random((across, across)) * CELL
    coarse = random.random((across // 8 + 3, across // 8 + 3))  # landscapes of some kilometres
    row, col = np.mgrid[0:across, 0:across] / 8.0
    i, j = row.astype(int), col.astype(int)
    a, b = row - i, col - j
    smooth = coarse[i, j] * (1 - a) * (1 - b) + coarse[i + 1, j] * a * (1 - b) + coarse[i, j + 1] * (1 - a) * b + coarse[i + 1, j + 1] * a * b
    label = np.clip((smooth * CLASSES + random.normal(0, 2.5, smooth.shape)).astype(int) + 1, 1, CLASSES).astype(np.uint8)
    names = ("class", "confidence", "validity")
    files = {name: (folder / f"{name}.img").open("wb") for name in names}
    for first in range(0, n, ROWS):
        rows = min(ROWS, n - first)
        y, x = np.arange(first, first + rows)[:, None], np.arange(n)[None, :]
        rough = random.normal(0, 10, (rows, n))
        nearest, chosen = np.full((rows, n), 1e9), np.zeros((rows, n), np.uint8)
        for down in range(3):
            for right in range(3):
                r, c = y // CELL + down, x // CELL + right
                distance = ((r - 1) * CELL + y0[r, c] - y) ** 2 + ((c - 1) * CELL + x0[r, c] - x) ** 2 + rough
                closer = distance < nearest
                nearest, chosen = np.where(closer, distance, nearest), np.where(closer, label[r, c], chosen)
        noise = random.random((rows, n)) < NOISE
        np.where(noise, random.integers(1, CLASSES + 1, (rows, n)), chosen).astype(np.uint8).tofile(files["class"])
        np.clip(80 - 60 * noise + random.normal(0, 8, (rows, n)), 0, 100).astype(np.uint8).tofile(files["confidence"])
        random.integers(20, 40, (rows, n)).astype(np.uint8).tofile(files["validity"])
    for name in names:
        files[name].close()
        image = folder / f"{name}.img"
        Path(f"{folder / name}.hdr").write_text(f"ENVI\nsamples = {n}\nlines = {n}\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\n"
                                                "data type = 1\ninterleave = bsq\nbyte order = 0\n")
        box = ["500000", str(6300000 + 10 * n), str(500000 + 10 * n), "6300000"]
        measured(["gdal_translate", "-q", "-a_srs", "EPSG:2154", "-a_ullr", *box, "-co", "COMPRESS=DEFLATE", "-co", "TILED=YES", image, folder / f"{name}.tif"])
        image.unlink()


def grass_script(folder):
    """What OSO's chain does with GRASS: borders without steps, Douglas-Peucker, Hermite, export."""
    script = folder / "grass.sh"
    script.write_text(f"""set -e
r.in.gdal -o --quiet input={folder}/regularised.tif output=map
g.region raster=map
r.to.vect -s --quiet input=map output=steps type=area column=class
v.generalize --quiet input=steps output=douglas method=douglas threshold=10 type=area
v.generalize --quiet input=douglas output=hermite method=hermite threshold=10 type=area
v.clean --quiet input=hermite output=clean tool=rmarea threshold=1
v.out.ogr --quiet --overwrite input=clean type=area format=FlatGeobuf output={folder}/grass.fgb
""")
    return ["grass", "--tmp-location", "EPSG:2154", "--exec", "sh", script]


def zonal(what, folder):
    """Statistics of GDAL's polygons by another library: shares of classes, confidence, validity. Run with PYTHON."""
    import geopandas

    polygons, rasters = geopandas.read_file(folder / "gdal.fgb"), {name: str(folder / f"{name}.tif") for name in ("class", "confidence", "validity")}
    if what == "exactextract":
        from exactextract import exact_extract

        exact_extract(rasters["class"], polygons, ["frac"], output="pandas")
        exact_extract(rasters["confidence"], polygons, ["mean"], output="pandas")
        exact_extract(rasters["validity"], polygons, ["mean", "stdev"], output="pandas")
    else:
        from rasterstats import zonal_stats

        zonal_stats(polygons, rasters["class"], categorical=True)
        zonal_stats(polygons, rasters["confidence"], stats=["mean"])
        zonal_stats(polygons, rasters["validity"], stats=["mean", "std"])


def polygons_in(file):
    text = subprocess.run(["ogrinfo", "-ro", "-so", "-al", file], check=True, capture_output=True, text=True).stdout
    return int(text.split("Feature Count: ")[1].split()[0])


def rows_of(program, folder, size, python):
    regularised = folder / "regularised.tif"
    if not regularised.exists():
        print(f"making a map of {size} x {size} pixels of 20 m", flush=True)
        write_maps(folder, size)
        measured(["gdalwarp", "-q", "-r", "mode", "-tr", "20", "20", folder / "class.tif", folder / "mode.tif"])
        measured([program, "regularise", folder / "mode.tif", "--majority", "0", "--min-pixels", "4", "--nomenclature", "oso23", "-o", folder / "new.tif", "--quiet"])
        (folder / "new.tif").rename(regularised)
    statistics = [part for name, file in (("classification", "class"), ("confidence", "confidence"), ("validity", "validity")) for part in (f"--{name}", folder / f"{file}.tif")]

    def ours(output, *options):
        return [program, "vectorise", regularised, "--nomenclature", "oso23", *statistics, *options, "-o", folder / output, "--quiet"]

    def gdal(output, form):
        return ["gdal_polygonize.py", "-q", regularised, "-f", form, folder / output]

    def zonal_row(what):
        return [python, "-B", __file__, "--zonal", what, folder]

    steps = {
        "GDAL polygonize, FlatGeobuf": ("gdal.fgb", gdal("gdal.fgb", "FlatGeobuf")),
        "GDAL polygonize, GeoPackage": ("gdal.gpkg", gdal("gdal.gpkg", "GPKG")),
        "millesime vectorise, all statistics, FlatGeobuf": ("ours.fgb", ours("ours.fgb")),
        "millesime vectorise, all statistics, GeoPackage": ("ours.gpkg", ours("ours.gpkg")),
        "millesime vectorise, pixels by share": ("share.fgb", ours("share.fgb", "--statistics", "share")),
        "millesime vectorise, Hermite": ("hermite.fgb", ours("hermite.fgb", "--smoothing", "hermite")),
        "GRASS r.to.vect, douglas, hermite, rmarea": ("grass.fgb", grass_script(folder) if shutil.which("grass") else None),
        "exactextract on GDAL's polygons": ("", zonal_row("exactextract") if python and size == SIZES[0] else None),
        "rasterstats on GDAL's polygons": ("", zonal_row("rasterstats") if python and size == SIZES[0] else None),
    }
    rows = {}
    for name, (output, command) in steps.items():
        if command is None:
            rows[name] = {"absent": f"only {SIZES[0]} px" if python and name.endswith("GDAL's polygons") else "scripts/setup --bench installs it"}
            print(f"{name:50} absent: {rows[name]['absent']}", flush=True)
            continue
        for old in [folder / output] if output else []:
            old.unlink(missing_ok=True)
        row = measured(command)
        row["polygons"] = polygons_in(folder / output) if output else None
        rows[name] = row
        print(f"{name:50} {row['seconds']:8.2f} {row['cpu_seconds']:8.2f} {row['peak_mib']:9.0f} {row['polygons'] or '':>9}", flush=True)
    return rows


def main(program, folder, python):
    report = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "seed": SEED, "sizes": {}}
    for size in SIZES:
        print(f"\n{size} x {size} px of 20 m{'':31} {'seconds':>8} {'CPU s':>8} {'peak MiB':>9} {'polygons':>9}")
        part = folder / str(size)
        part.mkdir(parents=True, exist_ok=True)
        report["sizes"][size] = rows_of(program, part, size, python)
    (folder / "vectors.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{folder / 'vectors.json'}")


if __name__ == "__main__":
    if sys.argv[1] == "--zonal":
        zonal(sys.argv[2], Path(sys.argv[3]))
    else:
        main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3] if len(sys.argv) > 3 else "")
