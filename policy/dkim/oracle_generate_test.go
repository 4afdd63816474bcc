package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"
)

// oldKey is an RSA key of 1024 bits, the shortest that verifiers accept.
var oldKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return k
})

// oracleKeys are key records by selector. Selectors that begin with "e" have the
// Ed25519 key, those with "o" the old key, and the others the RSA key.
func oracleKeys() map[string]string {
	p := "; p=" + spki(&rsaKey().PublicKey)
	pkcs1 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))
	ed := "; p=" + base64.StdEncoding.EncodeToString(edKey().Public().(ed25519.PublicKey))
	return map[string]string{
		"rsa":      "v=DKIM1; k=rsa" + p,
		"bare":     "v=DKIM1; p=" + pkcs1,
		"noversn":  "k=rsa" + p,
		"onlyp":    p[2:],
		"late":     "k=rsa; v=DKIM1" + p,
		"spaces":   " v = DKIM1 ;\tk = rsa ; p = " + p[4:60] + " " + p[60:] + " ; ",
		"sha256":   "v=DKIM1; h=sha256" + p,
		"sha1":     "v=DKIM1; h=sha1" + p,
		"both":     "v=DKIM1; h=sha1 : sha256" + p,
		"email":    "v=DKIM1; s=email" + p,
		"all":      "v=DKIM1; s=*" + p,
		"tls":      "v=DKIM1; s=other" + p,
		"emailtoo": "v=DKIM1; s=other:email" + p,
		"strict":   "v=DKIM1; t=s" + p,
		"testing":  "v=DKIM1; t=y" + p,
		"unknown":  "v=DKIM1; n=notes; g=*; xy=z; t=a" + p + ";",
		"dkim2":    "v=DKIM2" + p,
		"revoked":  "v=DKIM1; p=",
		"nop":      "v=DKIM1; k=rsa",
		"badk":     "v=DKIM1; k=dsa" + p,
		"badp":     "v=DKIM1; p=////",
		"twice":    "v=DKIM1; k=rsa" + p + p,
		"ed":       "v=DKIM1; k=ed25519" + ed,
		"edstrict": "v=DKIM1; k=ed25519; t=y:s" + ed,
		"eask":     "v=DKIM1; k=rsa" + ed,
		"old":      "v=DKIM1; p=" + spki(&oldKey().PublicKey),
	}
}

// oracleMail generates messages with signatures.
type oracleMail struct{ *mathrand.Rand }

func (g oracleMail) one(choices ...string) string { return choices[g.IntN(len(choices))] }

func (g oracleMail) chance(n int) bool { return g.IntN(n) == 0 }

// rarely returns odd once in sixteen calls, and usual otherwise.
func (g oracleMail) rarely(odd, usual string) string {
	if g.chance(16) {
		return odd
	}
	return usual
}

func (g oracleMail) text(most int, pieces ...string) string {
	var b strings.Builder
	for range g.IntN(most + 1) {
		b.WriteString(g.one(pieces...))
	}
	return b.String()
}

// value returns a field's value with unusual white space and folds.
func (g oracleMail) value() string {
	return g.one(" ", " ", "", "  ", "\t", "\r\n ") +
		g.text(8, "word", "a", " ", "  ", "\t", "\r\n\t", " \r\n ", "\r\n  ", ";", ":", "=", "é", "\"q\"", "x@example.org") + "end" + g.one("", "", " ", "\t", " \t ")
}

func (g oracleMail) header() []string {
	fields := []string{"From:" + g.one(" ", "", "\r\n ", "\t") + "Joe  <joe@example.org>" + g.one("", " ")}
	for _, name := range []string{"To", "Subject", "Date", "Message-ID", "X-Many", "X-Many", "x-many", "Received", "Received", "List-Id", "MIME-Version"} {
		if g.chance(3) {
			continue
		}
		fields = append(fields, g.one(name, name, name, strings.ToUpper(name), strings.ToLower(name))+":"+g.value())
	}
	if g.chance(6) {
		fields = append(fields, "Subject:"+g.value())
	}
	if g.chance(8) {
		fields = append(fields, g.one("X-Empty:", "X-Empty: ", "X-Empty:  ", g.rarely("X-Space :", "X-Space:")+g.value(), "X-Long: "+strings.Repeat("long ", 300)))
	}
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return fields
}

func (g oracleMail) body() string {
	body := g.text(25, "line", "word ", " ", "\t", "  ", "\r\n", "\r\n", "\r\n\r\n", " \r\n", "\t\r\n", ".", "é", "=", "From x\r\n", "long "+strings.Repeat("x", 200)+"\r\n")
	return body + g.one("end", "end\r\n", "end\r\n", "end \r\n", "end\r\n\r\n", "end\r\n \r\n\r\n", "", "\r\n", "\r\n\r\n\r\n", " \t\r\n\r\n", "\r\n \r\n", " ")
}

// names returns h=: names of present and absent fields, some repeated, From mostly
// among them.
func (g oracleMail) names() string {
	n := []string{g.one("From", "from", "FROM")}
	for _, name := range []string{"from", "To", "subject", "Subject", "Date", "X-Many", "x-many", "X-MANY", "x-many", "received", "X-None", "Message-ID", "X-Empty", "X-Space", "X-Long", "mime-version"} {
		if g.chance(2) {
			n = append(n, name)
		}
	}
	if g.chance(40) {
		n = n[1:]
		if len(n) == 0 {
			n = append(n, "to")
		}
	}
	g.Shuffle(len(n), func(i, j int) { n[i], n[j] = n[j], n[i] })
	return strings.Join(n, g.one(":", ":", ":", " : ", ":\r\n\t", " :"))
}

// sign puts a signature on top of a message. It hashes with the reference
// canonicalizations.
func (g oracleMail) sign(mail string) string {
	selectors := []string{
		"rsa", "rsa", "ed", "ed", "ed", "ed", "old", "bare", "noversn", "onlyp", "late", "spaces", "sha256", "sha1", "both", "email", "all", "tls", "emailtoo",
		"strict", "testing", "unknown", "dkim2", "revoked", "nop", "badk", "badp", "twice", "edstrict", "eask", "none",
	}
	selector := g.one("rsa", "ed", "ed")
	if g.chance(3) {
		selector = g.one(selectors...)
	}
	algorithm, key := "rsa-sha256", crypto.Signer(rsaKey())
	switch selector[0] {
	case 'e':
		if algorithm, key = "ed25519-sha256", edKey(); strings.HasPrefix(selector, "email") {
			algorithm, key = "rsa-sha256", rsaKey()
		}
	case 'o':
		if selector == "old" {
			key = oldKey()
		}
	}
	header, body := g.one("simple", "relaxed"), g.one("simple", "relaxed")
	tags := []string{"v=1", "a=" + algorithm, "d=" + g.one("example.org", "example.org", "Example.ORG"), "s=" + selector}
	names := g.names()
	tags = append(tags, "h="+names)
	switch {
	case header == "simple" && body == "simple" && g.chance(2):
	case body == "simple" && g.chance(2):
		tags = append(tags, "c="+header)
	default:
		tags = append(tags, "c="+header+"/"+body)
	}
	h, content := splitMessage(mail)
	form := map[string]Canonicalization{"relaxed": Relaxed}
	content = referenceBody(form[body], content)
	if g.chance(6) {
		l := g.IntN(len(content) + 1)
		if g.chance(4) {
			l = len(content) + g.IntN(2)
		}
		tags = append(tags, fmt.Sprintf("l=%d", l))
		content = content[:min(l, len(content))]
	}
	sum := sha256.Sum256([]byte(content))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	tags = append(tags, "bh="+g.one(hash, hash, hash[:20]+"\r\n\t"+hash[20:], hash[:10]+" "+hash[10:]))
	tags = append(tags, g.oddTags()...)
	g.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	at := g.IntN(len(tags) + 1)
	before := strings.Join(tags[:at], g.separator())
	after := strings.Join(tags[at:], g.separator())
	if before != "" {
		before += g.separator()
	}
	if after != "" {
		after = ";" + g.one(" ", "", "\r\n\t") + after
	}
	after += g.rarely(g.one("; ", " "), g.one("", ";"))
	name := g.one("DKIM-Signature", "DKIM-Signature", "DKIM-Signature", "dkim-signature") + ":" + g.one(" ", "", "\r\n ", "  ")
	before = name + before + g.rarely("b =", "b=")
	var data strings.Builder
	add := func(raw string) {
		if form[header] == Relaxed {
			raw = referenceHeader(raw)
		}
		data.WriteString(raw)
	}
	used := map[string]int{}
	for _, n := range splitList(strings.ToLower(names)) {
		seen := 0
		for i := len(h) - 1; i >= 0; i-- {
			if strings.ToLower(h[i].Name) != n {
				continue
			}
			if seen == used[n] {
				add(h[i].Raw)
				break
			}
			seen++
		}
		used[n]++
	}
	add(before + after + "\r\n")
	digest := sha256.Sum256([]byte(strings.TrimSuffix(data.String(), "\r\n")))
	var opts crypto.SignerOpts = crypto.SHA256
	if algorithm == "ed25519-sha256" {
		opts = crypto.Hash(0)
	}
	value, err := key.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		panic(err)
	}
	b := base64.StdEncoding.EncodeToString(value)
	if g.chance(2) {
		b = " " + b[:30] + "\r\n\t" + b[30:60] + " " + b[60:] + g.rarely(" ", "")
	}
	return before + b + after + "\r\n" + mail
}

func (g oracleMail) separator() string { return g.one("; ", "; ", ";", " ; ", ";\r\n\t", ";\r\n ") }

// oddTags returns tags that few signatures have. Most are valid.
func (g oracleMail) oddTags() (tags []string) {
	now := time.Now().Unix()
	if g.chance(4) {
		tags = append(tags, g.one("i=@example.org", "i=joe@example.org", "i=@sub.example.org", "i=@EXAMPLE.org", "i=joe@sub.Example.Org", "i=@xexample.org", "i=@org", "i=joe=40x@example.org"))
	}
	switch g.IntN(12) {
	case 0:
		tags = append(tags, fmt.Sprintf("t=%d", now-1000))
	case 1:
		tags = append(tags, fmt.Sprintf("t=%d", now-1000), fmt.Sprintf("x=%d", now+100000))
	case 2:
		tags = append(tags, fmt.Sprintf("x=%d", now-1000000))
	case 3:
		tags = append(tags, fmt.Sprintf("t=%d", now-1000), fmt.Sprintf("x=%d", now-2000000))
	}
	if g.chance(12) {
		tags = append(tags, g.one("q=dns/txt", "q=dns/txt", "q=dns/txt:other", "q=other", "q=dns"))
	}
	if g.chance(12) {
		tags = append(tags, g.one("z=From:joe|To:x=20y", "xy=1", "r=y", "x_1=", "bb=x"))
	}
	return tags
}

// change changes a message as on its way. Some changes keep the signature valid
// under one canonicalization or both.
func (g oracleMail) change(mail string) string {
	end := strings.Index(mail, "\r\n\r\n") + 2
	if end < 2 {
		end = len(mail)
	}
	header, body := mail[:end], mail[end:]
	switch g.IntN(20) {
	case 0:
		return mail + "\r\n"
	case 1:
		return mail + g.one("more\r\n", " ", " \r\n", "\r\nmore", "\t\r\n\r\n")
	case 2:
		return strings.TrimSuffix(mail, "\r\n")
	case 3:
		return header + strings.Replace(body, " ", "  ", 1)
	case 4:
		return header + strings.Replace(body, "\t", " ", 1)
	case 5:
		return header + strings.Replace(body, "line\r\n", "line \r\n", 1)
	case 6:
		return strings.Replace(header, ": ", ":  ", 1) + body
	case 7:
		return strings.Replace(header, "\r\n\t", "\r\n  ", 1) + body
	case 8:
		return strings.Replace(header, " word", "\r\n\tword", 1) + body
	case 9:
		return strings.Replace(header, "\r\nSubject:", "\r\nsubject:", 1) + body
	case 10:
		return strings.Replace(header, "end\r\n", "end \r\n", 1) + body
	case 11:
		return g.one("From: other@example.net\r\n", "X-Many: top\r\n", "X-None: now\r\n", "Received: now\r\n", "Subject: now\r\n") + mail
	case 12:
		return header + g.one("From: other@example.net\r\n", "X-Many: low\r\n", "X-None: now\r\n", "Received: low\r\n") + body
	case 13:
		at := g.IntN(len(body)) // body has at least the empty line
		return header + body[:at] + g.one("x", "=", " ") + body[at:]
	case 14:
		return strings.Replace(mail, "h=", g.one("h=x-new:", "h= ", "h=:"), 1)
	case 15:
		return strings.Replace(mail, "b=", "b= ", 1)
	case 16: // replace one letter of the header
		at := g.IntN(len(header))
		if c := header[at]; c >= 'a' && c <= 'y' {
			return header[:at] + string(c+1) + header[at+1:] + body
		}
	case 17:
		return strings.Replace(mail, "; ", ";\r\n\t", 1)
	}
	return mail
}

// mail returns a message with one or two signatures. It may have been changed after
// them.
func (g oracleMail) mail() string {
	mail := strings.Join(g.header(), "\r\n") + "\r\n\r\n" + g.body()
	mail = g.sign(mail)
	if g.chance(6) {
		mail = g.sign(mail)
	}
	if g.chance(2) {
		mail = g.change(mail)
	}
	return mail
}
