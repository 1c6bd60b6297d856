#!/usr/bin/env python3
"""The same simulated world mapped from each sensor, and how much of it is right: scripts/quality_sensors.py [--size PX] [--dates N] [--seeds N] [--model NAME].

The share of mapped pixels that have the class of the truth, for each sensor alone and for radar beside cloudy images. Needs GDAL's Python.
configs/sensors/README.md has what was found."""
import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from osgeo import gdal

gdal.UseExceptions()
PROGRAM = os.environ["MILLESIME_BINARY"]
# Sensor, folder in the simulated world, further keys.
ALONE = [
    ("sentinel2_theia", "l2a", ""),
    ("sentinel2_sen2cor", "safe", ""),
    ("sentinel2_l3a", "l3a", ""),
    ("landsat_c2", "landsat", ""),
    ("sentinel1_s1tiling", "s1", 'variant = "ASC"\n'),
]
SENSORS = "sentinel2_theia,sentinel2_l3a,sentinel2_sen2cor,landsat_c2,sentinel1_s1tiling,temperature_daily"


def run(*command):
    done = subprocess.run([PROGRAM, *map(str, command), "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]


def source(sensor, root, more, name):
    return f'[[source]]\nname = "{name}"\nsensor = "{sensor}"\nroot = "{root}"\n{more}'


def right(world, name, tiles):
    """Share of right pixels, at the truth's pixels: a map of coarser pixels or of another zone is read at the nearest one."""
    agree = total = 0
    for tile in tiles:
        truth_file = gdal.Open(str(world / f"truth/{tile}.tif"))
        truth = truth_file.ReadAsArray()
        x0, dx, _, y0, _, dy = truth_file.GetGeoTransform()
        box = [x0, y0 + truth.shape[0] * dy, x0 + truth.shape[1] * dx, y0]
        mapped = gdal.Warp(
            "", str(world / f"{name}/2021/work/mosaic/class.vrt"), format="MEM", dstSRS=truth_file.GetProjection(), outputBounds=box, xRes=dx, yRes=-dy, resampleAlg="near"
        ).ReadAsArray()
        counted = (mapped > 0) & (truth > 0)
        agree, total = agree + (mapped == truth)[counted].sum(), total + counted.sum()
    assert total > 0, "nothing is mapped where the truth is known"
    return agree / total


def accuracy(world, name, sources, arguments):
    text = f'year = 2021\noutput = "{name}"\n{sources}[reference]\npath = "reference.shp"\nclass_field = "CODE"\n'
    text += f'[model]\nname = "{arguments.model}"\nsources = ["all"]\n[train]\n{arguments.train}\n'
    (world / f"{name}.toml").write_text(text)
    run("run", world / f"{name}.toml", "--to", "mosaic", "--threads", arguments.threads)
    return right(world, name, arguments.tiles)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--dates", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--model", default="random_forest")
    parser.add_argument("--train", default="trees = 100")
    parser.add_argument("--threads", default="2")
    arguments = parser.parse_args()
    found = {}
    folder = Path(tempfile.mkdtemp(prefix="millesime-sensors-"))
    try:
        for seed in range(1, arguments.seeds + 1):
            for cloud in ("0.4", "0.8"):
                world = folder / f"world_{seed}_{cloud}"
                run("simulate", "-o", world, "--tiles", 1, "--size", arguments.size, "--dates", arguments.dates, "--seed", seed, "--cloud-share", cloud, "--plain", "--sensors", SENSORS)
                arguments.tiles = sorted(path.stem for path in (world / "truth").glob("T?????.tif"))
                radar = source("sentinel1_s1tiling", "s1", 'variant = "ASC"\n', "ascending") + source("sentinel1_s1tiling", "s1", 'variant = "DES"\n', "descending")
                optical = source("sentinel2_theia", "l2a", "", "sentinel2")
                if cloud == "0.4":
                    maps = {sensor: source(sensor, root, more, sensor) for sensor, root, more in ALONE}
                    maps["sentinel1, both orbits"] = radar
                else:
                    maps = {"sentinel2_theia, 80 % clouds": optical, "the same and sentinel1": optical + radar}
                for label, sources in maps.items():
                    name = "".join(c if c.isalnum() else "_" for c in label)
                    found.setdefault(label, []).append(accuracy(world, name, sources, arguments))
                    print(seed, label, round(found[label][-1], 4), flush=True)
                shutil.rmtree(world)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n| source | right, % | each world |\n|---|---|---|")
    for label, shares in found.items():
        print(f"| {label} | {100 * np.mean(shares):.1f} | {', '.join(f'{100 * share:.1f}' for share in shares)} |")


if __name__ == "__main__":
    main()
