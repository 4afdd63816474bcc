package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Rotation is how the keys that sign live, and who changes their records.
type Rotation struct {
	NameServers    []string // to ask instead of those of the zone
	Publish        string   // "nsupdate:HOST" or "exec:FILE"; "" for by hand
	PublishKey     string   // file of the TSIG key
	PublishTimeout time.Duration
	Every          time.Duration // 0 for by hand
	Keep           time.Duration
	Revoked        time.Duration
	Reveal         string // directory; "" to publish no private key
}

func (r *Rotation) keys() []key {
	return []key{
		{
			name: "name_servers", value: list(&r.NameServers, checkNameServer, `write a list, such as ["192.0.2.53"]`),
			comment: `Name servers that are asked whether they show a key, as names or addresses,
with a port if it is not 53. Empty: all that the zone's NS records name. A new
key takes the place of another when all of them have shown it for the time
that others may remember its absence (the zone's negative TTL).`,
		},
		{
			name: "publish", value: text(&r.Publish, "", checkPublish),
			comment: `How records of keys are published, revoked and removed without a person.
"nsupdate:ns1.example.net": by dynamic update of that server, by name or
address (RFC 2136). "exec:/path/of/a/program": by a program of yours, see
postvet-key(1). Empty: not at all.`,
		},
		{
			name: "publish_key", value: text(&r.PublishKey, "", checkSecretFile),
			comment: `The file of the TSIG key that signs updates, as tsig-keygen writes it. Only
root and the service may read it.`,
		},
		{
			name: "publish_timeout", value: duration(&r.PublishTimeout, time.Minute, time.Second, time.Hour),
			comment: "How long the program of publish may take (1s to 1h). Then it is killed.",
		},
		{
			name: "rotate_every", value: duration(&r.Every, 0, 0, 10*365*24*time.Hour),
			comment: `The age at which a key gets a successor (24h to 87600h, 0s for never). The
service makes the new key, so it must be able to write in the directory. It
needs publish and state. By hand: "postvet key rotate".`,
		},
		{
			name: "rotate_keep", value: duration(&r.Keep, 7*24*time.Hour, time.Hour, 365*24*time.Hour),
			comment: `How long the record of a key stays after its successor has come (1h to 8760h).
Not below expires: the signatures under way need it.`,
		},
		{
			name: "rotate_revoked", value: duration(&r.Revoked, 30*24*time.Hour, 0, 365*24*time.Hour),
			comment: `How long the record then says that the key is revoked, before it is removed
(0s to remove it at once, to 8760h).`,
		},
		{
			name: "reveal", value: text(&r.Reveal, "", checkRevealDirectory),
			comment: `A directory for the private halves of old keys, a week after their records
were removed, such as "/var/www/dkim". With such a key everybody can forge old
mail, so that a leaked message no longer proves who wrote it. Empty: they are
deleted.`,
		},
	}
}

func (r *Rotation) conflicts(x *conflicts, s *Sign) {
	if r.Every > 0 {
		if r.Every < 24*time.Hour {
			x.fault("sign.rotate_every", "", "sign.rotate_every is below a day", "write 24h or more, or 0s for never")
		}
		if r.Publish == "" {
			x.noEffect("sign.rotate_every", "sign.publish", `say how records are published, such as "nsupdate:ns1.example.net"`)
		}
	}
	const remedy = `name a file that keeps the states of keys, such as "/var/lib/postvet/keys.json"`
	switch {
	case s.State != "":
	case r.Every > 0:
		x.noEffect("sign.rotate_every", "sign.state", remedy)
	case r.Publish != "":
		x.noEffect("sign.publish", "sign.state", remedy)
	}
	if r.PublishKey != "" && !strings.HasPrefix(r.Publish, "nsupdate:") {
		x.noEffect("sign.publish_key", "sign.publish", `write "nsupdate:" and the name server`)
	}
	if r.Publish != "" || x.config.IsSet("sign.rotate_keep") {
		if s.Expires > r.Keep {
			x.tooLarge("sign.expires", formatDuration(s.Expires), "sign.rotate_keep", formatDuration(r.Keep))
		}
	}
}

// checkNameServer accepts a name or an address, with or without a port.
func checkNameServer(s string) (normal, problem, remedy string) {
	remedy = `write a name or an address, such as "ns1.example.net" or "192.0.2.53:53"`
	host, port := s, "53"
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && !validHost(host) {
		return "", cite(s) + " is no name server", remedy
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", cite(s) + " has no valid port", remedy
	}
	return s, "", ""
}

// checkPublish accepts a way to publish records.
func checkPublish(s string) (normal, problem, remedy string) {
	how, rest, _ := strings.Cut(s, ":")
	switch how {
	case "nsupdate":
		if _, problem, remedy = checkNameServer(rest); problem != "" {
			return "", problem, remedy
		}
		return s, "", ""
	case "exec":
		if _, problem, remedy = checkPath(rest, "file", "/etc/postvet/publish"); problem != "" {
			return "", problem, remedy
		}
		return how + ":" + filepath.Clean(rest), "", ""
	}
	return "", cite(s) + " is no way to publish", `write "nsupdate:ns1.example.net" or "exec:/path/of/a/program"`
}

// checkRevealDirectory accepts an absolute path of a directory.
func checkRevealDirectory(s string) (normal, problem, remedy string) {
	return checkPath(s, "directory", "/var/www/dkim")
}

// checkSecretFile accepts an absolute path of a file.
func checkSecretFile(s string) (normal, problem, remedy string) {
	return checkPath(s, "file", "/etc/postvet/tsig.key")
}
