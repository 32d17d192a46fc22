#!/usr/bin/env bash
# Installs or updates a site on one host or many, over ssh, without an interruption; or takes the
# last update back.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: install.sh [--package FILE] [--roles "ROLE..."] [--ssh "COMMAND"] HOST...
       install.sh --rollback [--roles "ROLE..."] [--ssh "COMMAND"] HOST...

Updates one host after the other: copies the package to it, brings the database up to date (on the
first host), then restarts one role at a time, each with its drain. If a role does not become ready,
the host goes back to the version before and install.sh stops: the hosts after it were not touched.

  --package FILE   virga-VERSION-ARCH.tar.gz [default: the newest in the folder above this script, or
                   in target/dist of the source]
  --rollback       return each host to the version that it ran before, one role at a time
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
rollback=''
ssh=(ssh)
while [ $# -gt 0 ]; do
    case $1 in
    --package) package=${2:?--package FILE}; shift 2 ;;
    --rollback) rollback=yes; shift ;;
    --roles) roles=${2:?--roles "ROLE..."}; shift 2 ;;
    --ssh) read -ra ssh <<<"${2:?--ssh COMMAND}"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$roles" ]; then
    roles=serve
    [ $# -eq 1 ] || roles="api stream web dispatcher"
fi
if [ -z "$package" ]; then
    # By time: names do not sort as versions do.
    package=$(find "$here/.." "${CARGO_TARGET_DIR:-$here/../target}/dist" -maxdepth 1 -name 'virga-*-*.tar.gz' \
        ! -name '*-src.tar.gz' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -1 | cut -d' ' -f2- || true)
fi
if [ -z "$rollback" ] && [ ! -r "$package" ]; then
    echo "no package: make one with \`make dist\`, or name it with --package" >&2
    exit 1
fi

on() { # on HOST ARGUMENT...: runs on-host.sh there, as root
    local host=$1
    shift
    "${ssh[@]}" "$host" "if [ \$(id -u) = 0 ]; then sh .virga-install/on-host.sh $*; else sudo -n sh .virga-install/on-host.sh $*; fi"
}

restart() { # restart HOST ROLE...: one after the other
    local host=$1 role
    shift
    for role; do
        echo "== $host: restarting $role"
        on "$host" restart "$role" || return 1
    done
}

# back HOST ROLE...: to the version before, and these roles with it
back() {
    local host=$1
    shift
    echo "== $host: going back to the version before" >&2
    if ! on "$host" rollback; then
        echo "stopped: $host has no version to go back to" >&2
    # It ran here: a wait that was too short for the new one says nothing of it.
    elif READY_WITHIN= restart "$host" "$@"; then
        echo "stopped: $host runs the version before. The hosts after it were not touched" >&2
    else
        echo "stopped: $host does not start with the version before either" >&2
    fi
    exit 1
}

first=$1
for host; do
    "${ssh[@]}" "$host" 'mkdir -p .virga-install && cat > .virga-install/on-host.sh' <"$here/on-host.sh"
    # shellcheck disable=SC2086 # words
    on "$host" check $roles || exit 1
    if [ -n "$rollback" ]; then
        echo "== $host: going back to the version before"
        on "$host" rollback
        # shellcheck disable=SC2086 # words
        restart "$host" $roles || { echo "stopped: the hosts after $host were not touched" >&2; exit 1; }
        continue
    fi
    echo "== $host: unpacking"
    "${ssh[@]}" "$host" 'cat > .virga-install/virga.tar.gz' <"$package"
    on "$host" unpack .virga-install/virga.tar.gz
    if [ "$host" = "$first" ]; then
        echo "== $host: migrating"
        on "$host" migrate || back "$host"
    fi
    restarted=''
    for role in $roles; do
        restarted="$restarted $role"
        # shellcheck disable=SC2086 # words
        restart "$host" "$role" || back "$host" $restarted
    done
done
echo "== done"
# shellcheck disable=SC2086 # words
on "$first" address "$first" $roles
