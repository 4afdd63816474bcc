package reportsending

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// bouncePrefix begins the local part of the envelope sender.
const bouncePrefix = "bounce+"

// Sender returns the envelope sender of a delivery. Its token is 80 bits that nobody
// guesses, so that a message to it can only come from those who had the report.
func (s *Settings) Sender(d *reports.Delivery) string {
	return bouncePrefix + d.Token + "@" + s.BounceDomain
}

// token returns the token in one of our envelope senders; "" for any other address.
func (s *Settings) token(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(strings.Trim(address, "<> ")), "@")
	token, ok := strings.CutPrefix(local, bouncePrefix)
	if !ok || domain != s.BounceDomain || len(token) != 16 || strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return token
}
