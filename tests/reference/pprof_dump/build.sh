#!/bin/sh
# Builds the profile reader of one Go release: build.sh GOROOT OUTPUT
#
# The library is the copy that the release vendors for `go tool pprof`; it is copied into a scratch folder, never into the
# repository. Nothing is downloaded. The Go command of another root (a chroot's, say) works from outside, given GOROOT.
set -eu
goroot=$1
output=$(realpath -m "$2")
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$here/main.go" "$scratch/"
cp -r "$goroot/src/cmd/vendor/github.com/google/pprof/profile" "$scratch/profile"
printf 'module reference\n\ngo 1.19\n' >"$scratch/go.mod"
mkdir -p "$(dirname "$output")"
cd "$scratch"
env -u GOFLAGS GOROOT="$goroot" GOTOOLCHAIN=local GOPROXY=off GOWORK=off CGO_ENABLED=0 "$goroot/bin/go" build -trimpath -o "$output" .
