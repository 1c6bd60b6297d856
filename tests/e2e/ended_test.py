"""A run that is asked to end (SIGTERM, as Slurm does) ends soon, with the state of its training saved and no half product; the same command
goes on from there. Nothing is recorded as a failure."""
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

PROGRAM = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
EPOCHS = 30


def start(*command):
    return subprocess.Popen([PROGRAM, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def run(*command):
    child = start(*command)
    said = child.communicate()[1]
    assert child.returncode == 0, said
    return said


shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
run("simulate", "-o", FOLDER / "world", "--tiles", 1, "--size", 128, "--dates", 10, "--seed", 3, "--value-step", 20, "--plain")
config = FOLDER / "config.toml"
config.write_text(
    f'year = 2021\nnomenclature = "oso23"\noutput = "out"\n[[source]]\nsensor = "sentinel2_theia"\nroot = "world/l2a"\n'
    f'[reference]\npath = "world/reference.shp"\nclass_field = "CODE"\n[model]\nname = "ltae"\n[train]\nepochs = {EPOCHS}\nrefit_polygons = 0\n'
)
trained = FOLDER / "out/2021/work/train"
run("run", config, "--to", "sample")

child = start("run", config, "--to", "train", "--threads", 1)
for line in child.stderr:
    if "epoch 2:" in line:
        break
child.send_signal(signal.SIGTERM)
asked = time.monotonic()
said = child.communicate()[1]
took = time.monotonic() - asked
assert child.returncode == 143, f"exit {child.returncode}: {said}"
assert took < 20, f"it took {took:.0f} s"
assert "goes on from there" in said, said
left = sorted(path.name for path in trained.iterdir() if not path.name.startswith("."))
assert left == ["all_seed_0.safetensors.ltae.checkpoint"], left
status = subprocess.run([PROGRAM, "status", config], capture_output=True, text=True, check=True).stdout
assert "failed" not in status, status

said = run("run", config, "--to", "train", "--threads", 2)
assert "of an interrupted training" in said, said
model = (trained / "all_seed_0.safetensors").read_bytes()
run("run", config, "--to", "train", "--force")
assert (trained / "all_seed_0.safetensors").read_bytes() == model, "an interrupted training ended with another model"
shutil.rmtree(FOLDER)
