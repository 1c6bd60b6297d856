"""bench_memory.py PROGRAM FOLDER [SAMPLES]: training on more samples than memory; called by scripts/bench memory.

Samples of 60 dates and ten bands (1.3 kB each in the file, 2.7 kB as floats) are made in parts, as a country's are in size: ten millions, or
as many as $MILLESIME_BENCH_SAMPLES says. One epoch of L-TAE then learns from them with little and with much memory: peak memory, time, and
whether the weights are the same bytes.
"""
import datetime
import json
import os
import struct
import sys
from pathlib import Path

import numpy as np
from bench_chain import measured

DATES, BANDS, CLASSES, PER_POLYGON, PART = 60, 10, 12, 40, 20_000
NAMES = ["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"]
BUDGETS = ["2GiB", "16GiB"]


def columns(n):
    """Name, type, bytes a number, shape, and the numbers of the rows first..last."""
    random = np.random.default_rng(1)
    row = np.arange(n, dtype="<i8")
    label = 1 + row // PER_POLYGON % CLASSES
    of_class, date, band = np.arange(1, CLASSES + 1)[:, None, None], np.arange(DATES)[None, :, None], np.arange(BANDS)[None, None, :]
    season = (1500 + 900 * np.sin((date - 3 * of_class) / 9 + band / 3)).astype("<i2")
    noise = (250 * random.standard_normal(1 << 25, dtype=np.float32)).astype("<i2")  # each part takes a piece of it

    def reflectance(first, last):
        size = (last - first) * DATES * BANDS
        start = random.integers(noise.size - size)
        return (season[label[first:last] - 1] + noise[start : start + size].reshape(-1, DATES, BANDS)).clip(1, 10_000)

    zeros = np.zeros(n, "<i4")
    return [
        ("polygon", "I64", 8, [n], lambda a, b: row[a:b] // PER_POLYGON),
        ("x", "F64", 8, [n], lambda a, b: row[a:b] * 10.0),
        ("y", "F64", 8, [n], lambda a, b: row[a:b] * 10.0),
        ("sentinel2.scale", "F32", 4, [BANDS], None),
        ("col", "I32", 4, [n], lambda a, b: zeros[a:b]),
        ("label", "I32", 4, [n], lambda a, b: label[a:b].astype("<i4")),
        ("region", "I32", 4, [n], lambda a, b: zeros[a:b]),
        ("row", "I32", 4, [n], lambda a, b: zeros[a:b]),
        ("statics", "F32", 4, [n, 0], None),
        ("sentinel2.values", "I16", 2, [n, DATES, BANDS], reflectance),
        ("sentinel2.valid", "U8", 1, [n, DATES], lambda a, b: (random.integers(0, 10, (b - a, DATES), "u1") > 3).astype("u1")),
        ("split", "U8", 1, [n, 1], lambda a, b: np.zeros(b - a, "u1")),  # all learn
    ]


def make_samples(path, n):
    days = [(datetime.date(2021, 1, 3) + datetime.timedelta(days=6 * i)).isoformat() for i in range(DATES)]
    facts = {"format": 1, "tile": "T31TCJ", "year": 2021, "seeds": 1, "region_names": [""], "static_names": [],
             "series": [{"source": "sentinel2", "bands": NAMES, "dates": days}], "reference": "made"}
    head, at = {"__metadata__": {"samples": json.dumps(facts, separators=(",", ":"))}}, 0
    for name, kind, width, shape, _ in columns(n):
        size = width * int(np.prod(shape))
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, _, _, _, numbers in columns(n):
            if name == "sentinel2.scale":
                np.full(BANDS, 1e-4, "<f4").tofile(file)
            elif numbers:
                for first in range(0, n, PART):
                    numbers(first, min(n, first + PART)).tofile(file)


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    n = int(sys.argv[3] if len(sys.argv) > 3 else os.environ.get("MILLESIME_BENCH_SAMPLES", 10_000_000))
    folder.mkdir(parents=True, exist_ok=True)
    samples = folder / "samples.safetensors"
    if not samples.exists():
        make_samples(folder / "being-made", n)
        (folder / "being-made").rename(samples)
    print(f"{n} samples of {DATES} dates x {BANDS} bands, {samples.stat().st_size / 2**30:.1f} GiB; L-TAE, one epoch")
    models = []
    for budget in BUDGETS:
        models.append(folder / f"model_{budget}.safetensors")
        run = measured([program, "train", "--samples", samples, "--model", "ltae", "--nomenclature", "oso23", "--epochs", "1", "--memory",
                        budget, "--threads", "2", "-o", models[-1], "--quiet"])
        print(f"--memory {budget:6}  peak {run['peak_mib'] / 1024:5.2f} GiB   {run['seconds']:6.0f} s   {run['cpu_seconds']:6.0f} core-s", flush=True)
    same = len({model.read_bytes() for model in models}) == 1
    print("the weights are the same bytes" if same else "THE WEIGHTS DIFFER")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
