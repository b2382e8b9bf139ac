#!/bin/sh
# Runs a command in a folder where the sources have the names under which they are installed.
#
#     tools/with_installed_names.sh mypy -p grain_codec
#
# setup.cfg installs cli/ as grain_codec.cli, formats/ as grain_codec.formats, and so on (package_dir). Tools that read
# sources instead of importing them do not know that. This script makes a temporary folder of symbolic links that has
# the installed layout and nothing else, runs the command there, and removes the folder. Messages name the files by
# their installed paths; grain_codec/cli/encode.py is cli/encode.py.
set -eu
repository=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tree=$(mktemp -d "${TMPDIR:-/tmp}/installed-names.XXXXXX")
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$tree/grain_codec"
for entry in "$repository"/grain_codec/*; do
    ln -s "$entry" "$tree/grain_codec/"
done
awk '/^package_dir/ { inside = 1; next } /^[^ ]/ { inside = 0 } inside { print $1, $3 }' "$repository/setup.cfg" |
    while read -r package folder; do
        [ "$package" = grain_codec ] || ln -s "$repository/$folder" "$tree/$(echo "$package" | tr . /)"
    done

cd "$tree"
PYTHONPATH="$tree" "$@"
