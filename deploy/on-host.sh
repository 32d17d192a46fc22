#!/bin/sh
# What install.sh has done on each host; by hand it works as well. Run as root.
#
#   on-host.sh unpack TARBALL      program, units, example settings; nothing is started
#   on-host.sh migrate             the database's tables
#   on-host.sh restart ROLE        stop with its drain, start, wait until it is ready
set -eu

# Not a name of the program's own: it refuses settings that it does not know.
ready_within=${READY_WITHIN:-120}

say() { printf '   %s\n' "$*"; }
fail() {
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

unpack() {
    command -v curl >/dev/null || fail "install curl first: restarts wait by it"
    getent passwd virga >/dev/null || useradd --system --home-dir /var/lib/virga --shell /usr/sbin/nologin virga
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    tar -xzf "$1" -C "$folder" --strip-components 1
    (cd "$folder" && sha256sum --check --quiet SHA256SUMS) || fail "the package is damaged"
    # A running process keeps the program that it started with.
    install -m 0755 "$folder/virga" /usr/local/bin/virga.new
    mv /usr/local/bin/virga.new /usr/local/bin/virga
    install -m 0644 "$folder/systemd/virga@.service" /etc/systemd/system/virga@.service
    install -d -m 0750 -o root -g virga /etc/virga
    install -d /usr/local/share/virga
    cp "$folder/README.md" "$folder/virga.toml" "$folder/haproxy.cfg" /usr/local/share/virga/
    [ -e /etc/virga/virga.toml ] || install -m 0640 -o root -g virga "$folder/virga.toml" /etc/virga/virga.toml
    systemctl daemon-reload
    say "$(/usr/local/bin/virga --version) is unpacked"
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

# host:port where a role answers on this host.
address() {
    case $1 in
    web | serve) port=8080 ;;
    api) port=9000 ;;
    stream) port=9001 ;;
    dispatcher) port=9002 ;;
    *) fail "there is no role $1" ;;
    esac
    settings=$(as_site config show) || fail "the settings are not right: see /etc/virga/virga.toml"
    set_to=$(printf '%s\n' "$settings" | sed -n 's/^http\.listen *= "\([^"]*\)".*/\1/p')
    case $set_to in
    '') echo "127.0.0.1:$port" ;;
    0.0.0.0:* | '[::]:'*) echo "127.0.0.1:${set_to##*:}" ;;
    *) echo "$set_to" ;;
    esac
}

# Of a role; 0 where none runs.
process() {
    systemctl show --property MainPID --value "virga@$1"
}

restart() {
    at=$(address "$1")
    systemctl enable --quiet "virga@$1"
    before=$(process "$1")
    # Stopping drains; starting waits for the database, and so not for the answer of systemctl.
    systemctl restart --no-block "virga@$1"
    waited=0
    # The process that goes away still answers for some seconds: another one has to be ready.
    until [ "$(process "$1")" != "$before" ] &&
        [ "$(curl --silent --output /dev/null --max-time 3 --write-out '%{http_code}' "http://$at/readyz")" = 200 ]; do
        waited=$((waited + 1))
        if [ "$waited" -ge "$ready_within" ]; then
            curl --silent --max-time 3 "http://$at/readyz" >&2 || true
            journalctl --no-pager --lines 30 --unit "virga@$1" >&2 || true
            fail "virga@$1 is not ready after $ready_within s"
        fi
        sleep 1
    done
    say "virga@$1 is ready on $at"
}

case ${1:-} in
unpack) unpack "${2:?which package}" ;;
migrate) as_site migrate ;;
restart) restart "${2:?which role}" ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
