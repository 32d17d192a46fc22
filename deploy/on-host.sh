#!/bin/sh
# What install.sh has done on each host; by hand it works as well. Run as root.
#
#   on-host.sh check ROLE...       whether the host has what these roles need; changes nothing
#   on-host.sh unpack TARBALL      program, units, example settings; nothing is started
#   on-host.sh migrate             the database's tables
#   on-host.sh restart ROLE        stop with its drain, start, wait until it is ready
#   on-host.sh rollback            the program and units of the version before; nothing is started
#   on-host.sh address HOST ROLE...  where the site is, and its first administrator's link; HOST: what
#                                  this host is called from where its administrator is
set -eu

# Not a name of the program's own: it refuses settings that it does not know.
ready_within=${READY_WITHIN:-120}
# A role that ends so often while it is waited for will not start.
ends_at_most=10
# Every version has a folder of its own here; `current` and `previous` are links to two of them.
versions=/usr/local/lib/virga
# So many are kept.
keep=3

say() { printf '   %s\n' "$*"; }
fail() {
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

check() {
    missing=''
    for program in curl tar sha256sum setpriv systemctl; do
        command -v "$program" >/dev/null || missing="$missing $program"
    done
    for role; do
        case $role in
        serve | dispatcher) command -v ffmpeg >/dev/null || missing="$missing ffmpeg" ;;
        web | api | stream) ;;
        *) fail "there is no role $role" ;;
        esac
    done
    [ -z "$missing" ] || fail "this host lacks$missing. On Debian: apt-get install$missing"
}

# use VERSION: makes it the current one, in one step
use() {
    ln -s "$1" "$versions/current.new"
    mv -T "$versions/current.new" "$versions/current"
    install -m 0644 "$versions/current/systemd/virga@.service" /etc/systemd/system/virga@.service
    systemctl daemon-reload
}

# keep_unversioned: an installation that has one program only becomes a version
keep_unversioned() {
    if [ -e "$versions/current" ] || [ -L /usr/local/bin/virga ] || [ ! -e /usr/local/bin/virga ]; then
        return
    fi
    mkdir -p "$versions/unversioned/systemd"
    cp -p /usr/local/bin/virga "$versions/unversioned/virga"
    cp -p /etc/systemd/system/virga@.service "$versions/unversioned/systemd/"
    ln -s unversioned "$versions/current"
}

unpack() {
    getent passwd virga >/dev/null || useradd --system --home-dir /var/lib/virga --shell /usr/sbin/nologin virga
    mkdir -p "$versions"
    folder=$(mktemp -d "$versions/.new-XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    tar -xzf "$1" -C "$folder" --strip-components 1 --no-same-owner
    (cd "$folder" && sha256sum --check --quiet SHA256SUMS) || fail "the package is damaged"
    chmod 0755 "$folder"
    version=$("$folder/virga" --version) || fail "the program of this package does not run on this host"
    # The same version may be packed twice with other contents.
    name=$(echo "$version" | tr ' ' '-')-$(sha256sum "$folder/SHA256SUMS" | cut -c1-8)
    keep_unversioned
    [ -e "$versions/$name" ] || mv "$folder" "$versions/$name"
    before=$(readlink "$versions/current" || true)
    if [ "$before" != "$name" ]; then
        [ -z "$before" ] || ln -sfn "$before" "$versions/previous"
        use "$name"
    fi
    ln -sf "$versions/current/virga" /usr/local/bin/virga.new
    mv -T /usr/local/bin/virga.new /usr/local/bin/virga
    install -d -m 0750 -o root -g virga /etc/virga
    install -d /usr/local/share/virga
    for file in README.md virga.toml haproxy.cfg LICENSES.txt; do
        [ ! -e "$versions/current/$file" ] || cp "$versions/current/$file" /usr/local/share/virga/
    done
    [ -e /etc/virga/virga.toml ] ||
        install -m 0640 -o root -g virga "$versions/current/virga.toml" /etc/virga/virga.toml
    forget_old
    say "$version is unpacked"
}

# forget_old: all but the newest few, and never one that is in use
forget_old() {
    used="$(readlink "$versions/current") $(readlink "$versions/previous" || true)"
    # By the time of unpacking; names made by this script have no spaces.
    # shellcheck disable=SC2012
    ls -1t "$versions" | grep -vx -e current -e previous | tail -n "+$((keep + 1))" | while read -r name; do
        case " $used " in
        *" $name "*) ;;
        *) rm -rf "${versions:?}/$name" ;;
        esac
    done
}

rollback() {
    previous=$(readlink "$versions/previous") || fail "there is no version before this one"
    current=$(readlink "$versions/current")
    use "$previous"
    ln -sfn "$current" "$versions/previous"
    say "back to $(/usr/local/bin/virga --version) ($previous)"
}

# Runs a command of the program as its user, with the units' settings.
as_site() {
    set -a
    # shellcheck source=/dev/null
    [ ! -e /etc/virga/environment ] || . /etc/virga/environment
    set +a
    install -d -m 0750 -o virga -g virga /var/lib/virga
    (cd / && VIRGA_DATA__DIR=/var/lib/virga setpriv --reuid virga --regid virga --init-groups \
        /usr/local/bin/virga "$@" --config /etc/virga/virga.toml)
}

# setting KEY: its value, without quotes; nothing where it has none
setting() {
    printf '%s\n' "$settings" | sed -n "s/^$1 *= \"\\([^\"]*\\)\".*/\\1/p"
}

# http://host:port or https://host:port where a role answers on this host.
role_url() {
    settings=$(as_site config show) || fail "the settings are not right: see /etc/virga/virga.toml"
    scheme=http
    case $1:$(setting 'http\.tls') in
    serve:files | serve:auto) scheme=https port=443 ;;
    web:* | serve:*) port=8080 ;;
    api:*) port=9000 ;;
    stream:*) port=9001 ;;
    dispatcher:*) port=9002 ;;
    *) fail "there is no role $1" ;;
    esac
    set_to=$(setting 'http\.listen')
    case $set_to in
    '' | 0.0.0.0 | :: | '[::]') at=127.0.0.1:$port ;;
    0.0.0.0:* | '[::]:'*) at=127.0.0.1:${set_to##*:} ;;
    # An address alone: each role has its own port there.
    '['*']') at=$set_to:$port ;;
    '['*) at=$set_to ;;
    *:*:*) at=[$set_to]:$port ;;
    *:*) at=$set_to ;;
    *) at=$set_to:$port ;;
    esac
    echo "$scheme://$at"
}

# ask URL [OPTION]...: this host's own site, for whose address no certificate is
ask() {
    url=$1
    shift
    curl --silent --insecure --noproxy '*' --max-time 3 "$@" "$url"
}

# Of a role; 0 where none runs.
process() {
    systemctl show --property MainPID --value "virga@$1"
}

restart() {
    check "$1"
    at=$(role_url "$1")
    systemctl enable --quiet "virga@$1"
    before=$(process "$1")
    # Counts its restarts from here.
    systemctl reset-failed "virga@$1" 2>/dev/null || true
    # Stopping drains; starting waits for the database, and so not for the answer of systemctl.
    systemctl restart --no-block "virga@$1"
    waited=0
    # The process that goes away still answers for some seconds: another one has to be ready.
    until [ "$(process "$1")" != "$before" ] &&
        [ "$(ask "$at/readyz" --output /dev/null --write-out '%{http_code}')" = 200 ]; do
        waited=$((waited + 1))
        why=''
        [ "$waited" -lt "$ready_within" ] || why="is not ready after $ready_within s"
        # One that waits for its database goes on waiting; one that ends again and again has said why.
        ends=$(systemctl show --property NRestarts --value "virga@$1")
        [ "${ends:-0}" -lt "$ends_at_most" ] || why="ended $ends_at_most times"
        if [ -n "$why" ]; then
            ask "$at/readyz" >&2 || true
            journalctl --no-pager --lines 30 --unit "virga@$1" >&2 || true
            fail "virga@$1 $why"
        fi
        sleep 1
    done
    say "virga@$1 is ready on $at"
}

# address HOST ROLE...: what to type, and what to do first
address() {
    host=${1##*@}
    shift
    at=$(role_url "${1:?which role}")
    settings=$(as_site config show 2>/dev/null)
    url=$(setting 'http\.public_url')
    # One that listens everywhere is asked by the host's name, from anywhere.
    case $(setting 'http\.listen') in
    '' | 0.0.0.0 | 0.0.0.0:* | :: | '[::]'*) at=${at%%://*}://$host:${at##*:} ;;
    esac
    case " $* " in
    *" serve "* | *" web "*) say "The site: ${url:-$at}" ;;
    *) [ -z "$url" ] || say "The site: $url" ;;
    esac
    [ -n "$url" ] ||
        say "On the internet set http.public_url and http.tls in /etc/virga/virga.toml before people use it."
    # Nobody signs up before there is an administrator.
    if [ -z "$(as_site user list 2>/dev/null)" ]; then
        for role in serve api; do
            case " $* " in
            *" $role "*) say "First administrator: journalctl --unit virga@$role | grep 'First administrator'" ;;
            esac
        done
        say "Run that on $host. The link holds for an hour; restart the role for another, or use:"
        say "sudo -u virga virga user add NAME --admin --password-file FILE"
    fi
}

case ${1:-} in
check | address)
    act=$1
    shift
    "$act" "$@"
    ;;
unpack) unpack "${2:?which package}" ;;
migrate) as_site migrate ;;
restart) restart "${2:?which role}" ;;
rollback) rollback ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
