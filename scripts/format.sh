#!/bin/sh
# Formats every Swift source but generated ones, or with --lint says which are not formatted.
set -eu
cd "$(dirname "$0")/.."

files=$(find Package.swift Sources Tests -name '*.swift' ! -name '*.pb.swift')
if [ "${1:-}" = --lint ]; then
  echo "$files" | xargs swift format lint --strict --parallel
else
  echo "$files" | xargs swift format --in-place --parallel
fi
