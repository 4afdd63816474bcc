//go:build linux

package packaging_test

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// openRC is what an admin does under OpenRC, in a chroot with a network, processes and
// /run of its own. Each step says what it wants before it fails.
const openRC = `set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
# OpenRC makes these when it boots.
for d in starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled init.d tmp; do mkdir -p /run/openrc/$d; done
touch /run/openrc/softlevel
fail() { echo "FAIL: $*"; cat /var/log/postvet.log || true; exit 1; }
until_ok() { for i in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; fail "not within a minute: $*"; }
serving() { for p in /proc/[0-9]*; do [ "$(tr '\0' ' ' <$p/cmdline 2>/dev/null)" = "/usr/bin/postvet serve --config /etc/postvet/postvet.toml " ] && basename $p && return; done; return 1; }
other() { new=$(serving) && [ "$new" != $1 ]; }

rc-service postvet start || fail "it does not start"
until_ok postvet status
rc-service postvet status || fail "OpenRC does not know that it runs"
first=$(serving)
[ "$(stat -c %U /proc/$first)" = postvet ] || fail "it runs as $(stat -c %U /proc/$first)"
grep -q 'NoNewPrivs:.1' /proc/$first/status || fail "it may get new rights"
[ "$(stat -c '%U %a' /run/postvet /var/lib/postvet)" = "postvet 755
postvet 750" ] || fail "directories: $(stat -c '%n %U %a' /run/postvet /var/lib/postvet)"
grep -q '"msg":"serving"' /var/log/postvet.log || fail "no log"
rc-service postvet reload || fail "a reload fails"

kill -9 $first
until_ok other $first
second=$(serving)
until_ok postvet status
# However often it ends, it is started again.
for i in $(seq 11); do kill -9 $second; until_ok other $second; second=$(serving); done
until_ok postvet status

cp /etc/postvet/postvet.toml /root/
echo 'mode = "sometimes"' | cat - /root/postvet.toml >/etc/postvet/postvet.toml
rc-service postvet reload && fail "a wrong configuration was loaded"
rc-service postvet restart && fail "it was restarted with a wrong configuration"
[ "$(serving)" = $second ] || fail "a wrong configuration has stopped it"
cp /root/postvet.toml /etc/postvet/
rc-service postvet restart || fail "a restart fails"
until_ok postvet status
third=$(serving)
[ $third != $second ] || fail "a restart has not started it anew"

rc-service postvet stop || fail "it does not stop"
serving && fail "it goes on running"
echo 'mode = "sometimes"' | cat - /root/postvet.toml >/etc/postvet/postvet.toml
rc-service postvet start && fail "it starts with a wrong configuration"
serving && fail "it runs with a wrong configuration"
echo DONE
`

// TestOpenRCService has Debian's OpenRC start, watch, reload and stop the service by our
// script.
func TestOpenRCService(t *testing.T) {
	t.Parallel()
	root := scratch(t)
	tools(t, "unshare", "ip")
	in(t, root, "dpkg", "--force-unsafe-io", "-i", bring(t, root, deb(t, first)))
	in(t, root, "sh", "-ec", "for p in /var/cache/openrc/*.deb; do dpkg-deb --fsys-tarfile $p | tar -C / --keep-directory-symlink -xf -; done; mkdir -p /etc/conf.d; rm -rf /var/lib/postvet")
	for from, to := range map[string]string{"postvet.initd": "init.d", "postvet.confd": "conf.d"} {
		b, err := os.ReadFile("../openrc/" + from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+"/etc/"+to+"/postvet", b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	edit(t, root, "authserv_id = \"mx.test.example\"\n")
	if err := os.WriteFile(root+"/etc/resolv.conf", []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec",
		`ip link set lo up; mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/run"; chroot "$1" sh -c "$2"`, "sh", root, openRC)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
