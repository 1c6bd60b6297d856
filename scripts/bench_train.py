"""bench_train.py PROGRAM FOLDER [PYTHON]: how fast a random forest learns and how good it is; called by scripts/bench train.

With the Python of scripts/setup --bench, beside scikit-learn and OpenCV: the same samples, 100 trees of depth 25, two threads (OpenCV has
one). The samples are made here: 23 classes, 30 dates of 10 bands, groups of ten that share a disturbance, as the pixels of a parcel do. For
OpenCV, which needs minutes, the time of few trees is scaled up.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

from bench_chain import measured

SAMPLES, TESTED, DATES, BANDS, CLASSES, TREES, DEPTH, MIN_LEAF, THREADS = 100_000, 20_000, 30, 10, 23, 100, 25, 5, 2

PEER = """
import sys, time
import numpy as np
from pathlib import Path
name, folder, trees, depth, leaf, threads = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
tx, ty = np.load(folder / "test_x.npy"), np.load(folder / "test_y.npy")
start, spent = time.monotonic(), time.process_time()
if name == "scikit-learn":
    from sklearn.ensemble import RandomForestClassifier
    # min_samples_split counts the samples that a node needs; OTB and OpenCV name the number up to which it is not split.
    forest = RandomForestClassifier(trees, max_depth=depth, min_samples_split=leaf + 1, n_jobs=threads, random_state=1).fit(x, y)
    seconds, cpu = time.monotonic() - start, time.process_time() - spent
    votes = np.stack([tree.predict(tx).astype(int) for tree in forest.estimators_])  # as the other two, not the mean of shares
    said = forest.classes_[np.apply_along_axis(lambda v: np.bincount(v, minlength=forest.n_classes_), 0, votes).argmax(0)]
else:
    import cv2
    cv2.setNumThreads(threads)
    some = 10
    forest = cv2.ml.RTrees_create()
    forest.setMaxDepth(depth), forest.setMinSampleCount(leaf), forest.setTermCriteria((cv2.TERM_CRITERIA_MAX_ITER, some, 0))
    forest.train(x, cv2.ml.ROW_SAMPLE, y.astype(np.int32))
    seconds, cpu = (time.monotonic() - start) * trees / some, (time.process_time() - spent) * trees / some
    said = forest.predict(tx)[1][:, 0].astype(int)
print(f"SECONDS {seconds} CPU {cpu} ACCURACY {(said == ty).mean()}")
"""


def make_samples(folder):
    import numpy as np

    random = np.random.default_rng(1)
    days = np.linspace(0, 1, DATES, dtype=np.float32)
    centres = random.uniform(0.1, 0.9, (CLASSES, 3, BANDS)).astype(np.float32)

    def some(n):
        group = np.arange(n) // 10
        y = random.integers(0, CLASSES, group[-1] + 1)[group]
        of_group = random.normal(0, 0.15, (group[-1] + 1, 3, BANDS)).astype(np.float32)[group]
        level, height, when = np.moveaxis(centres[y] + of_group, 1, 0)  # [sample, band]
        season = np.exp(-(((days[None, :, None] - when[:, None, :]) / 0.15) ** 2))
        x = 2000 * level[:, None, :] + 3000 * height[:, None, :] * season
        return np.rint(x + random.normal(0, 1500, x.shape)).astype(np.float32).reshape(n, -1), y + 1, group

    for name, n in (("", SAMPLES), ("test_", TESTED)):
        x, y, group = some(n)
        np.save(folder / f"{name}x.npy", x), np.save(folder / f"{name}y.npy", y)
        names = ",".join(f"B{b + 1}_2021{1 + d * 12 // DATES:02}{1 + d * 12 % DATES * 28 // DATES:02}" for d in range(DATES) for b in range(BANDS))
        table = np.column_stack([y, group, x]).astype(np.int32)
        np.savetxt(folder / f"{name}samples.csv", table, "%d", ",", header=f"label,group,{names}", comments="")


def rows(program, folder, python):
    make = [program, "samples", "import", "--nomenclature", "oso23"]
    for name in ("", "test_"):
        measured([*make, folder / f"{name}samples.csv", "-o", folder / f"{name}samples.safetensors"])
    model = folder / "forest.safetensors"
    settings = [f"train.{key}={value}" for key, value in (("trees", TREES), ("depth", DEPTH), ("min_leaf", MIN_LEAF), ("validation_ratio", 0))]
    train = [program, "train", "--samples", folder / "samples.safetensors", "--nomenclature", "oso23", "--model", "random_forest", "-o", model]
    row = measured([*train, "--threads", str(THREADS), "--quiet", *(word for s in settings for word in ("--set", s))])
    judged = [program, "evaluate", "--model", model, "--samples", folder / "test_samples.safetensors", "--json", "--quiet"]
    accuracy = json.loads(subprocess.run(judged, check=True, capture_output=True).stdout)
    yield "millesime train", row["seconds"], row["cpu_seconds"], accuracy["overall_accuracy"], f"the whole command, peak {row['peak_mib']:.0f} MiB"
    for peer in ("scikit-learn", "OpenCV") if python else ():
        command = [python, "-c", PEER, peer, folder, *map(str, (TREES, DEPTH, MIN_LEAF, THREADS))]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, cpu, accuracy = map(float, re.match(r"SECONDS (\S+) CPU (\S+) ACCURACY (\S+)", said).groups())
        yield peer, seconds, cpu, accuracy, "fit alone" if peer != "OpenCV" else "fit alone; time of 10 trees x 10, accuracy of 10"


def main(program, folder, python):
    make_samples(folder)
    print(f"{SAMPLES} samples of {DATES} dates x {BANDS} bands, {CLASSES} classes; {TREES} trees, {THREADS} threads")
    print(f"{'':16} {'seconds':>8} {'CPU s':>8} {'x':>6} {'accuracy':>9}")
    first = None
    for name, seconds, cpu, accuracy, note in rows(program, folder, python):
        first = first or cpu
        print(f"{name:16} {seconds:8.1f} {cpu:8.1f} {cpu / first:6.1f} {accuracy:9.4f}  {note}", flush=True)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], place, sys.argv[3] if len(sys.argv) > 3 and sys.argv[3] else None)
