package spf

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/dnscache"
)

// oracleWorld generates a zone of domains that refer to each other, and checks
// against it. The names tell what exists: d0 to d7 have records, h0 to h5 have
// addresses, v0 to v3 have nothing, n has addresses of no client, and the
// lookups of f fail.
type oracleWorld struct {
	*rand.Rand
	z  *zone
	at int // whose record is being written
	// right restricts the zone to valid records of RFC 4408, which all
	// implementations know.
	right bool
}

// oracleCheck is a check against a zone.
type oracleCheck struct{ IP, Helo, Sender string }

func (g *oracleWorld) one(choices ...string) string { return choices[g.IntN(len(choices))] }

// chance returns true once in n times.
func (g *oracleWorld) chance(n int) bool { return g.IntN(n) == 0 }

func (g *oracleWorld) ip4() string {
	return g.one("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.129", "198.51.100.7", "203.0.113.255")
}

func (g *oracleWorld) ip6() string {
	return g.one("2001:db8::1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fe80::1")
}

func (g *oracleWorld) ip() string {
	if g.chance(3) {
		return g.ip6()
	}
	return g.ip4()
}

func (g *oracleWorld) domain() string { return fmt.Sprintf("d%d.example.org", g.IntN(8)) }

// another returns a domain other than the one whose record is being written.
func (g *oracleWorld) another() string {
	return fmt.Sprintf("d%d.example.org", (g.at+1+g.IntN(7))%8)
}

// host returns a name that mostly exists. Otherwise most checks would end at
// the void limit.
func (g *oracleWorld) host() string {
	switch g.IntN(24) {
	case 0:
		return fmt.Sprintf("v%d.example.org", g.IntN(4)) // v0 and v1 exist, without data
	case 1:
		return "f.example.org"
	case 2:
		return g.one("c0.example.org", "c1.example.org", "C0.example.ORG")
	case 3:
		return g.domain()
	}
	return fmt.Sprintf("h%d.example.org", g.IntN(6))
}

// macro returns a macro-string that expands to a name below x.example.org. Each
// such name has addresses with a chance of one half.
func (g *oracleWorld) macro() string {
	return g.one(
		"%{i}.x.example.org", "%{ir}.%{v}.x.example.org", "%{l}.x.example.org", "%{l-}.x.example.org",
		"%{lr-}.x.example.org", "%{l1r-}.x.example.org", "%{l1r+-}.x.example.org", "%{L}.x.example.org",
		"%{s}.x.example.org", "%{S}.x.example.org", "%{o}.x.example.org", "%{o1}.x.example.org",
		"%{d2}", "%{d}", "%{d2r}.x.example.org", "%{d1r}.x.example.org", "%{h}.x.example.org", "%{h2}.x.example.org",
		"%{D1r}.x.example.org", "%{d9}", "%{d02}", "%{i3}.x.example.org", "%{ir-}.x.example.org", "%{v}.x.example.org",
		"h%%.%_x.example.org", "a%-b.x.example.org", "%{p}", "%{p2}.x.example.org", "%{O}", "%{HR}.x.example.org",
		"%{lr_=}.x.example.org", "%{l2r.-+}.%{o}", "%{dr.}.x.example.org", "%{i}%{d}", "x.%{o2}", "%{d128}")
}

func (g *oracleWorld) lengths() string {
	return g.one("", "", "", "", "", "/24", "//64", "/24//64", "/0", "//0", "/32", "//128", "/25//127", "/1", "/31")
}

func (g *oracleWorld) target() string {
	if g.chance(8) {
		return g.macro()
	}
	return g.host()
}

func (g *oracleWorld) term() string {
	q := g.one("", "", "", "+", "-", "~", "?")
	switch g.IntN(16) {
	case 0, 1:
		return q + g.one("a", "A") + g.one("", ":"+g.target(), ":"+g.target()) + g.lengths()
	case 2, 3:
		return q + g.one("mx", "mX") + g.one("", ":"+g.domain(), ":"+g.target()) + g.lengths()
	case 4, 5, 6:
		return q + g.one("include", "Include") + ":" + g.another()
	case 7:
		return q + "exists:" + g.macro()
	case 8:
		return q + g.one("ptr", "PTR", "ptr:example.org", "ptr:"+g.host(), "ptr:"+g.domain())
	case 9:
		return q + "ip6:" + g.one(g.ip6(), "2001:DB8::", "::ffff:192.0.2.1", "2001:db8:0:0:0:0:0:1") + g.one("", "/32", "/64", "/127", "/0", "/128")
	case 10, 11:
		return q + "ip4:" + g.one(g.ip4(), "192.0.2.0", "0.0.0.0") + g.one("", "/24", "/8", "/31", "/32", "/0", "/25")
	case 12:
		if g.chance(16) {
			return "Redirect=" + g.another()
		}
		return "redirect=" + g.another()
	case 13:
		return g.one("exp=e0.example.org", "exp=e1.example.org", "exp=e2.example.org", "exp=e%{d1r}.example.org", "x-y.z_1=%{s}", "unknown=a:b/c", "EXP=e0.example.org")
	case 14:
		if g.chance(4) {
			return q + "include:" + g.one("%{d}", "%{o}", "%{d2}", "%{l}.example.org", g.host(), g.domain())
		}
		return g.one("m", "n", "o") + fmt.Sprint(g.IntN(40)) + "=%{i}"
	}
	return q + g.one("all", "ALL")
}

// wrong returns a term that is mostly invalid. Some of the terms are valid.
func (g *oracleWorld) wrong() string {
	return g.one("a:", "a/", "a/33", "a//129", "a/024", "a//", "a/24/64", "a:h0.example.org/-1", "a:h0", "a:h0.example.org.", "a:.example.org",
		"mx:", "mx/x", "mx:%{d}/", "all:x", "all/8", "all.", "include", "include:", "include:h0.example.org/24", "include=d1.example.org",
		"exists", "exists:", "exists:x/24", "exists:%{i", "exists:%{z}.example.org", "exists:%{d0}.example.org", "exists:%{c}.example.org",
		"exists:%", "exists:%x.example.org", "exists:%{dx}.example.org", "exists:%{d2r3}.example.org", "exists:%{}.example.org", "exists:%%",
		"ip4", "ip4:", "ip4:192.0.2", "ip4:192.0.2.1/33", "ip4:192.0.2.256", "ip4:192.0.2.01", "ip4:2001:db8::1", "ip4:192.0.2.1/", "ip4=192.0.2.1",
		"ip6", "ip6:", "ip6:192.0.2.1", "ip6:2001:db8::1/129", "ip6:2001:db8:::1", "ip6:2001:db8::1%eth0", "ip6:::1//64", "ip6:[2001:db8::1]",
		"ptr:", "ptr/24", "redirect=", "redirect", "-redirect=d1.example.org", "redirect:d1.example.org", "exp=", "exp", "exp=e0", "+exp=e0.example.org",
		"redirect=%{d}%{z}", "foo", "foo:bar", "a,", "=x", "1x=y", "-", "+", "--all", "a b", "x=%", "x=%{q}", "x=%{d0}", "x=%{c}%{r}%{t}", "ipv4:192.0.2.1",
		"v=spf1", "v=spf2.0", "a\tmx", "\x00", "a:\xe9.example.org", "a:h0.example.org,", "?", "mx:h0.example.org.d1", "a:192.0.2.1", "exp=e0.example.org exp=e1.example.org",
		"redirect=d1.example.org redirect=d2.example.org", "x=1 x=2", "a:h-.example.org", "a:h0.example.1", "a:h0.example.-x", "a:h0.example.x-", "a:foo:8080")
}

var (
	// odd are valid terms that libspf2 reads in its own way.
	odd  = regexp.MustCompile(`/0|^[mno]\d+=|^x-y|^EXP|^Redirect|%\{HR|%\{d9\}|%\{d128\}`)
	once = regexp.MustCompile(`^redirect=|^exp=`)
)

func (g *oracleWorld) record() string {
	r := g.one("v=spf1", "v=spf1", "v=spf1", "V=SPF1", "v=Spf1")
	wrongAt := -1
	n := g.IntN(8)
	if g.chance(16) && !g.right {
		wrongAt = g.IntN(n + 1)
	}
	for i := range n + 1 {
		if i == wrongAt {
			r += " " + g.wrong()
		}
		if i < n {
			t := g.term()
			if g.right && odd.MatchString(t) && !g.chance(20) || once.MatchString(t) && strings.Contains(r, " "+t[:4]) && (g.right || !g.chance(8)) {
				continue
			}
			r += g.one(" ", " ", " ", "  ") + t
		}
	}
	if g.right && !g.chance(20) {
		r = redirectLast(r)
	}
	if g.chance(10) {
		r += " "
	}
	if g.chance(40) && !g.right { // replace one octet
		at := 6 + g.IntN(max(len(r)-6, 1))
		if at < len(r) {
			r = r[:at] + g.one("%", "{", "}", ":", "/", " ", "=", ".", "0", "-", "\t", "\xff") + r[at+1:]
		}
	}
	return r
}

// redirectLast moves a redirect behind the other terms, where libspf2 requires
// it.
func redirectLast(record string) string {
	terms := strings.Fields(record)
	slices.SortStableFunc(terms, func(a, b string) int {
		return cmp.Compare(strings.Count(a, "redirect="), strings.Count(b, "redirect="))
	})
	return strings.Join(terms, " ")
}

// explanation returns the text that exp= leads to.
func (g *oracleWorld) explanation() string {
	return g.one("plain", "see http://%{o}/why?s=%{S}&i=%{I}", "%{i} is %{c}, not %{p}", "%{l1r-} %{d2} %{h} %{v} %{r}",
		"100%% %_ %-", "%{o2} %{dr} %{sr@}", "wrong %{z}", "wrong %", "wrong %{d", "h\xe9", "", "%{l-} %{L}", "to %{r}")
}

func (g *oracleWorld) make() {
	g.z = newZone()
	for i := range 8 {
		d := fmt.Sprintf("d%d.example.org", i)
		g.at = i
		switch g.IntN(40) {
		case 0:
			g.z.fault(d, dnscache.TXT, dnscache.ServFail)
		case 1:
			g.z.fault(d, dnscache.TXT, dnscache.Timeout)
		case 2:
			g.z.txt(d, g.one("nothing", "v=spf10 -all", "v=spf1x", " v=spf1", "v=spf1\t-all", "v=spf2.0/pra -all"))
		case 3:
			g.z.txt(d, g.record()).txt(d, "v=spf1 -all")
		case 4:
			g.z.at(d) // no data
		case 5:
			g.z.at(d).isCNAME, g.z.at(d).cname = true, fmt.Sprintf("d%d.example.org", (i+1)%8)
			continue
		case 6: // a record at all the limits
			r := "v=spf1"
			for range 8 + g.IntN(5) {
				r += " " + g.one("", "-") + g.one("a:h0.example.org", "mx", "exists:%{i}.x.example.org", "include:d0.example.org", "include:d1.example.org")
			}
			g.z.txt(d, r)
		case 7: // about ten terms that do not match
			r := "v=spf1"
			for range 9 + g.IntN(3) {
				r += " " + g.one("a:n.example.org", "a:n.example.org//127", "mx:n.example.org/31")
			}
			g.z.txt(d, r+g.one(" -all", "", " redirect=d0.example.org"))
		default:
			g.z.txt(d, "other").txt(d, g.record())
		}
		if !g.chance(6) {
			g.z.addr(d, g.ip4()).addr(d, g.ip6())
		}
		n := 1 + g.IntN(3)
		switch g.IntN(30) {
		case 0:
			n = 9 + g.IntN(3)
		case 1:
			n = 0
		case 2:
			g.z.mx(d, 0, ".") // RFC 7505
			continue
		}
		for j := range n {
			g.z.mx(d, uint16(10+j), g.host())
		}
	}
	for i := range 6 {
		h := fmt.Sprintf("h%d.example.org", i)
		for range 1 + g.IntN(2) {
			g.z.addr(h, g.ip4())
		}
		if !g.chance(6) {
			g.z.addr(h, g.ip6())
		}
	}
	g.z.addr("example.org", g.ip4()).addr("example.org", g.ip6())
	g.z.addr("n.example.org", "10.0.0.1").addr("n.example.org", "2001:db8:ffff::1").mx("n.example.org", 1, "n.example.org")
	g.z.at("v0.example.org")
	g.z.at("v1.example.org")
	g.z.at("c0.example.org").isCNAME, g.z.at("c0.example.org").cname = true, "h0.example.org"
	g.z.at("c1.example.org").isCNAME, g.z.at("c1.example.org").cname = true, "v2.example.org"
	for _, t := range []dnscache.Type{dnscache.A, dnscache.AAAA, dnscache.MX, dnscache.TXT} {
		g.z.fault("f.example.org", t, dnscache.ServFail)
	}
	g.z.txt("e0.example.org", g.explanation())
	g.z.txt("e1.example.org", g.explanation())
	if g.chance(2) {
		g.z.txt("e1.example.org", "second")
	}
	g.names()
	g.reverse()
}

// names adds addresses for names to which macros may expand.
func (g *oracleWorld) names() {
	for _, n := range []string{
		"192.0.2.1", "1.2.0.192.in-addr", "2.2.0.192.in-addr", "joe", "a-joe", "a.joe", "joe.a", "a", "x.y+z", "joe%40d1.example.org",
		"joe@d1.example.org", "postmaster", "d1.example.org", "org", "org.example", "org.example.d1", "d1", "d2", "in-addr", "ip6", "0.2.1",
		"1.1.0.2.0.192", "mail.example.org", "example.org", "h0.example.org", "org.example.mail", "unknown",
	} {
		if !g.chance(3) {
			g.z.addr(n+".x.example.org", g.ip4())
		}
	}
	g.z.addr("h%. x.example.org", "192.0.2.1")
	g.z.addr("a%20b.x.example.org", "192.0.2.1")
}

// reverse adds names for addresses, for some more than ten.
func (g *oracleWorld) reverse() {
	for range 1 + g.IntN(4) {
		name := dnscache.ReverseName(netip.MustParseAddr(g.ip()))
		if g.z.names[name] != nil {
			continue
		}
		n := 1 + g.IntN(2)
		switch g.IntN(12) {
		case 0:
			g.z.fault(name, dnscache.PTR, dnscache.ServFail)
			continue
		case 1:
			n = 9 + g.IntN(3)
		}
		for range n {
			g.z.ptr(name, g.host())
		}
	}
}

func (g *oracleWorld) check() oracleCheck {
	c := oracleCheck{IP: g.ip(), Helo: g.one("mail.example.org", "h0.example.org", g.domain())}
	if g.chance(30) {
		c.IP = "::ffff:" + g.ip4()
	}
	switch local := g.one("joe", "joe", "a-joe", "x.y+z", "Joe", "postmaster", "a_b=c/d,e", "a..b"); g.IntN(20) {
	case 0:
		c.Sender, c.Helo = "", g.domain()
	case 1:
		c.Sender = local + "@" + strings.ToUpper(g.domain())
	case 2:
		c.Sender = "@" + g.domain()
	case 3:
		c.Sender = local + "@" + g.one("example.org", "nowhere.example.org", "h0.example.org", "f.example.org", "c0.example.org")
	default:
		c.Sender = local + "@" + g.domain()
	}
	return c
}
