package policy_test

import (
	"bytes"
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Readers that look for any address at all find those in display names and
// comments. With the attacks in unseen that is their own fault.
var blindToNames = regexp.MustCompile(`any address`)

// checkClientsAgree: whatever a client takes for the author of a message that
// was accepted has the organisation of the domain that was evaluated.
func checkClientsAgree(t *testing.T, name string, raw []byte, res *result.Results, v result.Verdict) {
	t.Helper()
	if v.Action != result.Accept || res.Author.Problem != "" || res.Exempt != "" {
		return
	}
	readings := 0
	for findName, find := range fieldReaders {
		for _, value := range find(raw) {
			for readName, read := range addressReaders {
				domain := read(value)
				if domain == "" {
					continue
				}
				readings++
				if organisation(domain) == organisation(res.Author.Domain) {
					continue
				}
				if unseen[name] != "" && blindToNames.MatchString(readName) {
					continue
				}
				t.Errorf("evaluated %q, but %s, %s finds %q", res.Author.Domain, findName, readName, domain)
			}
		}
	}
	if readings == 0 {
		t.Error("no reader found an author")
	}
}

// organisation returns the last two labels: all domains here are below "example".
func organisation(domain string) string {
	if a, ok := message.NormalizeDomain(domain); ok {
		domain = a
	}
	labels := strings.Split(strings.ToLower(domain), ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// fieldReaders are ways to find the value of the field that names the author in
// the bytes of a message.
var fieldReaders = map[string]func(raw []byte) []string{
	"first From":                func(raw []byte) []string { return first(fieldsNamed(raw, strict)) },
	"last From":                 func(raw []byte) []string { return last(fieldsNamed(raw, strict)) },
	"first From, odd names too": func(raw []byte) []string { return first(fieldsNamed(raw, tolerant)) },
	"last From, odd names too":  func(raw []byte) []string { return last(fieldsNamed(raw, tolerant)) },
	"bare line ends": func(raw []byte) []string {
		s := strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n").Replace(string(raw))
		return fieldsNamed([]byte(s), tolerant)
	},
	"up to a NUL": func(raw []byte) []string {
		before, _, _ := bytes.Cut(raw, []byte{0})
		return fieldsNamed(before, tolerant)
	},
	"From or else Sender or Resent-From": func(raw []byte) []string {
		for _, name := range []string{"From", "Sender", "Resent-From"} {
			if values := fieldsNamed(raw, func(n string) bool { return strings.EqualFold(n, name) }); len(values) > 0 {
				return first(values)
			}
		}
		return nil
	},
}

func strict(name string) bool { return strings.EqualFold(name, "From") }

var (
	notInNames = regexp.MustCompile(`[^!-~]`)
	fold       = regexp.MustCompile(`\r\n([ \t])`)
)

func tolerant(name string) bool { return strict(notInNames.ReplaceAllString(name, "")) }

func fieldsNamed(raw []byte, is func(string) bool) []string {
	header, _, _ := strings.Cut(strings.TrimLeft(string(raw), " \t"), "\r\n\r\n")
	header = fold.ReplaceAllString(header, "$1")
	var values []string
	for line := range strings.SplitSeq(header, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && is(name) {
			values = append(values, value)
		}
	}
	return values
}

func first(s []string) []string { return s[:min(len(s), 1)] }

func last(s []string) []string { return s[max(0, len(s)-1):] }

// addressReaders are ways in which clients find the author's domain in a value.
var addressReaders = variants()

func variants() map[string]func(value string) string {
	all := map[string]func(string) string{}
	plain := map[string]func(string) string{
		"net/mail":          netMail,
		"first in brackets": func(s string) string { return domainOf(first(bracketed.FindAllString(unquoted(s), -1))) },
		"last in brackets":  func(s string) string { return domainOf(last(bracketed.FindAllString(unquoted(s), -1))) },
		"first in brackets, no quoted-pairs": func(s string) string {
			return domainOf(first(bracketed.FindAllString(plainQuotes.ReplaceAllString(s, "q"), -1)))
		},
		"first of any address": func(s string) string { return domainOf(first(anyAddress.FindAllString(s, -1))) },
		"last of any address":  func(s string) string { return domainOf(last(anyAddress.FindAllString(s, -1))) },
	}
	for name, read := range plain {
		all[name] = read
		all[name+", decoded first"] = func(s string) string { return read(message.DecodeWords(s)) }
		all[name+", invisible taken out"] = func(s string) string { return read(hidden.ReplaceAllString(s, "")) }
		all[name+", up to a NUL"] = func(s string) string {
			before, _, _ := strings.Cut(s, "\x00")
			return read(before)
		}
	}
	return all
}

var (
	bracketed   = regexp.MustCompile(`<[^<>]*@[^<>]*>`)
	anyAddress  = regexp.MustCompile(`[^\s<>()",:;\\@\[\]]+@[^\s<>()",:;\\@\[\]]+`)
	quotes      = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	plainQuotes = regexp.MustCompile(`"[^"]*"`)
	hidden      = regexp.MustCompile(`[\p{Cc}\p{Cf}\p{Z}]`)
)

// unquoted takes out quoted strings in front of brackets, which every client does.
func unquoted(s string) string { return quotes.ReplaceAllString(s, "q") }

func netMail(s string) string {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return ""
	}
	return domainOf([]string{a.Address})
}

func domainOf(address []string) string {
	if len(address) == 0 {
		return ""
	}
	s := strings.Trim(address[0], "<> ")
	return strings.TrimSpace(s[strings.LastIndexByte(s, '@')+1:])
}
