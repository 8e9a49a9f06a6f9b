#!/bin/sh
# Fetches the CustomResourceDefinitions that real hubs serve, from the Go modules of the projects that publish them, into a cache
# folder keyed by their pins. Nothing of them is kept here but their checksums (crds/go.sum).
#
#   tests/controlplane/crds.sh           fetch what is missing; the last line on stdout is the folder with the YAML files
#   tests/controlplane/crds.sh --where   fetch nothing: print that folder, or fail if it is not complete
set -eu

say() { printf 'crds: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

case "${1:-}" in
'' | --where) mode=${1:-fetch} ;;
*) die "unknown argument \"$1\"; give none to fetch, or --where to find what was fetched" ;;
esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export GOWORK=off GOFLAGS=
command -v go >/dev/null 2>&1 || die "Go is not installed (no \"go\" in PATH); modules are fetched with it"

# module, file in it, name here
files='sigs.k8s.io/cluster-inventory-api config/crd/bases/multicluster.x-k8s.io_clusterprofiles.yaml clusterprofiles.yaml
sigs.k8s.io/cluster-api core/config/crd/bases/cluster.x-k8s.io_clusters.yaml capi-clusters.yaml
open-cluster-management.io/api cluster/v1/0000_00_clusters.open-cluster-management.io_managedclusters.crd.yaml managedclusters.yaml'

hash=$(cat "$here/crds/go.mod" "$here/crds/go.sum" "$here/crds.sh" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16)
if [ -n "${FLEETGLASS_CACHE:-}" ]; then
    cache=$FLEETGLASS_CACHE
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/fleetglass
elif [ -n "${HOME:-}" ]; then
    cache=$HOME/.cache/fleetglass
else
    die "no place for the files: set FLEETGLASS_CACHE, XDG_CACHE_HOME or HOME"
fi
home=$cache/crds/$hash
if [ -d "$home" ]; then
    printf '%s\n' "$home"
    exit 0
fi
[ "$mode" = fetch ] || die "the definitions are not fetched ($home is missing); run tests/controlplane/crds.sh"

mkdir -p "$cache/crds"
work=$(mktemp -d "$cache/crds/.fetching.XXXXXX")
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$files" | while read -r module file name; do
    # The checksum in go.sum is verified by Go itself.
    dir=$(cd "$here/crds" && go mod download -json "$module" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')
    [ -n "$dir" ] || die "$module cannot be fetched (Go's words are above)"
    [ -f "$dir/$file" ] || die "$module has no $file"
    cp "$dir/$file" "$work/$name"
    chmod 644 "$work/$name"
done
chmod 755 "$work"
mv "$work" "$home" 2>/dev/null || [ -d "$home" ] || die "cannot move the files to $home"
printf '%s\n' "$home"
