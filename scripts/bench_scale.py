"""bench_scale.py PROGRAM FOLDER: time and peak memory of footprint and classify for several tile sizes, dates, tiles and classes.

Called by scripts/bench scale.

Memory must not grow beyond one budget, and time must be proportional to the pixels. Each row is one process on a simulated world.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench_chain import measured

BUDGET = "1GiB"
BASE = {"size": 512, "dates": 20, "tiles": 1, "classes": 23}
CHANGES = [{}, {"size": 256}, {"size": 1024}, {"size": 2048}, {"dates": 10}, {"dates": 40}, {"tiles": 3}, {"classes": 12}, {"classes": 6}]
ROWS = [{**BASE, **change} for change in CHANGES]


def name_of(shape):
    return "_".join(f"{key}{value}" for key, value in shape.items())


def row_of(program, folder, shape):
    of_world = {key: value for key, value in shape.items() if key != "classes"}
    world, out = folder / name_of(of_world), folder / f"{name_of(shape)}_out"
    if not (world / "config.toml").exists():
        shutil.rmtree(world, ignore_errors=True)
        options = [word for key, value in of_world.items() for word in (f"--{key}", str(value))]
        measured([program, "simulate", "-o", world, *options, "--seed", "1", "--quiet"])
    run = [program, "run", world / "config.toml", "--out", out, "--memory", BUDGET, "--quiet", "--jobs", "1"]
    run += ["--set", "model.name=random_forest", "--set", "sample.select=constant", "--set", "sample.select_number=100"]
    if left_out := [f'"{code}=0"' for code in range(shape["classes"] + 1, BASE["classes"] + 1)]:
        run += ["--set", f"sample.select_by_class=[{', '.join(left_out)}]"]
    if not out.exists():
        measured([*run, "--to", "train"])
    stages = {stage: measured([*run, "--from", stage, "--to", stage, "--force"]) for stage in ("footprint", "classify")}
    return {**shape, "stages": stages}


def main(program, folder):
    rows = []
    print(f"{'size':>6} {'dates':>6} {'tiles':>6} {'classes':>7} | {'footpr. s':>9} {'MiB':>6} | {'classify s':>10} {'MiB':>6} {'kpx/s':>7}   budget {BUDGET}")
    for shape in ROWS:
        row = row_of(program, folder, shape)
        rows.append(row)
        tile, classify = row["stages"]["footprint"], row["stages"]["classify"]
        speed = shape["size"] ** 2 * shape["tiles"] / classify["seconds"] / 1e3
        print(
            f"{shape['size']:6} {shape['dates']:6} {shape['tiles']:6} {shape['classes']:7} | {tile['seconds']:9.2f} {tile['peak_mib']:6.0f} |"
            f" {classify['seconds']:10.2f} {classify['peak_mib']:6.0f} {speed:7.0f}",
            flush=True,
        )
    (folder / "scale.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    main(Path(sys.argv[1]).resolve(), folder.resolve())
