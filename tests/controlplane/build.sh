#!/bin/sh
# Builds the real components that the tests run against (kube-apiserver, kubectl, etcd) from their published Go modules.
#
#   tests/controlplane/build.sh           build what is missing; the last line on stdout is the folder with the programs
#   tests/controlplane/build.sh --where   build nothing: print that folder, or fail if it is not complete
#
# The programs go to ${FLEETGLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fleetglass}/controlplane/<hash>/bin, where the hash covers
# both module files, this script and the Go version, so a changed pin never meets an old program. Everything but that one line
# goes to stderr. FLEETGLASS_GO_PARALLEL limits how many packages are compiled at once.
set -eu

# Patch levels of the one server that is built. Only the stamp differs, so each costs a link and no compilation. They must be of the
# module's own minor: the server derives its effective version, and with it the APIs it serves, from the stamp.
PATCHES="3 1 0"
# A fixed date: the same sources give the same programs on every day.
BUILD_DATE=2026-07-22T18:07:38Z

say() { printf 'controlplane: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

case "${1:-}" in
'' | --where) mode=${1:-build} ;;
*) die "unknown argument \"$1\"; give none to build, or --where to find what was built" ;;
esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# Somebody's workspace or flags must not change what is built. CGO off: static programs, and no C compiler needed.
export GOWORK=off GOFLAGS= CGO_ENABLED=0

want=$(sed -n 's/^go //p' "$here/kubernetes/go.mod")
command -v go >/dev/null 2>&1 ||
    die "Go is not installed (no \"go\" in PATH). The real control plane is built from source and needs Go $want or newer."
# Asked inside the module's folder, Go answers with the toolchain it would use there, or says that it is too old.
goversion=$(cd "$here/kubernetes" && go env GOVERSION) ||
    die "this Go cannot build the real control plane, which needs Go $want or newer: $(cd / && go version 2>&1)"
if ! printf '%s\n%s\n' "$want" "${goversion#go}" | sort -t. -k1,1n -k2,2n -k3,3n -C; then
    die "the real control plane needs Go $want or newer; this is $goversion"
fi

kubernetes=$(sed -n 's/^\(require \)\{0,1\}[[:space:]]*k8s.io\/kubernetes v\([0-9.]*\).*/\2/p' "$here/kubernetes/go.mod")
case "$kubernetes" in
*.*.*) ;;
*) die "kubernetes/go.mod does not say which k8s.io/kubernetes it requires" ;;
esac
major=${kubernetes%%.*}
minor=${kubernetes#*.}
minor=${minor%%.*}

if command -v sha256sum >/dev/null 2>&1; then
    digest() { sha256sum; }
else
    digest() { shasum -a 256; }
fi
hash=$(
    {
        for file in kubernetes/go.mod kubernetes/go.sum etcd/go.mod etcd/go.sum build.sh; do
            printf '%s\n' "$file"
            cat "$here/$file"
        done
        printf '%s %s/%s\n' "$goversion" "$(go env GOOS)" "$(go env GOARCH)"
    } | digest | cut -c1-16
)

if [ -n "${FLEETGLASS_CACHE:-}" ]; then
    cache=$FLEETGLASS_CACHE
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/fleetglass
elif [ -n "${HOME:-}" ]; then
    cache=$HOME/.cache/fleetglass
else
    die "no place for the built programs: set FLEETGLASS_CACHE, XDG_CACHE_HOME or HOME"
fi
root=$cache/controlplane
home=$root/$hash
bin=$home/bin

programs="etcd kubectl"
for patch in $PATCHES; do
    programs="$programs kube-apiserver-v$major.$minor.$patch"
done
complete() {
    for program in $programs; do
        [ -x "$bin/$program" ] || return 1
    done
}
finish() {
    printf '%s\n' "$bin"
    exit 0
}

if complete; then finish; fi
[ "$mode" = build ] || die "the real control plane is not built ($bin is missing or not complete); run tests/controlplane/build.sh"

mkdir -p "$root"
# The lock spares the second of two builders the work. Safety does not rest on it: the finished folder appears by one rename.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$root/$hash.lock"
    if ! flock -n 9; then
        say "another build of the same programs is running; waiting for it"
        flock -w 3600 9 || die "the other build did not end within an hour"
    fi
    if complete; then finish; fi
fi

work=$(mktemp -d "$root/.building.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$work/bin"

# build MODULE-FOLDER PROGRAM PACKAGE LINKER-FLAGS
build() {
    say "building $2 with $goversion"
    (
        cd "$here/$1"
        nice go build -p "${FLEETGLASS_GO_PARALLEL:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}" \
            -mod=readonly -trimpath -buildvcs=false -ldflags "-s -w $4" -o "$work/bin/$2" "$3" 9>&-
    ) || die "building $2 failed (the compiler's words are above; modules come through Go's own module proxy setting)"
}

# stamp PATCH: linker flags that make a program call itself this patch level.
stamp() {
    version=v$major.$minor.$1
    commit=$(printf 'fleetglass tests %s' "$version" | digest | cut -c1-40)
    flags=
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
        flags="$flags -X $package.gitCommit=$commit -X $package.gitTreeState=clean -X $package.buildDate=$BUILD_DATE"
    done
    printf '%s\n' "$flags"
}

build etcd etcd go.etcd.io/etcd/server/v3 ""
for patch in $PATCHES; do
    build kubernetes "kube-apiserver-v$major.$minor.$patch" k8s.io/kubernetes/cmd/kube-apiserver "$(stamp "$patch")"
done
build kubernetes kubectl k8s.io/kubernetes/cmd/kubectl "$(stamp "${PATCHES%% *}")"

# mktemp makes a private folder; the finished one is as readable as any cache. A folder that is there now is either somebody's
# complete build, which stays, or a broken one, which goes.
chmod 755 "$work"
if complete; then finish; fi
rm -rf "$home"
mv "$work" "$home"
complete || die "the finished build is not complete in $bin"
finish
