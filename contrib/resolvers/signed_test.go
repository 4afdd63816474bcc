//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// signedZone is one zone of a tree of zones under the root.
type signedZone struct {
	origin string // with the dot at its end
	lines  []record
	// unsigned reports that there is no DNSSEC, expired that its signatures have ended, and
	// bogus that the zone above has the digest of another key.
	unsigned, expired, bogus bool
	// alone reports that it has one name server.
	alone bool
	// forged is a script of sed that changes what was signed.
	forged string
}

// zoneKey signs all zones: a key has no name until a record gives it one.
type zoneKey struct {
	private *ecdsa.PrivateKey
	public  []byte // as DNSKEY records have it
}

func newZoneKey(t *testing.T) zoneKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return zoneKey{k, point[1:]} // RFC 6605 section 4: without the octet of its form
}

// rdata returns the DNSKEY record of the key, which has the flags of a key that others refer
// to, and the algorithm ECDSAP256SHA256 (RFC 4034 section 2.1, RFC 6605).
func (k zoneKey) rdata() []byte { return append([]byte{1, 1, 3, 13}, k.public...) }

// tag is RFC 4034 appendix B.
func (k zoneKey) tag() uint16 {
	sum := 0
	for i, b := range k.rdata() {
		if i%2 == 0 {
			sum += int(b) << 8
		} else {
			sum += int(b)
		}
	}
	return uint16(sum + sum>>16)
}

// ds returns the data of the DS record of a zone (RFC 4034 section 5.1.4).
func (k zoneKey) ds(origin string) string {
	var name []byte
	for label := range strings.SplitSeq(strings.Trim(origin, "."), ".") {
		if label != "" {
			name = append(append(name, byte(len(label))), label...)
		}
	}
	digest := sha256.Sum256(append(append(name, 0), k.rdata()...))
	return fmt.Sprintf("%d 13 2 %x", k.tag(), digest)
}

// dnskey returns the data of the DNSKEY record, file the private key as BIND has it.
func (k zoneKey) dnskey() string {
	return "257 3 13 " + base64.StdEncoding.EncodeToString(k.public)
}

func (k zoneKey) file(t *testing.T) string {
	t.Helper()
	d, err := k.private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return "Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: " + base64.StdEncoding.EncodeToString(d) + "\n"
}

// signAll signs the zones by Debian's dnssec-signzone, and then becomes the name server.
// The file "zones" has for each its file, its origin, and further flags.
const signAll = `
sign() {
	f=$1 o=$2
	shift 2
	printf '%s IN DNSKEY %s\n' "$o" "$(cat dnskey)" >"$f.key"
	cp private "$f.private"
	dnssec-signzone -q -z -O full -o "$o" -f "$f.signed" "$@" "$f" "$f" >"$f.log" 2>&1 || { echo "$o"; cat "$f.log"; exit 1; } >&2
	[ ! -e "$f.sed" ] || sed -i -f "$f.sed" "$f.signed"
}
part() {
	n=0
	while read -r f o flags; do
		n=$((n + 1))
		[ $((n % 2)) = "$1" ] || continue
		# shellcheck disable=SC2086 # flags
		sign "$f" "$o" $flags
	done <zones
}
part 0 & other=$!
part 1
wait $other
exec /usr/sbin/named -g -4 -n 2 -c /run/program/named.conf
`

// signer is Debian's named as the server of signed zones.
func signer(zones map[string]*signedZone) program {
	return program{"named", "bind9", "usr/sbin/named", "", "named.conf", func(s setting) (string, []string) {
		var b strings.Builder
		b.WriteString(namedOptions(s, namedPrimary+`  check-names primary ignore;
  check-integrity no;
  zone-statistics none;
  max-records-per-type 0;
  rrset-order { order none; };
`))
		for i, origin := range slices.Sorted(maps.Keys(zones)) {
			suffix := ".signed"
			if zones[origin].unsigned {
				suffix = ""
			}
			fmt.Fprintf(&b, "zone \"%s\" { type primary; file \"z%d%s\"; };\n", origin, i, suffix)
		}
		return b.String(), []string{"/bin/sh", "-ec", signAll}
	}}
}

// nameServers returns the NS records of an owner, without the first name.
func (z *signedZone) nameServers(owner string) string {
	if z.alone {
		return " NS ns.example.\n"
	}
	return " NS ns.example.\n" + owner + " NS ns2.example.\n"
}

// above returns the origin of the zone in which another is delegated.
func above(zones map[string]*signedZone, origin string) string {
	for rest := origin; ; {
		_, rest, _ = strings.Cut(rest, ".")
		if rest == "" {
			return "."
		}
		if zones[rest] != nil {
			return rest
		}
	}
}

// signedFiles returns the files of named. Each zone is delegated in the one above it, with a
// DS record if it is signed.
func signedFiles(t *testing.T, key zoneKey, zones map[string]*signedZone) map[string]string {
	t.Helper()
	delegations := map[string]string{}
	for origin, z := range zones {
		if origin == "." {
			continue
		}
		text := origin + z.nameServers(origin)
		switch {
		case z.unsigned:
		case z.bogus:
			text += origin + " DS " + newZoneKey(t).ds(origin) + "\n"
		default:
			text += origin + " DS " + key.ds(origin) + "\n"
		}
		delegations[above(zones, origin)] += text
	}
	files := map[string]string{"private": key.file(t), "dnskey": key.dnskey(), "zones": ""}
	for i, origin := range slices.Sorted(maps.Keys(zones)) {
		z, name := zones[origin], fmt.Sprintf("z%d", i)
		var b strings.Builder
		fmt.Fprintf(&b, "$TTL 3600\n$ORIGIN %s\n@ SOA ns.example. hostmaster.example. 1 3600 600 86400 300\n@%s", origin, z.nameServers("@"))
		b.WriteString(delegations[origin])
		for _, r := range z.lines {
			b.WriteString(r.String() + "\n")
		}
		if !z.unsigned {
			b.WriteString("@ DNSKEY " + key.dnskey() + "\n")
			flags := ""
			if z.expired {
				flags = "-P -s 20260101000000 -e 20260201000000"
			}
			files["zones"] += name + " " + origin + " " + flags + "\n"
		}
		if z.forged != "" {
			files[name+".sed"] = z.forged
		}
		files[name] = b.String()
	}
	return files
}
