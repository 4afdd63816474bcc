package config

import (
	"strconv"
	"time"

	"github.com/postvet/postvet/policy/dkim"
)

// DKIM is which signatures and keys count.
type DKIM struct {
	MinRSABits, MaxRSABits int
	ClockSkew              time.Duration
	PartialBody            dkim.Status
}

func (d *DKIM) section() section {
	return section{name: "dkim", comment: "Which signatures and keys count.", keys: []key{
		{
			name: "min_rsa_bits", value: integer(&d.MinRSABits, 1024, 1024, 4096),
			comment: `Signatures by shorter RSA keys do not count (1024, the limit of RFC 8301, to
4096).`,
		},
		{
			name: "max_rsa_bits", value: integer(&d.MaxRSABits, 8192, 2048, 16384),
			comment: `Signatures by longer RSA keys do not count either, since they cost too much to
verify (2048 to 16384).`,
		},
		{
			name: "clock_skew", value: duration(&d.ClockSkew, 5*time.Minute, 0, time.Hour),
			comment: "How far a signer's clock may differ from ours (0s to 1h).",
		},
		{
			name: "partial_body", value: oneOf(&d.PartialBody, dkim.Policy, dkim.Neutral, dkim.Fail, dkim.Pass),
			comment: `What a valid signature is worth if its l= leaves a part of the body unsigned,
which anybody may have added. policy, neutral, fail: this word stands in our
field, and the signature does not count. pass: it counts.`,
		},
	}}
}

func (d *DKIM) conflicts(x *conflicts) {
	if d.MinRSABits > d.MaxRSABits {
		x.tooLarge("dkim.min_rsa_bits", strconv.Itoa(d.MinRSABits), "dkim.max_rsa_bits", strconv.Itoa(d.MaxRSABits))
	}
}
