package dnscache

import (
	"bytes"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// resolvConf is the file that names the system's resolvers. localUpstream is the resolver
// if the file names none (resolv.conf(5)).
const (
	resolvConf    = "/etc/resolv.conf"
	localUpstream = "127.0.0.1:53"
)

// rereadEvery is how long a change of Options.ResolvConf may go unnoticed.
const rereadEvery = 5 * time.Second

// init sets the upstreams to those of the options.
func (us *upstreams) init() {
	addrs := us.opt.Upstreams
	if us.opt.ResolvConf != "" {
		var trustAD bool
		if addrs, trustAD = systemUpstreams(us.opt.ResolvConf); len(addrs) == 0 {
			addrs = []string{localUpstream}
		}
		us.confTrusts.Store(trustAD)
	}
	us.use(addrs, nil)
	us.rereadAt.Store(int64(rereadEvery))
	us.hedgeTokens.Store(maxHedgeTokens)
}

// use sets the upstreams. Those that stay keep their measurements.
func (us *upstreams) use(addrs []string, before []*upstream) {
	list := make([]*upstream, 0, len(addrs))
	for _, addr := range addrs {
		at := slices.IndexFunc(before, func(u *upstream) bool { return u.text == addr })
		if at >= 0 {
			list = append(list, before[at])
		} else if e, err := parseEndpoint(addr); err == nil {
			list = append(list, newUpstream(e, us))
		}
	}
	us.list.Store(&list)
}

// reread sets the upstreams to those in Options.ResolvConf, if rereadEvery has passed. A
// file without any is probably being written, or is lost. The upstreams then stay.
func (us *upstreams) reread() {
	due, now := us.rereadAt.Load(), us.now()
	if us.opt.ResolvConf == "" || now < due || !us.rereadAt.CompareAndSwap(due, now+int64(rereadEvery)) {
		return
	}
	us.readConf()
}

// rereadSoon is reread when all upstreams fail: the file may have new ones.
func (us *upstreams) rereadSoon() {
	const pause = 100 * time.Millisecond
	due, now := us.rereadAt.Load(), us.now()
	if us.opt.ResolvConf == "" || now < due-int64(rereadEvery-pause) || !us.rereadAt.CompareAndSwap(due, now+int64(rereadEvery)) {
		return
	}
	us.readConf()
}

func (us *upstreams) readConf() {
	addrs, trustAD := systemUpstreams(us.opt.ResolvConf)
	before := *us.list.Load()
	if len(addrs) == 0 {
		return
	}
	if us.confTrusts.Swap(trustAD) != trustAD {
		before = nil // each is trusted anew
	} else if slices.EqualFunc(before, addrs, func(u *upstream, a string) bool { return u.text == a }) {
		return
	}
	us.use(addrs, before)
	us.opt.Logger.Info("dns resolvers changed", zap.String("file", us.opt.ResolvConf), zap.String("resolvers", strings.Join(addrs, ", ")))
}

// maxResolvConf bounds a resolv.conf.
const maxResolvConf = 1 << 16

// systemUpstreams returns the name servers of a resolv.conf, nil if it names none
// or cannot be read, and whether it says that their AD bit can be trusted.
func systemUpstreams(path string) (addrs []string, trustAD bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	b := make([]byte, maxResolvConf)
	n, _ := f.Read(b)
	c, err := dns.ClientConfigFromReader(bytes.NewReader(b[:n]))
	if err != nil {
		return nil, false
	}
	for _, s := range c.Servers {
		if e, err := parseEndpoint(net.JoinHostPort(s, c.Port)); err == nil {
			addrs = append(addrs, e.String())
		}
	}
	return addrs, trustsAD(string(b[:n]))
}

// trustsAD reports whether a resolv.conf has "options trust-ad" (resolv.conf(5)).
func trustsAD(text string) bool {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "options" && slices.Contains(f[1:], "trust-ad") {
			return true
		}
	}
	return false
}
