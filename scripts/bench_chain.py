"""bench_chain.py PROGRAM FOLDER: time and peak memory of every stage on one simulated tile; called by scripts/bench chain.

Each stage runs in a process of its own (run --from STAGE --to STAGE), so its peak memory is its own. Pixels are those of the tile: a stage
that touches few of them (sample, train) looks fast by this measure and is compared with itself only.
"""
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

SIZE, DATES, SEED = 1024, 30, 1
# Enough samples and epochs for a model of full size; how long a good one learns is another question (millesime benchmark).
MODELS = {"random_forest": [], "ltae": ["--set", "train.epochs=2"]}
SETTINGS = ["--set", "sample.select=constant", "--set", "sample.select_number=200"]


def measured(command):
    """Runs a command to its end: seconds of the clock, of the processor, and peak resident memory in MiB."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} failed with status {os.waitstatus_to_exitcode(status)}")
    return {"seconds": time.monotonic() - start, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}


def chain(model, run):
    """Runs stage by stage, prints a table and returns its rows."""
    plan = json.loads(subprocess.run([*run, "--dry-run", "--json"], check=True, capture_output=True).stdout)
    stages = list(dict.fromkeys(unit["stage"] for unit in plan))
    rows = {stage: measured([*run, "--from", stage, "--to", stage, "--quiet"]) for stage in stages}
    rows["chain"] = {
        "seconds": sum(row["seconds"] for row in rows.values()),
        "cpu_seconds": sum(row["cpu_seconds"] for row in rows.values()),
        "peak_mib": max(row["peak_mib"] for row in rows.values()),
    }
    print(f"\n{model:12} {'seconds':>9} {'CPU s':>9} {'Mpixel/s':>9} {'peak MiB':>9}")
    for stage, row in rows.items():
        row["pixels_per_second"] = SIZE * SIZE / row["seconds"]
        print(f"{stage:12} {row['seconds']:9.2f} {row['cpu_seconds']:9.2f} {row['pixels_per_second'] / 1e6:9.3f} {row['peak_mib']:9.0f}", flush=True)
    return rows


def main(program, folder):
    world, out = folder / "world", folder / "out"
    if not (world / "config.toml").exists():
        shutil.rmtree(world, ignore_errors=True)
        print(f"simulating a tile of {SIZE} x {SIZE} pixels and {DATES} dates, seed {SEED}", flush=True)
        measured([program, "simulate", "-o", world, "--tiles", "1", "--size", str(SIZE), "--dates", str(DATES), "--seed", str(SEED), "--quiet"])
    report = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "size": SIZE, "dates": DATES, "seed": SEED, "models": {}}
    for model, settings in MODELS.items():
        shutil.rmtree(out, ignore_errors=True)
        report["models"][model] = chain(model, [program, "run", world / "config.toml", "--out", out, "--set", f"model.name={model}", *SETTINGS, *settings])
    (folder / "chain.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{folder / 'chain.json'}")


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    main(Path(sys.argv[1]).resolve(), folder.resolve())
