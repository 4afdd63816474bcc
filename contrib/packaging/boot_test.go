//go:build linux

package packaging_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

const (
	ownName = "mx.test.example"
	mailbox = "/var/mail/carol"
)

// TestBooted installs the package on a running system without Postfix, and then
// Postfix. It connects both with the package's own example, and upgrades,
// restarts and removes the package while mail comes in.
func TestBooted(t *testing.T) {
	t.Parallel()
	root := scratch(t)
	m := boot(t, root)
	m.run(t, "dpkg", "--force-unsafe-io", "-i", bring(t, root, deb(t, first)))
	active(t, m)
	if got := m.property(t, "postvet-postfix.socket", "ActiveState"); got != "inactive" {
		t.Errorf("without Postfix its socket is %s", got)
	}
	confined(t, m)

	// A name that the admin has set, and a DNS that fails at once but delays no mail.
	installPostfix(t, m, "[policy]\non_degraded = \"accept\"\n")
	if got := m.run(t, "stat", "-c", "%U %G %a", "/var/spool/postfix/postvet", "/var/spool/postfix/postvet/postvet.sock"); got != "postvet postfix 2750\npostvet postfix 660" {
		t.Errorf("the socket in the chroot: %s", got)
	}

	l := &inflow{m: m, accepted: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for n := range 3 {
		l.senders.Go(func() { l.send(ctx, n) })
	}
	eventually(t, "mail comes in", func() bool { return l.count() > 20 })
	before := m.property(t, "postvet.service", "MainPID")
	m.run(t, "dpkg", "--force-unsafe-io", "--force-confold", "-i", changed(t, root))
	active(t, m)
	if got := m.run(t, "postvet", "version"); !strings.HasPrefix(got, "postvet 1.1.0-1 ") {
		t.Errorf("after the upgrade: %s", got)
	}
	if m.property(t, "postvet.service", "MainPID") == before {
		t.Error("the upgrade has not restarted the service")
	}
	for range 5 {
		n := l.count()
		m.run(t, "systemctl", "restart", "postvet")
		eventually(t, "mail goes on", func() bool { return l.count() > n+10 })
	}
	reloads(t, m)
	// Another version is installed while the bad configuration is still there.
	before = m.property(t, "postvet.service", "MainPID")
	if said := m.run(t, "dpkg", "--force-unsafe-io", "--force-confold", "-i", bring(t, root, deb(t, first))); !strings.Contains(said, "the old version goes on running") {
		t.Errorf("dpkg does not say that the service was not restarted:\n%s", said)
	}
	active(t, m)
	if m.property(t, "postvet.service", "MainPID") != before {
		t.Error("a bad configuration has not kept the old version running")
	}
	n := l.count()
	eventually(t, "mail goes on", func() bool { return l.count() > n+10 })
	cancel()
	l.senders.Wait()
	l.check(t)

	m.run(t, "dpkg", "-P", "postvet")
	if got := m.run(t, "sh", "-c", "ls -d /run/postvet /var/spool/postfix/postvet /etc/postvet /var/lib/postvet 2>/dev/null; systemctl list-units --all --plain --no-legend 'postvet*'"); got != "" {
		t.Errorf("the purge has left %s", got)
	}
}

// installPostfix installs Postfix, which asks the installed package, as the package's example
// says. more are sections of postvet.toml. The DNS is to listen on 127.0.0.1.
func installPostfix(t *testing.T, m *machine, more string) {
	t.Helper()
	edit(t, m.root, "authserv_id = \""+ownName+"\"\n[exempt]\naddresses = []\n"+more)
	text := strings.Replace(m.run(t, "cat", conffile), "[dns]\n", "[dns]\nresolvers = [\"127.0.0.1:53\"]\n", 1)
	if err := os.WriteFile(m.root+conffile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m.run(t, "sh", "-ec", `echo 'postfix postfix/main_mailer_type select Local only
postfix postfix/mailname string test.example' | debconf-set-selections
dpkg --force-unsafe-io -i /var/cache/apt/archives/*.deb
useradd -M carol
sed '/^#/d; /^$/d' /usr/share/doc/postvet/examples/postfix/main.cf >>/etc/postfix/main.cf
postfix check
systemctl restart postvet postfix`)
	active(t, m)
}

// reloads has systemd reload the service, with a good configuration and with a
// bad one. The bad one must be refused while the service goes on.
func reloads(t *testing.T, m *machine) {
	t.Helper()
	before := m.property(t, "postvet.service", "MainPID")
	m.run(t, "systemctl", "reload", "postvet")
	edit(t, m.root, "mode = \"sometimes\"\n")
	if out, err := m.command(t.Context(), "systemctl", "reload", "postvet").CombinedOutput(); err == nil {
		t.Errorf("systemd says that a bad configuration was loaded: %s", out)
	}
	if log := m.run(t, "journalctl", "-u", "postvet", "-o", "cat", "--no-pager"); !strings.Contains(log, "sometimes") {
		t.Error("the journal does not name the fault")
	}
	active(t, m)
	if after := m.property(t, "postvet.service", "MainPID"); after != before {
		t.Error("a reload has restarted the service")
	}
}

// active waits until the service runs, without a failed start.
func active(t *testing.T, m *machine) {
	t.Helper()
	eventually(t, "the service runs", func() bool { return m.property(t, "postvet.service", "ActiveState") == "active" })
	if got := m.property(t, "postvet.service", "NRestarts"); got != "0" {
		t.Errorf("the service was started anew %s times", got)
	}
}

// confined checks what the kernel allows the running process, and how exact its
// timers are.
func confined(t *testing.T, m *machine) {
	t.Helper()
	status := m.run(t, "sh", "-c", "cat /proc/$(systemctl show --value -p MainPID postvet)/status")
	for _, want := range []string{`CapEff:\s+0{16}\n`, `CapBnd:\s+0{16}\n`, `NoNewPrivs:\s+1\n`, `Seccomp:\s+2\n`} {
		if !regexp.MustCompile(want).MatchString(status) {
			t.Errorf("no %s in\n%s", want, status)
		}
	}
	if got := m.run(t, "sh", "-c", "cat /proc/$(systemctl show --value -p MainPID postvet)/timerslack_ns"); strings.TrimSpace(got) != "2000000" {
		t.Errorf("timer slack of %s ns", got)
	}
	if out, err := m.command(t.Context(), "systemd-analyze", "security", "--no-pager", "--threshold=15", "postvet.service").CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// inflow is a set of senders that try again until each message is accepted.
type inflow struct {
	m       *machine
	senders sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]bool
	delayed  int
	failures []error
}

func (l *inflow) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

func (l *inflow) send(ctx context.Context, sender int) {
	for i := 0; ctx.Err() == nil && i < 5000; i++ {
		id := fmt.Sprintf("%d-%d", sender, i)
		for try := 0; ; try++ {
			r, err := l.try(id)
			l.mu.Lock()
			switch {
			case err != nil || r.Class() != 2 && r.Class() != 4 || try > 500:
				l.failures = append(l.failures, fmt.Errorf("message %s: reply %q %w", id, r, err))
			case r.Class() == 2:
				l.accepted[id] = true
			default:
				l.delayed++
			}
			l.mu.Unlock()
			if err != nil || r.Class() != 4 || try > 500 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond) // the machine has other work
	}
}

// try sends one message with a field that claims to be Postvet's.
func (l *inflow) try(id string) (realmta.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return l.m.deliver(ctx, "a@sender.example", "Authentication-Results: "+ownName+"; dmarc=pass (forged)\r\nFrom: <a@sender.example>\r\nTo: <carol@localhost>\r\nMessage-ID: <"+id+"@sender.example>\r\nSubject: one of many\r\n\r\nHello\r\n")
}

// deliver sends the machine's Postfix a message for carol in a session of its own. It
// returns the first reply that refuses something, or the last one.
func (m *machine) deliver(ctx context.Context, from, msg string) (realmta.Reply, error) {
	var c *realmta.Client
	err := m.onNetwork(func() (err error) {
		c, err = realmta.Dial(ctx, "", "127.0.0.1:25")
		return err
	})
	if err != nil {
		return realmta.Reply{}, err
	}
	defer c.Close()
	return c.Deliver("client.example", from, "carol@localhost", []byte(msg))
}

var (
	messageID = regexp.MustCompile(`(?m)^Message-ID: <([0-9-]+)@sender\.example>$`)
	ownField  = regexp.MustCompile(`(?m)^Authentication-Results: ` + regexp.QuoteMeta(ownName) + `;`)
)

// check compares the replies with the mailbox.
func (l *inflow) check(t *testing.T) {
	t.Helper()
	for _, err := range l.failures {
		t.Error(err)
	}
	var box string
	eventually(t, "all accepted messages arrive", func() bool {
		b, _ := os.ReadFile(l.m.root + mailbox)
		box = string(b)
		return len(messageID.FindAllString(box, -1)) >= len(l.accepted)
	})
	arrived := map[string]int{}
	unfiltered, forged := 0, strings.Count(box, "(forged)")
	for msg := range strings.SplitSeq("\n"+box, "\nFrom a@sender.example") {
		id := messageID.FindStringSubmatch(msg)
		if id == nil {
			continue
		}
		arrived[id[1]]++
		if len(ownField.FindAllString(msg, -1)) != 1 {
			unfiltered++
		}
	}
	lost := 0
	for id := range l.accepted {
		if arrived[id] != 1 {
			lost++
		}
	}
	if lost > 0 || unfiltered > 0 || forged > 0 || len(arrived) != len(l.accepted) {
		t.Errorf("%d accepted, %d arrived: %d lost or twice, %d unfiltered, %d with the forged result", len(l.accepted), len(arrived), lost, unfiltered, forged)
	}
	t.Logf("an upgrade and 5 restarts by systemd: %d messages accepted and delivered, 0 lost, 0 unfiltered; %d replies 4xx, each tried again", len(l.accepted), l.delayed)
}
