"""Classification needs no more memory for four times the pixels: peak memory of the process, measured, on two simulated tiles."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
DATES = 20
SMALL, LARGE = 512, 1024  # both larger than the windows in memory at one time
# The number of windows in memory varies by two or three from run to run, of 24 MB each. The series of the large tile have 220 MB more.
MOST_GROWTH_MB = 100


def run(*command):
    subprocess.run([PROGRAM, *map(str, command), "--quiet"], check=True, stdout=subprocess.DEVNULL)


def world(size):
    folder = FOLDER / str(size)
    options = ["--tiles", 1, "--dates", DATES, "--seed", 3, "--value-step", 20, "--plain"]
    run("simulate", "-o", folder, "--size", size, *options)
    return folder


def peak_mb(model, tile):
    command = [PROGRAM, "classify", "--model", model, "--tile", tile, "-o", FOLDER / "map", "--threads", "2", "--quiet"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, f"classify ended with {status}"
    return usage.ru_maxrss * 1024 / 1e6


shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
small, large = world(SMALL), world(LARGE)
config = FOLDER / "config.toml"
config.write_text(
    f'year = 2021\nnomenclature = "oso23"\noutput = "out"\n[[source]]\nsensor = "sentinel2_theia"\nroot = "{small / "l2a"}"\n'
    f'[reference]\npath = "{small / "reference.shp"}"\nclass_field = "CODE"\n[sample]\nselect = "constant"\nselect_number = 20\n[model]\nname = "random_forest"\n[train]\ntrees = 10\n'
)
run("run", config, "--to", "train")
model = next((FOLDER / "out/2021/work/train").glob("*.safetensors"))
peaks = [peak_mb(model, next((folder / "l2a").iterdir())) for folder in (small, large)]
print(f"peak memory: {peaks[0]:.0f} MB for {SMALL} x {SMALL} pixels, {peaks[1]:.0f} MB for {LARGE} x {LARGE}")
shutil.rmtree(FOLDER)
if peaks[1] > peaks[0] + MOST_GROWTH_MB:
    sys.exit(f"memory grows with the tile: expected at most {MOST_GROWTH_MB} MB more")
