#!/usr/bin/env bash
# Installs or updates a site on one host or many, over ssh, without an interruption.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: install.sh [--package FILE] [--roles "ROLE..."] [--ssh "COMMAND"] HOST...

Copies the package to each host, brings the database up to date once, then restarts one role of one
host at a time, each with its drain, and stops at the first that does not become ready: the others
go on as they were.

  --package FILE   virga-VERSION-ARCH.tar.gz [default: the one in the folder above this script]
  --roles "..."    what each host runs: "serve", or of "api stream web dispatcher"
                   [default: serve for one host, all four for several]
  --ssh "..."      another ssh command, with its options [default: ssh]

HOST is what ssh understands; ssh must let you in as root, or as someone who may use sudo without a
password. Settings stay as they are: /etc/virga/virga.toml, written once as an example. Run it again
with a newer package to update.
TEXT
}

package=''
roles=''
ssh=(ssh)
while [ $# -gt 0 ]; do
    case $1 in
    --package) package=${2:?--package FILE}; shift 2 ;;
    --roles) roles=${2:?--roles "ROLE..."}; shift 2 ;;
    --ssh) read -ra ssh <<<"${2:?--ssh COMMAND}"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$package" ]; then
    package=$(find "$here/.." -maxdepth 1 -name 'virga-*-*.tar.gz' ! -name '*-src.tar.gz' | sort | tail -1)
fi
[ -r "$package" ] || { echo "no package: make one with \`make dist\`, or name it with --package" >&2; exit 1; }
if [ -z "$roles" ]; then
    roles=serve
    [ $# -eq 1 ] || roles="api stream web dispatcher"
fi

# Where a package and its script lie on a host, and whether root is asked for.
on() { # on HOST ARGUMENT...: runs on-host.sh there
    local host=$1
    shift
    "${ssh[@]}" "$host" "if [ \$(id -u) = 0 ]; then sh .virga-install/on-host.sh $*; else sudo -n sh .virga-install/on-host.sh $*; fi"
}

for host; do
    echo "== $host: unpacking"
    "${ssh[@]}" "$host" 'mkdir -p .virga-install && cat > .virga-install/on-host.sh' <"$here/on-host.sh"
    "${ssh[@]}" "$host" 'cat > .virga-install/virga.tar.gz' <"$package"
    on "$host" unpack .virga-install/virga.tar.gz
done
echo "== $1: migrating"
on "$1" migrate
for host; do
    for role in $roles; do
        echo "== $host: restarting $role"
        on "$host" restart "$role" || {
            echo "stopped here: what comes after $role on $host was not touched" >&2
            exit 1
        }
    done
done
echo "== done"
