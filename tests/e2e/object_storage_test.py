"""The images lie on object storage: the map from an S3 server that fails every tenth request has the bytes of the map from a folder, as has the
map from a list of STAC items, and the credentials are in no file. Needs what scripts/setup --tests installs; skipped without."""
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

try:
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server
except ImportError:
    print("moto is missing: scripts/setup --tests (or pip install -r scripts/requirements-services.txt into the environment of the tests)")
    sys.exit(77)

PROGRAM = os.environ["MILLESIME_BINARY"]
FOLDER = Path(os.environ["MILLESIME_TEST_FOLDER"])
logging.getLogger("werkzeug").setLevel(logging.ERROR)
KEY, SECRET = "AKIAMILLESIME", "not-to-be-found-anywhere"
FAILS = 10  # one of this number of requests


class FailsNowAndThen:
    def __init__(self, application):
        self.application, self.requests, self.failed, self.lock = application, 0, 0, threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            self.requests += 1
            fails = self.enabled and self.requests % FAILS == 0
            self.failed += fails
        if fails:
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        return self.application(environ, start_response)

    enabled = False


def run(*command, **environment):
    done = subprocess.run([PROGRAM, *map(str, command)], capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def configuration(name, root, sensor="sentinel2_theia"):
    file = FOLDER / f"{name}.toml"
    file.write_text(
        f'year = 2021\noutput = "{name}"\n[[source]]\nsensor = "{sensor}"\nroot = "{root}"\n[reference]\npath = "world/reference.shp"\n'
        'class_field = "CODE"\n[model]\nname = "random_forest"\n[train]\ntrees = 5\n'
    )
    return file


def maps(name):
    files = sorted((FOLDER / name / "2021/work/classify").glob("*.tif"))
    assert len(files) == 3, files
    return {file.name: file.read_bytes() for file in files}


shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
run("simulate", "-o", FOLDER / "world", "--tiles", 1, "--size", 64, "--dates", 5, "--polygons", 6, "--plain", "--value-step", 20)
run("run", configuration("local", "world/l2a"), "--to", "classify", "--quiet")

server = FailsNowAndThen(DomainDispatcherApplication(create_backend_app))
http = make_server("127.0.0.1", 0, server, threaded=True)
threading.Thread(target=http.serve_forever, daemon=True).start()
endpoint = f"127.0.0.1:{http.server_port}"
store = boto3.client("s3", endpoint_url="http://" + endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1")
store.create_bucket(Bucket="images")
for file in sorted((FOLDER / "world/l2a").rglob("*")):
    if file.is_file():
        store.upload_file(str(file), "images", "l2a/" + str(file.relative_to(FOLDER / "world/l2a")))
server.enabled = True
access = {
    "AWS_S3_ENDPOINT": endpoint, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1", "GDAL_HTTP_RETRY_DELAY": "0.02",
}
said = run("run", configuration("remote", "s3://images/l2a"), "--to", "classify", **access)
assert server.failed > 0, f"no request of {server.requests} failed"
print(f"{server.requests} requests, {server.failed} failed")
assert maps("remote") == maps("local"), "the map from object storage differs"

# The same images as items of a list; masks and bands are assets.
items = []
for product in sorted((FOLDER / "world/l2a").glob("*/*")):
    date = product.name.split("_")[1]
    assets = {file.stem.split("_FRE_")[1]: {"href": "s3://images/l2a/" + str(file.relative_to(FOLDER / "world/l2a"))} for file in product.glob("*_FRE_*.tif")}
    for mask in ("CLM", "SAT", "EDG"):
        file = next((product / "MASKS").glob(f"*_{mask}_R1.tif"))
        assets[mask] = {"href": "s3://images/l2a/" + str(file.relative_to(FOLDER / "world/l2a"))}
    items.append({
        "type": "Feature", "id": product.name, "assets": assets,
        "properties": {"datetime": f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[9:11]}:{date[11:13]}:{date[13:15]}Z", "grid:code": "MGRS-" + product.parent.name[1:]},
    })
(FOLDER / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
said += run("run", configuration("listed", "items.json"), "--to", "classify", **access)
assert maps("listed") == maps("local"), "the map from the list of items differs"

for secret in (SECRET, KEY):
    assert secret not in said, f"{secret} is in the log"
    for name in ("remote", "listed"):
        for file in (FOLDER / name).rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), f"{secret} is in {file}"
http.shutdown()
shutil.rmtree(FOLDER)
