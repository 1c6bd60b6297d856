"""soak.py PROGRAM FOLDER KILLS FULL_DISKS [FAILED_WRITES LIBRARY]: interrupts productions and compares the products; called by scripts/soak and a test.

Exit 0: no product was damaged; 1: one was, with a message; 77: no test could be run.
"""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

OLD, NEW = "train.trees=3", "train.trees=5"  # two productions of one world, to distinguish old and new products
DISK_SIZE = "256m"


class Harm(Exception):
    """A damage caused by an interruption."""


def digests(folder):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted((folder / "2021").glob("*")) if f.is_file()}


class Production:
    def __init__(self, program, world):
        self.program, self.world = program, world

    def command(self, out, trees=NEW):
        return [self.program, "run", self.world / "config.toml", "--out", out, "--set", "model.name=random_forest", "--set", trees]

    def run(self, out, trees=NEW, environment=None):
        return subprocess.run(self.command(out, trees), capture_output=True, text=True, env={**os.environ, **(environment or {})})

    def must_run(self, out, trees=NEW):
        done = self.run(out, trees)
        if done.returncode != 0:
            raise Harm(f"an undisturbed run failed with {done.returncode}: {done.stderr}")
        return digests(out)


def expect_same(found, expected, when):
    if found != expected:
        differing = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
        raise Harm(f"{when}: {', '.join(differing)} differ from those of an undisturbed run")


def expect_no_remains(out, when):
    remains = [str(f) for pattern in (".partial-*", ".replaced-*") for f in out.rglob(pattern)]
    remains += [str(f) for f in sorted((out / "2021").glob(".products-*"))[1:]]  # sets beside the current one
    if remains:
        raise Harm(f"{when}: left behind: {', '.join(remains)}")


def kill_runs(production, folder, kills, old, expected, seconds, chance):
    """Every second production starts from a finished older one: at each kill its products are all the old ones or all the new ones."""
    out, kept, done, finished = folder / "killed", folder / "old", 0, 0
    replacing = False

    def begin():
        shutil.rmtree(out, ignore_errors=True)
        if replacing:
            shutil.copytree(kept, out, symlinks=True)

    begin()
    while done < kills:
        child = subprocess.Popen(production.command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(timeout=chance.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            done += 1
            if replacing:
                expect_one_set(digests(out), old, expected, f"after {done} kills")
            continue
        if child.returncode != 0:
            raise Harm(f"after {done} kills the next run failed with {child.returncode}: {production.run(out).stderr}")
        finished += 1
        expect_same(digests(out), expected, f"after {done} kills")
        expect_no_remains(out, f"after {done} kills")
        replacing = not replacing
        begin()
    expect_same(production.must_run(out), expected, f"after {done} kills")
    expect_no_remains(out, f"after {done} kills")
    print(f"{kills} kills: the same bytes in {finished + 1} productions", flush=True)


def fill_disks(production, folder, amounts, old, new):
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "none", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        print(f"full disks: skipped, no tmpfs can be mounted here ({mounted.stderr.strip()})")
        return False
    try:
        out = disk / "out"
        kept = folder / "kept"  # the finished old production
        production.must_run(kept, OLD)

        def resize(size):
            subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)

        def run_with(free):  # pages
            resize(DISK_SIZE)
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(kept, out, symlinks=True)
            state = os.statvfs(disk)
            resize((state.f_blocks - state.f_bfree + free) * state.f_frsize)
            return production.run(out)

        enough = 16
        while run_with(enough).returncode != 0:
            enough *= 2
        failed = 0
        for i in range(amounts):
            free = enough * i // amounts
            full = run_with(free)
            when = f"with {free} pages free"
            if full.returncode == 0:
                expect_same(digests(out), new, when)
                continue
            failed += 1
            expect_clear_error(full, when)
            expect_one_set(digests(out), old, new, when)
            resize(DISK_SIZE)
            expect_same(production.must_run(out), new, f"{when}, after space was freed")
            expect_no_remains(out, when)
        print(f"{amounts} full disks: {failed} runs failed with a clear error, no product was harmed, the next runs went on", flush=True)
        if failed == 0 and amounts > 0:
            raise Harm("no disk was full: the test did not test anything")
        return True
    finally:
        subprocess.run(["umount", disk], check=False)


def expect_clear_error(failed, when):
    if failed.returncode != 2 or "No space left" not in failed.stderr and "disk full" not in failed.stderr:
        raise Harm(f"{when}: exit {failed.returncode} with an error that does not name the disk: {failed.stderr}")


def expect_one_set(found, old, new, when):
    """Products change together: a new map beside an old report is a mixture."""
    if found in (old, new):
        return
    for name, digest in found.items():
        if digest not in (old.get(name), new.get(name)):
            raise Harm(f"{when}: {name} is neither the old product nor the new one")
    if old.keys() - found.keys():
        raise Harm(f"{when}: {', '.join(sorted(old.keys() - found.keys()))} vanished")
    of_new = [name for name, digest in found.items() if digest != old.get(name)]
    of_old = [name for name, digest in found.items() if digest != new.get(name)]
    raise Harm(f"{when}: a mixture: {', '.join(of_new)} of the new set beside {', '.join(of_old)} of the old one")


def fail_writes(production, folder, wanted, library, old, new):
    """Every call that writes, flushes, renames or creates a folder fails in turn (wanted 0), or `wanted` of them, evenly spread."""
    out, kept, count = folder / "failing", folder / "kept", folder / "writes"
    production.must_run(kept, OLD)

    def run(at, once=""):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(kept, out, symlinks=True)
        disk = {"FULL_DISK_FOLDER": str(out), "FULL_DISK_AT": str(at), "FULL_DISK_ONCE": once, "FULL_DISK_COUNT": str(count)}
        return production.run(out, environment={"LD_PRELOAD": str(library), **disk})

    if run(0).returncode != 0:
        raise Harm("a run whose writes were counted failed")
    calls = int(count.read_text())
    if calls < 50:
        raise Harm(f"only {calls} calls were counted: the test did not test anything")
    numbers = range(1, calls + 1) if wanted == 0 else sorted({1 + i * (calls - 1) // max(1, wanted - 1) for i in range(wanted)})
    failed = 0
    for number in numbers:
        for once in ("", "1"):  # a disk that stays full; a disk that has space again
            result = run(number, once)
            when = f"with call {number} of {calls} failing{' once' if once else ' and all after it'}"
            expect_one_set(digests(out), old, new, when)
            if result.returncode != 0:
                failed += 1
                expect_clear_error(result, when)
                production.must_run(out)
            expect_same(digests(out), new, f"{when}, after space was freed")
            expect_no_remains(out, when)
    print(f"{len(numbers)} of {calls} writing calls made to fail, for good and once: {failed} runs failed with a clear error, no product was harmed")
    if failed == 0:
        raise Harm("no run failed: the test did not test anything")


def flip_bits(production, folder, wanted, library, old, new):
    """One bit of `wanted` blocks of maps (0: of each in turn) is written wrongly, as by a faulty disk: the reading back of what was written finds it."""
    out, kept, count = folder / "flipped", folder / "kept", folder / "writes"

    def run(at):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(kept, out, symlinks=True)
        disk = {"FULL_DISK_FOLDER": str(out), "FULL_DISK_AT": str(at), "FULL_DISK_FLIP": "1", "FULL_DISK_COUNT": str(count)}
        return production.run(out, environment={"LD_PRELOAD": str(library), **disk})

    if run(0).returncode != 0:
        raise Harm("a run whose blocks were counted failed")
    blocks = int(count.read_text())
    if blocks < 4:
        raise Harm(f"only {blocks} blocks of maps were written: the test did not test anything")
    numbers = range(1, blocks + 1) if wanted == 0 else sorted({1 + i * (blocks - 1) // max(1, wanted - 1) for i in range(wanted)})
    for number in numbers:
        when = f"with a wrong bit in block {number} of {blocks}"
        result = run(number)
        if result.returncode != 2 or "check the disk" not in result.stderr and "disk full" not in result.stderr:
            raise Harm(f"{when}: exit {result.returncode} instead of an error that names the disk: {result.stderr}")
        expect_one_set(digests(out), old, new, when)
        expect_same(production.must_run(out), new, f"{when}, after the next run")
        expect_true_checksums(production, out, when)
    print(f"{len(numbers)} of {blocks} blocks with a wrong bit: each was found before its map got its name", flush=True)


def expect_true_checksums(production, out, when):
    """Those of manifests and of the STAC item are made while maps are read back, and must be those of the files."""
    verified = subprocess.run([*production.command(out)[:1], "status", *production.command(out)[2:], "--verify"], capture_output=True, text=True)
    if verified.returncode != 0:
        raise Harm(f"{when}: status --verify: {verified.stdout}{verified.stderr}")
    item = json.loads(next((out / "2021").glob("OCS_*.json")).read_text())
    for asset in item["assets"].values():
        path = out / "2021" / asset["href"]
        if not asset["file:checksum"].endswith(hashlib.sha256(path.read_bytes()).hexdigest()):
            raise Harm(f"{when}: {path}: its SHA-256 is not that of the STAC item")


def main(program, folder, kills, full_disks, failed_writes, library):
    seed = int(os.environ.get("MILLESIME_SOAK_SEED", time.time_ns() % 10**9))
    print(f"seed {seed}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    world = folder / "world"
    subprocess.run([program, "simulate", "-o", world, "--tiles", "2", "--size", "64", "--dates", "8", "--seed", "5", "--quiet"], check=True)
    production = Production(program, world)
    begin = time.monotonic()
    new = production.must_run(folder / "new")
    seconds = time.monotonic() - begin
    old = production.must_run(folder / "old", OLD)
    if new == old:
        raise Harm("the two productions are equal: the test cannot detect old products")
    kill_runs(production, folder, kills, old, new, seconds, random.Random(seed))
    if full_disks > 0:
        fill_disks(production, folder, full_disks, old, new)
    if library:
        fail_writes(production, folder, failed_writes, library, old, new)
        flip_bits(production, folder, failed_writes // 4, library, old, new)


if __name__ == "__main__":
    try:
        writes, library = (int(sys.argv[5]), Path(sys.argv[6]).resolve()) if len(sys.argv) > 6 else (0, None)
        main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3]), int(sys.argv[4]), writes, library)
    except Harm as harm:
        sys.exit(f"soak: {harm}")
