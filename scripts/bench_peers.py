"""bench_peers.py STEP FOLDER: other programs from images to a class and a confidence map; called by bench_chain.py.

FOLDER/peers.json names the census of the tile, the folder of its images and the samples: all programs use the same images, samples, ten
bands and dates every ten days. It is the usual code with these libraries, neither optimised nor slowed down; two threads read while another one computes.

  train       forests of scikit-learn and (as a table) of OTB from the samples
  sklearn     rasterio + linear gap filling in numba + RandomForestClassifier.predict_proba
  stack       rasterio + linear gap filling in numba, written as the image that OTB classifies
  pytorch     rasterio + L-TAE (Garnot & Landrieu 2020, the published 2.7 MFLOP a pixel), step by step; its weights are random: only time counts
"""
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

STEP_DAYS, TREES, DEPTH, MIN_LEAF = 10, 100, 25, 5  # defaults of millesime
ROWS = 64  # of a window, a quarter of the files' blocks
NODATA = -10000


def days_and_targets(dates):
    first = dates[0]
    targets = [first + timedelta(n) for n in range(0, (dates[-1] - first).days + 1, STEP_DAYS)]
    return [(d - first).days for d in dates], [(d - first).days for d in targets]


def make_filler():
    import numba
    import numpy as np

    @numba.njit(parallel=True, cache=True)
    def fill(values, valid, days, targets):  # [date,band,pixel], [date,pixel] -> [pixel, target x band]
        n_dates, n_bands, n = values.shape
        out = np.zeros((n, targets.size * n_bands), np.float32)
        for p in numba.prange(n):
            seen = np.empty(n_dates, np.int32)
            count = 0
            for t in range(n_dates):
                if valid[t, p]:
                    seen[count] = t
                    count += 1
            if count == 0:
                continue
            after = 0
            for d in range(targets.size):
                while after < count and days[seen[after]] < targets[d]:
                    after += 1
                b = seen[min(after, count - 1)]
                a = seen[max(after - 1, 0)]
                weight = np.float32(targets[d] - days[a]) / np.float32(days[b] - days[a]) if 0 < after < count else np.float32(0)
                if after == 0:
                    b = a
                for band in range(n_bands):
                    low, high = np.float32(values[a, band, p]), np.float32(values[b, band, p])
                    out[p, d * n_bands + band] = low + (high - low) * weight
        return out

    return lambda values, valid, days, targets: fill(
        np.ascontiguousarray(values), np.ascontiguousarray(valid), np.asarray(days, np.int32), np.asarray(targets, np.int32)
    )


def below(folder, path):
    """A path of the census, which is below the folder of the images; also that of a product in a zip file."""
    in_zip = "/vsizip/{"
    return f"{in_zip}{folder}/{path[len(in_zip):]}" if path.startswith(in_zip) else f"{folder}/{path}"


class Tile:
    """The images of a census, window by window: values [date, band, pixel] and validity [date, pixel]."""

    def __init__(self, census, images):
        (document,) = json.loads(Path(census).read_text())["sources"]
        self.bands = document["bands"]
        passes = [(date.fromisoformat(a["date"]), p) for a in document["acquisitions"] for p in a["passes"]]
        self.dates = [day for day, _ in passes]
        self.files = [{layer: f"{below(images, p['path'])}/{file}" for layer, file in p["layers"].items()} for _, p in passes]

    def read(self, window, rows, cols):
        import numpy as np
        import rasterio
        from rasterio.enums import Resampling
        from rasterio.windows import Window

        row, n = window
        values = np.empty((len(self.files), len(self.bands), n, cols), np.int16)
        valid = np.ones((len(self.files), n, cols), bool)
        for t, files in enumerate(self.files):
            for layer, path in files.items():
                with rasterio.open(path) as source:
                    scale = rows / source.height
                    part = Window(0, row / scale, source.width, n / scale)
                    if layer in self.bands:
                        values[t, self.bands.index(layer)] = source.read(1, window=part, out_shape=(n, cols), resampling=Resampling.bilinear)
                    else:
                        valid[t] &= source.read(1, window=part) == 0
        valid &= (values != NODATA).all(axis=1)
        return values.reshape(len(self.files), len(self.bands), -1), valid.reshape(len(self.files), -1)

    def classify(self, probabilities_of, codes, out):
        """Reads ahead in two threads; writes class.tif and confidence.tif."""
        import numpy as np
        import rasterio

        with rasterio.open(self.files[0]["EDG"]) as source:
            rows, cols, profile = source.height, source.width, source.profile
        profile.update(dtype="uint8", compress="deflate", nodata=0)
        windows = [(row, min(ROWS, rows - row)) for row in range(0, rows, ROWS)]
        with (
            rasterio.open(out / "class.tif", "w", **profile) as labels,
            rasterio.open(out / "confidence.tif", "w", **profile) as confidences,
            ThreadPoolExecutor(2) as readers,
        ):
            ahead = [readers.submit(self.read, window, rows, cols) for window in windows[:2]]
            for number, (row, n) in enumerate(windows):
                values, valid = ahead.pop(0).result()
                if number + 2 < len(windows):
                    ahead.append(readers.submit(self.read, windows[number + 2], rows, cols))
                probabilities = probabilities_of(values, valid)
                best = probabilities.argmax(axis=1)
                seen = valid.any(axis=0)
                label = np.where(seen, codes[best], 0).astype(np.uint8)
                confidence = np.where(seen, np.rint(100 * probabilities[np.arange(best.size), best]), 0).astype(np.uint8)
                window = rasterio.windows.Window(0, row, cols, n)
                labels.write(label.reshape(n, cols), 1, window=window)
                confidences.write(confidence.reshape(n, cols), 1, window=window)


def train(tile, samples_file, folder):
    import joblib
    import numpy as np
    from safetensors import safe_open
    from sklearn.ensemble import RandomForestClassifier

    with safe_open(samples_file, "np") as samples:
        series = json.loads(samples.metadata()["samples"])["series"][0]
        learn = np.isin(samples.get_tensor("split")[:, 0], [0, 2])
        values = samples.get_tensor(f"{series['source']}.values")[learn].transpose(1, 2, 0)
        valid = samples.get_tensor(f"{series['source']}.valid")[learn].transpose(1, 0) != 0
        labels = samples.get_tensor("label")[learn]
    days = [(date.fromisoformat(d) - tile.dates[0]).days for d in series["dates"]]
    features = make_filler()(values, valid, days, days_and_targets(tile.dates)[1])
    forest = RandomForestClassifier(TREES, max_depth=DEPTH, min_samples_split=MIN_LEAF, n_jobs=2, random_state=1).fit(features, labels)
    joblib.dump(forest, folder / "sklearn.joblib")
    names = [f"f{i}" for i in range(features.shape[1])]
    np.savetxt(folder / "otb.csv", np.column_stack([labels, features]), "%g", ",", header=",".join(["label", *names]), comments="")
    (folder / "otb.csvt").write_text(",".join(['"Integer"', *(['"Real"'] * len(names))]) + "\n")


def sklearn(tile, folder):
    import joblib

    forest, fill = joblib.load(folder / "sklearn.joblib"), make_filler()
    days, targets = days_and_targets(tile.dates)
    tile.classify(lambda values, valid: forest.predict_proba(fill(values, valid, days, targets)), forest.classes_, folder)


def stack(tile, folder):
    import numpy as np
    import rasterio

    fill = make_filler()
    days, targets = days_and_targets(tile.dates)
    with rasterio.open(tile.files[0]["EDG"]) as source:
        rows, cols, profile = source.height, source.width, source.profile
    bands = len(targets) * len(tile.bands)
    profile.update(dtype="int16", count=bands, compress=None, interleave="pixel", tiled=False, nodata=None, BIGTIFF="YES")
    for key in ("blockxsize", "blockysize"):
        profile.pop(key, None)
    with rasterio.open(folder / "stack.tif", "w", **profile) as out, ThreadPoolExecutor(2) as readers:
        windows = [(row, min(ROWS, rows - row)) for row in range(0, rows, ROWS)]
        ahead = [readers.submit(tile.read, window, rows, cols) for window in windows[:2]]
        for number, (row, n) in enumerate(windows):
            values, valid = ahead.pop(0).result()
            if number + 2 < len(windows):
                ahead.append(readers.submit(tile.read, windows[number + 2], rows, cols))
            filled = np.rint(fill(values, valid, days, targets)).astype(np.int16)
            out.write(filled.T.reshape(bands, n, cols), window=rasterio.windows.Window(0, row, cols, n))


def pytorch(tile, folder):
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(1)
    torch.set_num_threads(2)
    days, _ = days_and_targets(tile.dates)
    d_model, heads, d_key, classes = 256, 16, 8, 23

    class Ltae(nn.Module):
        def __init__(self, bands):
            super().__init__()
            self.in_norm, self.embed, self.embed_norm = nn.LayerNorm(bands), nn.Linear(bands, d_model), nn.LayerNorm(d_model)
            self.query, self.key = nn.Parameter(torch.randn(heads, d_key)), nn.Linear(d_model, heads * d_key)
            self.mlp = nn.Sequential(nn.Linear(d_model, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.LayerNorm(128))
            self.head = nn.Sequential(nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU())
            self.out = nn.Linear(32, classes)
            angle = torch.tensor(days)[:, None] / 1000 ** (2 * (torch.arange(d_model // heads) // 2) / (d_model // heads))
            self.register_buffer("position", torch.where(torch.arange(d_model // heads) % 2 == 0, angle.sin(), angle.cos()).repeat(1, heads))

        def forward(self, x, valid):  # [N,T,C], [N,T]
            n, t, _ = x.shape
            e = self.embed_norm(self.embed(self.in_norm(x))) + self.position  # [N,T,256]
            k = self.key(e).view(n, t, heads, d_key)
            score = torch.einsum("nthk,hk->nht", k, self.query) / d_key**0.5
            weight = score.masked_fill(~valid[:, None, :], -1e9).softmax(-1)  # [N,16,T]
            value = e.view(n, t, heads, d_model // heads)
            return self.out(self.head(self.mlp(torch.einsum("nht,nthv->nhv", weight, value).flatten(1))))

    network = Ltae(len(tile.bands)).eval()

    def probabilities_of(values, valid):
        parts = []
        with torch.inference_mode():
            for first in range(0, valid.shape[1], 8192):
                x = torch.from_numpy(np.ascontiguousarray(values[:, :, first : first + 8192].transpose(2, 0, 1))).float() / 10000
                parts.append(network(x, torch.from_numpy(valid[:, first : first + 8192].T.copy())).softmax(-1).numpy())
        return np.concatenate(parts)

    tile.classify(probabilities_of, np.arange(1, classes + 1), folder)


if __name__ == "__main__":
    step, folder = sys.argv[1], Path(sys.argv[2])
    given = json.loads((folder / "peers.json").read_text())
    tile = Tile(given["census"], given["images"])
    if step == "train":
        train(tile, given["samples"], folder)
    else:
        {"sklearn": sklearn, "stack": stack, "pytorch": pytorch}[step](tile, folder)
