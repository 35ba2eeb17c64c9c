"""A real OpenID provider as a process of its own: the npm package ``oidc-provider``, kept outside the tree."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

VERSION = "9.8.5"
CLIENT, SECRET = "gate keeper", "s+cret/%"
NODE, NPM = shutil.which("node"), shutil.which("npm")
_SCRIPT = Path(__file__).with_suffix(".mjs")


def installed():
    """Return the folder that holds the package, installing it where it is not yet; skip where it cannot be."""
    if NODE is None or NPM is None:
        pytest.skip("needs node and npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatekeeper-tests"
    home = cache / f"oidc-provider-{VERSION}"
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache))
        (draft / "package.json").write_text('{"private": true}')
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--fetch-retries=0"]
        done = subprocess.run(
            [NPM, "install", *quiet, f"oidc-provider@{VERSION}"],
            check=False,
            cwd=draft,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            shutil.rmtree(draft)
            pytest.skip(f"needs the npm package oidc-provider {VERSION}: npm ended with {done.returncode}")
        try:
            draft.rename(home)
        except OSError:  # another worker was first
            shutil.rmtree(draft)
    return home


@contextmanager
def providing(home, address):
    """Start a provider whose one client is a service at an address; give its issuer."""
    process = subprocess.Popen(
        [NODE, str(_SCRIPT), str(home), f"{address}/sign-in/return", f"{address}/sign-in"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        issuer = process.stdout.readline().strip()
        assert issuer, f"the provider ended at once with {process.wait()}"
        yield issuer
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()
