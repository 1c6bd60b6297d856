"""bench_chain.py PROGRAM FOLDER [PYTHON]: time and peak memory of every stage on one simulated tile; called by scripts/bench chain.

With the Python of scripts/setup --bench, classification is compared with that of other programs (bench_peers.py).

Each stage runs in its own process (run --from STAGE --to STAGE), so its peak memory is its own. Pixels are those of the tile: a stage
that reads few of them (sample, train) looks fast by this measure; compare it only with itself.
"""
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, DATES, SEED = 1024, 30, 1
RADAR_SIZE = 512  # its world takes long to simulate
# Enough samples and epochs for a model of full size; its quality does not matter here.
MODELS = {"random_forest": [], "ltae": ["--set", "train.epochs=2"]}
SETTINGS = ["--set", "sample.select=constant", "--set", "sample.select_number=200"]


def measured(command):
    """Runs a command to its end: seconds of the clock, of the processor, and peak resident memory in MiB."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as messages:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        _, status, usage = os.wait4(child.pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            messages.seek(0)
            sys.exit(f"bench: {' '.join(map(str, command))} failed with status {os.waitstatus_to_exitcode(status)}:\n{messages.read()}")
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


def beside_peers(program, world, folder, python):
    """From images to a class and a confidence map, with millesime and other programs: the same images, samples, bands and dates."""
    peers = folder / "peers"
    shutil.rmtree(peers, ignore_errors=True)
    peers.mkdir()
    config = peers / "config.toml"  # no regions and no static inputs: one model, as in the other programs
    config.write_text(
        f'year = 2021\nnomenclature = "oso23"\noutput = "out"\n[[source]]\nsensor = "sentinel2_theia"\nroot = "{world / "l2a"}"\n'
        f'[reference]\npath = "{world / "reference.shp"}"\nclass_field = "CODE"\n'
        '[sample]\nselect = "constant"\nselect_number = 200\n'
    )
    measured([program, "run", config, "--to", "sample", "--quiet"])
    work = peers / "out/2021/work"
    samples, tile = next(work.glob("sample/*.safetensors")), next((world / "l2a").iterdir())
    census = next(work.glob("catalog/T31TCJ.json"))
    (peers / "peers.json").write_text(json.dumps({"census": str(census), "images": str(world / "l2a"), "samples": str(samples)}))

    def ours(model, *settings, precision="float32"):
        file = peers / f"{model}.safetensors"
        if not file.exists():
            measured([program, "train", "--samples", samples, "--nomenclature", "oso23", "--model", model, "-o", file, *settings])
        return [[program, "classify", "--model", file, "--tile", tile, "-o", peers / model, "--precision", precision, "--quiet"]]

    def step(name):
        return [python, "-B", Path(__file__).with_name("bench_peers.py"), name, peers]

    few = ("--epochs", "2")
    chains = {
        "millesime random forest": ours("random_forest"),
        "millesime L-TAE": ours("ltae", *few),
        "millesime L-TAE, bfloat16": ours("ltae", *few, precision="bfloat16"),
        "millesime TempCNN": ours("temporal_cnn", *few),
        "millesime TempCNN, bfloat16": ours("temporal_cnn", *few, precision="bfloat16"),
    }
    absent = {}
    if python:
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")  # as for millesime, compiling is not part of the time
        measured(step("train"))
        chains["numba, scikit-learn forest"] = [step("sklearn")]
        chains["PyTorch, plain L-TAE"] = [step("pytorch")]
    else:
        absent = dict.fromkeys(["numba, scikit-learn forest", "PyTorch, plain L-TAE"], "scripts/setup --bench installs it")
    otb = "numba, OTB forest"
    if python and shutil.which("otbcli_TrainVectorClassifier"):
        features = [f"f{i}" for i in range((peers / "otb.csv").open().readline().count(","))]
        forest = ["-classifier", "rf", "-classifier.rf.nbtrees", "100", "-classifier.rf.max", "25", "-classifier.rf.min", "5"]
        table = ["-io.vd", peers / "otb.csv", "-cfield", "label", "-io.out", peers / "otb.rf", "-feat", *features]
        measured(["otbcli_TrainVectorClassifier", *table, *forest])
        maps = ["-out", peers / "otb_class.tif", "uint8", "-confmap", peers / "otb_confidence.tif", "float"]
        chains[otb] = [step("stack"), ["otbcli_ImageClassifier", "-in", peers / "stack.tif", "-model", peers / "otb.rf", *maps]]
    else:
        absent[otb] = "scripts/setup --bench installs it"

    print(f"\n{'images to class and confidence':32} {'seconds':>9} {'CPU s':>9} {'kpx/s':>9} {'peak MiB':>9}")
    rows = {}
    for name, commands in chains.items():
        parts = [measured(command) for command in commands]
        row = {key: sum(part[key] for part in parts) for key in ("seconds", "cpu_seconds")}
        row |= {"peak_mib": max(part["peak_mib"] for part in parts), "parts_seconds": [part["seconds"] for part in parts]}
        rows[name] = row
        print(f"{name:32} {row['seconds']:9.2f} {row['cpu_seconds']:9.2f} {SIZE * SIZE / row['seconds'] / 1e3:9.1f} {row['peak_mib']:9.0f}", flush=True)
        if len(parts) > 1:
            print(" " * 32, "of which", " + ".join(f"{seconds:.1f}" for seconds in row["parts_seconds"]), "s")
    for name, why in absent.items():
        rows[name] = {"absent": why}
        print(f"{name:32} absent: {why}")
    return rows


def with_radar(program, folder):
    """Classification by L-TAE of Sentinel-2 alone, and with Sentinel-1 of two orbits: the same world, samples and size of the model."""
    world = folder / "world_radar"
    if not (world / "config.toml").exists():
        shutil.rmtree(world, ignore_errors=True)
        sensors = ["--sensors", "sentinel2_theia,sentinel1_s1tiling"]
        measured([program, "simulate", "-o", world, "--tiles", "1", "--size", str(RADAR_SIZE), "--dates", str(DATES), "--seed", str(SEED), *sensors, "--quiet"])
    optical = '[[source]]\nsensor = "sentinel2_theia"\nroot = "l2a"\n'
    orbit = '[[source]]\nname = "{0}"\nsensor = "sentinel1_s1tiling"\nroot = "s1"\nvariant = "{0}"\n'
    rows = {}
    print(f"\n{'classify by L-TAE':32} {'seconds':>9} {'CPU s':>9} {'kpx/s':>9} {'peak MiB':>9}")
    for name, sources in {"Sentinel-2": optical, "Sentinel-2, Sentinel-1 (2 orbits)": optical + orbit.format("ASC") + orbit.format("DES")}.items():
        config = world / f"sources_{len(rows)}.toml"
        config.write_text(
            f'year = 2021\nnomenclature = "oso23"\noutput = "out_{len(rows)}"\n{sources}[reference]\npath = "reference.shp"\nclass_field = "CODE"\n'
            '[sample]\nselect = "constant"\nselect_number = 200\n[model]\nname = "ltae"\nsources = ["all"]\n[train]\nepochs = 2\n'
        )
        measured([program, "run", config, "--to", "train", "--quiet"])
        again = [program, "run", config, "--from", "classify", "--to", "classify", "--force", "--quiet"]
        row = min((measured(again) for _ in range(3)), key=lambda run: run["cpu_seconds"])
        rows[name] = row
        print(f"{name:32} {row['seconds']:9.2f} {row['cpu_seconds']:9.2f} {RADAR_SIZE * RADAR_SIZE / row['seconds'] / 1e3:9.1f} {row['peak_mib']:9.0f}", flush=True)
    alone, both = rows.values()
    print(f"with radar: {alone['seconds'] / both['seconds']:.2f} of the speed ({alone['cpu_seconds'] / both['cpu_seconds']:.2f} by CPU seconds)")
    return rows


def main(program, folder, python):
    world, out = folder / "world", folder / "out"
    if not (world / "config.toml").exists():
        shutil.rmtree(world, ignore_errors=True)
        print(f"simulating a tile of {SIZE} x {SIZE} pixels and {DATES} dates, seed {SEED}", flush=True)
        measured([program, "simulate", "-o", world, "--tiles", "1", "--size", str(SIZE), "--dates", str(DATES), "--seed", str(SEED), "--quiet"])
    report = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "size": SIZE, "dates": DATES, "seed": SEED, "models": {}}
    for model, settings in MODELS.items():
        shutil.rmtree(out, ignore_errors=True)
        report["models"][model] = chain(model, [program, "run", world / "config.toml", "--out", out, "--set", f"model.name={model}", *SETTINGS, *settings])
    report["with_radar"] = with_radar(program, folder)
    report["beside_peers"] = beside_peers(program, world, folder, python)
    (folder / "chain.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{folder / 'chain.json'}")


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    main(Path(sys.argv[1]).resolve(), folder.resolve(), sys.argv[3] if len(sys.argv) > 3 else "")
