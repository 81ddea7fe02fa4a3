"""The build back end: maturin, after the objects that travel with the command have been built.

maturin packs one crate of a workspace; the tracer and the object that carries it are two more, and `profkit` looks for
them in `lib/profkit` of the prefix that it is installed in.
"""

import pathlib
import shutil
import subprocess

import maturin
from maturin import *  # noqa: F401,F403 - the hooks that need nothing of ours

OBJECTS = ["libprofkit_preload.so", "libprofkit_tracer.so"]
ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "wheel-data" / "data" / "lib" / "profkit"


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    # maturin wants the folder of the data to be there even where it does not look into it.
    PLACE.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_sdist(sdist_directory, config_settings=None):
    PLACE.mkdir(parents=True, exist_ok=True)
    return maturin.build_sdist(sdist_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    target = ROOT / "target"
    build = ["cargo", "build", "--release", "--package", "profkit-preload", "--package", "profkit-tracer"]
    subprocess.run([*build, "--target-dir", target], cwd=ROOT, check=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in OBJECTS:
        shutil.copy2(target / "release" / name, PLACE / name)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", PLACE / name], check=False)
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
