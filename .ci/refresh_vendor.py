"""Fetch the page's libraries from npm as ``vendor/README.md`` lists them; check each by its hash.

To take a newer version: change it in the table, run ``make vendor``, read what the new hash is,
look at what changed, and put the hash into the table. Needs npm; users of ctmo-indi never do.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "ctmo_indi" / "web" / "static" / "vendor"
ROW = re.compile(
    r"\| `(?P<file>[^`]+)` \| (?P<package>[\w-]+)[^|]* \| (?P<version>[\d.]+) \| `(?P<path>[^`]+)` "
    r"\| [^|]+ \| `(?P<hash>[0-9a-f]{64})` \|"
)


def main() -> int:
    """Rewrite every file whose hash is as listed; 1 when one is not."""
    rows = [match.groupdict() for match in ROW.finditer((VENDOR / "README.md").read_text())]
    packages = {(row["package"], row["version"]) for row in rows}
    contents = {package: _packed(*package) for package in sorted(packages)}
    wrong = 0
    for row in rows:
        data = contents[row["package"], row["version"]][row["path"]]
        found = hashlib.sha256(data).hexdigest()
        if found == row["hash"]:
            (VENDOR / row["file"]).write_bytes(data)
            sys.stdout.write(f"{row['file']}: {row['package']} {row['version']}\n")
        else:
            wrong += 1
            sys.stderr.write(
                f"{row['file']}: expected {row['hash']}, came {found}; left as it was\n"
            )
    return 1 if wrong or not rows else 0


def _packed(package: str, version: str) -> dict[str, bytes]:
    """Return the files of a package by their path in it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{package}@{version}"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        (archive,) = Path(folder).glob("*.tgz")
        data = archive.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = [member for member in tar if member.isfile()]
        opened = {member.name.split("/", 1)[1]: tar.extractfile(member) for member in members}
        return {name: file.read() for name, file in opened.items() if file is not None}


if __name__ == "__main__":
    sys.exit(main())
