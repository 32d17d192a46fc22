#!/usr/bin/env bash
# A machine of its own for install.sh: mounts of its own over /etc, /usr/local and /var/lib, so that
# nothing of this machine changes. Real: the scripts, users, rights, the program. Not real: ssh is a
# shell, and systemctl starts what the unit names.
#
#   machine.sh DEPLOY PROGRAM FOLDER PORT
set -euo pipefail
deploy=$1 program=$2 work=$3 port=$4
mount -t tmpfs tmpfs "$work"
for folder in /etc /usr/local /var/lib; do
    layers=$work/layers$folder
    mkdir -p "$layers/upper" "$layers/work"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$layers/upper,workdir=$layers/work" "$folder"
done
chmod 755 "$work"
cp "$program" "$work/program"
echo 0 >"$work/restarts"
mkdir -p "$work/pids" "$work/home" /etc/virga /etc/systemd/system
printf '[http]\nlisten = "127.0.0.1:%s"\npublic_url = "https://videos.example"\n[storage]\nkeep_free = 0\n' "$port" \
    >/etc/virga/virga.toml

cat >/usr/local/bin/systemctl <<STANDIN
#!/bin/sh
for unit; do :; done
role=\${unit#virga@}
pid=\$(cat $work/pids/\$role 2>/dev/null || echo 0)
[ "\$pid" != 0 ] && kill -0 "\$pid" 2>/dev/null || pid=0
case \$1 in
show) case \$* in *NRestarts*) cat $work/restarts ;; *) echo "\$pid" ;; esac ;;
restart)
    if [ "\$pid" != 0 ]; then
        kill "\$pid"
        while kill -0 "\$pid" 2>/dev/null; do sleep 0.05; done
    fi
    start=\$(sed -n "s/^ExecStart=//p" /etc/systemd/system/virga@.service | sed "s/%i/\$role/")
    cd /
    VIRGA_DATA__DIR=/var/lib/virga setpriv --reuid virga --regid virga --init-groups \$start \
        </dev/null >>$work/journal 2>&1 &
    echo \$! >$work/pids/\$role
    ;;
esac
STANDIN
printf '#!/bin/sh\necho "$1" >>%s/hosts\ncd %s/home && exec sh -c "$2"\n' "$work" "$work" >/usr/local/bin/far
chmod 755 /usr/local/bin/systemctl /usr/local/bin/far

# package NUMBER [broken]: one that differs from the others
package() {
    local folder=$work/packages/virga-0.1.0-x86_64
    rm -rf "$folder"
    mkdir -p "$folder/systemd"
    printf '#!/bin/sh\n# package %s\n%s\nexec %s/program "$@"\n' \
        "$1" "${2:+[ \"\$1\" != serve ] || exit 1}" "$work" >"$folder/virga"
    chmod 755 "$folder/virga"
    cp "$deploy"/{install.sh,on-host.sh,virga.toml} "$folder"
    cp "$deploy/systemd/virga@.service" "$folder/systemd"
    echo 'A package.' | tee "$folder/README.md" "$folder/haproxy.cfg" >/dev/null
    (cd "$folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/sums"
    mv "$work/sums" "$folder/SHA256SUMS"
    tar -C "$work/packages" -czf "$work/packages/virga-0.1.0-x86_64.tar.gz" virga-0.1.0-x86_64
    rm -rf "$folder"
}

# As the guide says it.
installed() { # installed ARGUMENT...
    cd "$work/packages"
    tar -xzf virga-0.1.0-x86_64.tar.gz && cd virga-0.1.0-x86_64
    ./install.sh --ssh far --roles serve "$@"
}
runs() { # runs NUMBER: the site is ready, by this package's program
    grep -q "# package $1\$" /usr/local/bin/virga || { echo "package $1 is not the current one"; exit 1; }
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/readyz")" = 200 ] || { echo 'not ready'; exit 1; }
}

package 1
installed a >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
cat "$work/said"
runs 1
grep -q 'The site: https://videos.example' "$work/said"
grep -q "First administrator: journalctl --unit virga@serve" "$work/said"
grep -q 'First administrator: open' "$work/journal"

package 2
installed a
runs 2

# A version that does not start: the first host goes back, the second is left alone.
package 3 broken
: >"$work/hosts"
if READY_WITHIN=2 installed a b >"$work/said" 2>&1; then echo 'a broken package was installed'; exit 1; fi
cat "$work/said"
grep -q 'going back to the version before' "$work/said"
runs 2
if grep -qx b "$work/hosts"; then echo 'the second host was touched'; exit 1; fi

# One that ends again and again is not waited for.
package 5 broken
echo 10 >"$work/restarts"
if READY_WITHIN=20 installed a >"$work/said" 2>&1; then echo "a broken package was installed"; exit 1; fi
echo 0 >"$work/restarts"
grep -q 'failed: virga@serve ended 10 times' "$work/said" || { cat "$work/said"; exit 1; }

package 4
installed a
runs 4
"$deploy/install.sh" --ssh far --rollback a
runs 2

# A host without ffmpeg is named before anything changes.
mkdir "$work/few"
for name in sh curl tar sha256sum setpriv systemctl; do
    ln -s "$(command -v "$name")" "$work/few/$name"
done
if said=$(PATH=$work/few sh "$deploy/on-host.sh" check serve 2>&1); then echo 'ffmpeg is not missed'; exit 1; fi
case $said in *'lacks ffmpeg'*) ;; *) echo "$said"; exit 1 ;; esac
kill "$(cat "$work/pids/serve")"

# Who installs sits at another computer: the address at the end has to work from there.
address() { # address LISTEN EXPECTED
    printf '[http]\nlisten = "%s"\n' "$1" >/etc/virga/virga.toml
    said=$(sh "$deploy/on-host.sh" address root@far.example serve 2>&1)
    case $said in *"The site: http://$2"*) ;; *) echo "$said"; exit 1 ;; esac
}
address 0.0.0.0 far.example:8080
address 0.0.0.0:81 far.example:81
address 10.0.0.2 10.0.0.2:8080
address ::1 '[::1]:8080'

# A site with a certificate of its own is ready once it answers over https.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj / \
    -addext subjectAltName=DNS:videos.example -keyout "$work/key" -out "$work/certificate" 2>/dev/null
cat "$work/certificate" "$work/key" >/etc/virga/site.pem
chown root:virga /etc/virga/site.pem
chmod 640 /etc/virga/site.pem
printf '[http]\nlisten = "127.0.0.1:%s"\npublic_url = "https://videos.example"\ntls = "files"\ncertificate = "/etc/virga/site.pem"\n' \
    "$port" >/etc/virga/virga.toml
said=$(sh "$deploy/on-host.sh" restart serve 2>&1) || { echo "$said"; exit 1; }
case $said in *"ready on https://127.0.0.1:$port"*) ;; *) echo "$said"; exit 1 ;; esac
kill "$(cat "$work/pids/serve")"
