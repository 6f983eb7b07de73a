#!/bin/sh
# Puts what the daemon needs at run time, and no more, into a folder: the source of its packages and their own
# dependencies. No dependency of the infrastructure or of the tests comes along.
#
#   sh container/build.sh SOURCE TARGET
set -eu
source=$1
target=$2

mkdir -p "$target/packages"
for package in wire proxy cli; do
  mkdir -p "$target/packages/$package"
  cp "$source/packages/$package/package.json" "$target/packages/$package/"
  cp -R "$source/packages/$package/src" "$target/packages/$package/"
done
cp -R "$source/packages/cli/bin" "$target/packages/cli/"
mkdir -p "$target/container"
cp "$source/container/entry.ts" "$source/container/health.ts" "$target/container/"
cp "$source/LICENSE" "$target/"
bun "$source/container/package-json.ts" "$source" "$target"
cd "$target"
bun install --production --ignore-scripts --linker hoisted
