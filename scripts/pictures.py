"""pictures.py PROGRAM FOLDER [PICTURE...]: pictures of the READMEs, made anew in FOLDER/pictures from simulated worlds; all, or those named.

june.png: the editions of March, June and December of one year by one model that learned another year, and their confidence below.
lasting.png: four yearly maps with flicker and a town that grows in 2020, the same made consistent, and where a change lasts.
quality.png: the truth, a map by a random forest pixel by pixel, and one by the model auto (train.effort = "quick") with smoothed
probabilities; below, what is wrong in each.
"""
import struct
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).resolve().parent.parent
GAP = 6  # px of white between panels


def png(path, image):
    """Writes [row, column, 3] bytes."""
    rows, cols, _ = image.shape
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    lines = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(image, np.uint8))
    header = struct.pack(">IIBBBBB", cols, rows, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def numbers(tif, folder, kind=np.uint8):
    """The first band of a raster."""
    raw = folder / (tif.stem + ".raw")
    subprocess.run(["gdal_translate", "-q", "-of", "ENVI", "-b", "1", tif, raw], check=True)
    size = dict(line.split(" = ") for line in raw.with_suffix(".hdr").read_text().splitlines() if " = " in line)
    names = {key.strip(): value for key, value in size.items()}
    return np.fromfile(raw, kind).reshape(int(names["lines"]), int(names["samples"]))


def colours():
    palette = np.full((256, 3), 255, np.uint8)
    for entry in tomllib.loads((SOURCE / "configs/nomenclatures/oso23.toml").read_text())["class"]:
        palette[entry["code"]] = [int(entry["color"][i:i + 2], 16) for i in (1, 3, 5)]
    return palette


def shades(values, most):
    """White to dark blue."""
    share = np.clip(values.astype(float) / most, 0, 1)[..., None]
    return (255 * (1 - share) + np.array([8, 48, 107]) * share).astype(np.uint8)


def panels(rows):
    """Images of one size beside and below each other."""
    def joined(images, axis):
        shape = list(images[0].shape)
        shape[axis] = GAP
        parts = [images[0]]
        for image in images[1:]:
            parts += [np.full(shape, 255, np.uint8), image]
        return np.concatenate(parts, axis)
    return joined([joined(row, 1) for row in rows], 0)


def run(program, *command):
    subprocess.run([program, *map(str, command)], check=True)


def simulate(program, world, *options):
    if not world.exists():
        run(program, "simulate", "-o", world, "--tiles", 1, "--size", 256, "--dates", 45, "--plain", "--seed", 5, *options)


def june(program, folder, pictures):
    for year in (2020, 2021):
        simulate(program, folder / str(year), "--year", year)
    run(program, "samples", "extract", folder / "2020/config.toml", "-o", folder / "samples.safetensors")
    run(program, "train", "--samples", folder / "samples.safetensors", "--model", "ltae", "--nomenclature", "oso23", "--set",
        "train.season_cut=1", "--set", "train.epochs=40", "--select", "constant", "--select-number", 100, "-o", folder / "any-day.safetensors")
    maps, confidences = [], []
    for until in ("2021-03-31", "2021-06-30", "2021-12-31"):
        run(program, "run", folder / "2021/config.toml", "--until", until, "--set", f"model.path={folder / 'any-day.safetensors'}",
            "--quiet")
        edition = "2021" if until.endswith("12-31") else until[:7]
        product = folder / f"2021/out/{edition}/OCS_{edition}"
        maps.append(colours()[numbers(product.with_suffix(".tif"), folder)])
        confidences.append(shades(numbers(Path(f"{product}_confidence.tif"), folder), 100))
    png(pictures / "june.png", panels([maps, confidences]))


def lasting(program, folder, pictures):
    simulate(program, folder / "2021", "--year", 2021)
    truth = folder / "2021/truth/truth.tif"
    classes = numbers(truth, folder)
    mapped, random = classes > 0, np.random.default_rng(1)
    maps = []
    for year in (2018, 2019, 2020, 2021):
        of_year = classes.copy()
        if year >= 2020:
            of_year[120:165, 60:120] = 2  # houses on fields
        patches = random.random((classes.shape[0] // 4 + 1, classes.shape[1] // 4 + 1)) < 0.12
        flicker = np.kron(patches, np.ones((4, 4), bool))[:classes.shape[0], :classes.shape[1]]
        other = np.kron(random.integers(1, 24, patches.shape), np.ones((4, 4), int))[:classes.shape[0], :classes.shape[1]]
        of_year = np.where(mapped, np.where(flicker, other, of_year), 0).astype(np.uint8)
        of_year.tofile(folder / "truth.raw")
        maps.append(folder / f"OCS_{year}.tif")
        subprocess.run(["gdal_translate", "-q", "-a_nodata", "0", folder / "truth.raw", maps[-1]], check=True)
    subprocess.run([program, "reconcile", *maps, "--nomenclature", "oso23", "-o", folder / "years", "--quiet"], check=True)
    before = [colours()[numbers(each, folder)] for each in maps]
    after = [colours()[numbers(folder / f"years/OCS_{year}.tif", folder)] for year in (2018, 2019, 2020, 2021)]
    lasts = shades(numbers(folder / "years/change.tif", folder), 100)
    white = np.full_like(lasts, 255)
    png(pictures / "lasting.png", panels([before + [white], after + [lasts]]))


def quality(program, folder, pictures):
    world = folder / "quality"
    simulate(program, world, "--cloud-share", 0.4, "--wrong-labels", 0.08)
    truth = numbers(world / "truth/truth.tif", folder)
    maps = []
    for name, settings in (("forest", ["model.name=random_forest", "classify.smooth=0"]), ("auto", ["train.effort=quick"])):
        settings = [*settings, "sample.select=constant", "sample.select_number=200"]
        run(program, "run", world / "config.toml", "--out", world / name, "--quiet", *[part for each in settings for part in ("--set", each)])
        maps.append(numbers(world / name / "2021/OCS_2021.tif", folder))
    judged = [(truth > 0) & (each > 0) for each in maps]
    wrong = [shades(np.where(counts & (each != truth), 1, 0), 1) for each, counts in zip(maps, judged)]
    for name, each, counts in zip(("forest", "auto"), maps, judged):
        print(f"{name}: {np.mean(each[counts] == truth[counts]):.3f} of the pixels are right")
    show = lambda classes: colours()[classes]
    png(pictures / "quality.png", panels([[show(truth), *map(show, maps)], [np.full_like(wrong[0], 255), *wrong]]))


PICTURES = {"june": june, "lasting": lasting, "quality": quality}


def main():
    program, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or PICTURES:
        PICTURES[name](program, folder, pictures)
        print(pictures / f"{name}.png")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not set(sys.argv[3:]) <= set(PICTURES):
        sys.exit(__doc__)
    main()
