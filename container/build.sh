#!/bin/sh
# Creates the contents of the image in a folder: the single file, the folder that it may write to, and the license. From
# the base image it only needs the C library and the CA certificates.
#
#   sh container/build.sh SOURCE TARGET ARCHITECTURE        (amd64 or arm64, as in Docker)
set -eu
source=$1
target=$2
case $3 in
  amd64) platform=linux-x64 ;;
  arm64) platform=linux-arm64 ;;
  *) echo "error: there is no image for the architecture \"$3\"; there is one for amd64 and arm64" >&2; exit 1 ;;
esac

cd "$source"
# The build tools, and the contents; not the infrastructure.
[ -d node_modules ] || npm ci --workspace=@sluice/cli --include-workspace-root
npm run --silent build:binary -- "$platform"
mkdir -p "$target/usr/local/bin" "$target/usr/share/doc/sluice" "$target/run/sluice"
cp "dist/bin/sluice-$platform" "$target/usr/local/bin/sluice"
cp LICENSE "$target/usr/share/doc/sluice/"
chmod 0755 "$target/usr/local/bin/sluice"
chmod 0700 "$target/run/sluice"
