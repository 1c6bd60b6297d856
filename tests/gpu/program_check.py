"""program_check.py [--device cuda] [--size 512]: the program itself on a GPU: a simulated tile, models learned on the device and on the CPU, and maps
of one model by both. Prints a table for kernels/MEASURED.md. With --device cpu it checks itself.

Exit 0: the maps agree; 1: some do not; 77: no device.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
MODELS = {"random_forest": [], "ltae": ["--epochs", 10], "temporal_cnn": ["--epochs", 10]}
SAME_BYTES = ["random_forest", "ltae"]  # by kernels of the project; LibTorch adds up in another order on a GPU
LEAST_AGREEMENT = 0.999
NO_DEVICE = "no CUDA device can be used", "built without CUDA"  # kernels/base/device.cpp


def run(*command):
    """Standard output, and seconds."""
    start = time.monotonic()
    done = subprocess.run([PROGRAM, *map(str, command), "--quiet"], capture_output=True, text=True)
    if done.returncode == 2 and any(words in done.stderr for words in NO_DEVICE):
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(77)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr}")
    return done.stdout, time.monotonic() - start


def samples_of(size):
    run("simulate", "-o", "world", "--tiles", 1, "--size", size, "--dates", 30, "--seed", 7, "--plain")
    Path("config.toml").write_text(
        'year = 2021\nnomenclature = "oso23"\noutput = "out"\n[[source]]\nsensor = "sentinel2_theia"\nroot = "world/l2a"\n'
        '[reference]\npath = "world/reference.shp"\nclass_field = "CODE"\n[sample]\nselect = "constant"\nselect_number = 200\n'
    )
    run("run", "config.toml", "--to", "sample")
    return next(Path("out/2021/work/sample").glob("*.safetensors"))


def map_of(model, device):
    """Folder of the map, and seconds of the second of two runs: the first one loads what the system then keeps in memory."""
    folder = Path(f"{model}-{device}")
    command = ["classify", "--model", f"{model}.safetensors", "--tile", next(Path("world/l2a").iterdir()), "-o", folder, "--device", device]
    run(*command)
    return folder, run(*command)[1]


def difference(model, folder, by_cpu):
    """What is wrong, or "": every file byte for byte, or nearly all classes."""
    if model in SAME_BYTES:
        names = sorted(path.name for path in by_cpu.glob("*.tif"))
        assert "classification.tif" in names
        return ", ".join(name for name in names if (folder / name).read_bytes() != (by_cpu / name).read_bytes())
    compared = json.loads(run("compare", folder / "classification.tif", by_cpu / "classification.tif", "--json")[0])
    return "" if compared["agreement"] >= LEAST_AGREEMENT else f"{compared['agreement']:.4f} of the classes agree"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.chdir(FOLDER)
    samples = samples_of(options.size)
    print(f"| model | learned in, {options.device} | cpu | map in, {options.device} | cpu | result |\n|---|---|---|---|---|---|")
    wrong = 0
    for model, epochs in MODELS.items():
        train = ["train", "--samples", samples, "--nomenclature", "oso23", "--model", model, *epochs, "-o", f"{model}.safetensors"]
        learned, learned_by_cpu = (run(*train, "--device", device)[1] for device in (options.device, "cpu"))
        (folder, mapped), (by_cpu, mapped_by_cpu) = (map_of(model, device) for device in (options.device, "cpu"))
        differs = difference(model, folder, by_cpu)
        wrong += differs != ""
        agrees = "the CPU's bytes" if model in SAME_BYTES else "the CPU's classes"
        print(f"| {model} | {learned:.1f} s | {learned_by_cpu:.1f} s | {mapped:.1f} s | {mapped_by_cpu:.1f} s | {differs or agrees} |", flush=True)
    print(f"{options.size} x {options.size} pixels, 30 dates; starting the program is part of each time")
    shutil.rmtree(FOLDER)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
