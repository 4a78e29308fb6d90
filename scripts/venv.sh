#!/bin/sh
# Makes .venv with the Python packages of one list, at the versions pinned there.
# usage: venv.sh test|bench
set -eu
cd "$(dirname "$0")/.."

list="scripts/python-$1.txt"
[ -f "$list" ] || { echo "usage: $0 test|bench" >&2; exit 2; }
stamp=".venv/.$1"
cmp -s "$list" "$stamp" && exit 0

# Debian's own python3 knows venv once python3-venv is there; another one in PATH may not.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$list"
cp "$list" "$stamp"
