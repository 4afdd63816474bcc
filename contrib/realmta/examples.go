//go:build linux

package realmta

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// example returns the lines of a file of contrib that an admin copies, without
// comments. The MTAs are configured with these very lines, so that they are
// known to work.
func example(name, comment string) ([]string, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(root, "contrib", name))
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	var lines []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if line != "" && line != comment && !strings.HasPrefix(line, comment) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("realmta: contrib/%s has no lines", name)
	}
	return lines, nil
}

// postfixExample returns the lines of contrib/postfix/main.cf for a milter at
// this address, as Postfix sees it. The file has the path of a socket as these
// tests use it; another address replaces it.
func postfixExample(listen string) ([]string, error) {
	lines, err := example("postfix/main.cf", "#")
	if err != nil || strings.HasPrefix(listen, "unix:") {
		return lines, err
	}
	return replaced(lines, regexp.MustCompile(`^smtpd_milters = .*`), "smtpd_milters = "+listen)
}

// sendmailExample returns the lines of contrib/sendmail/postvet.mc for a milter
// at this address, in Sendmail's notation.
func sendmailExample(address string) ([]string, error) {
	lines, err := example("sendmail/postvet.mc", "dnl")
	if err != nil {
		return nil, err
	}
	return replaced(lines, regexp.MustCompile(`S=[^,]*`), "S="+address)
}

// SubmissionExample returns the service of contrib/postfix/master.cf, or the
// line of contrib/sendmail/submission.mc, on another port.
func SubmissionExample(mta, port string) ([]string, error) {
	if mta == "Postfix" {
		lines, err := example("postfix/master.cf", "#")
		if err != nil {
			return nil, err
		}
		return replaced(lines, regexp.MustCompile(`^submission `), "127.0.0.1:"+port+" ")
	}
	lines, err := example("sendmail/submission.mc", "dnl")
	if err != nil {
		return nil, err
	}
	return replaced(lines, regexp.MustCompile(`Port=submission`), "Addr=127.0.0.1, Port="+port)
}

// replaced replaces the one match of a pattern.
func replaced(lines []string, what *regexp.Regexp, with string) ([]string, error) {
	n := 0
	for i, line := range lines {
		if what.MatchString(line) {
			lines[i] = what.ReplaceAllLiteralString(line, with)
			n++
		}
	}
	if n != 1 {
		return nil, fmt.Errorf("realmta: %d lines of the example fit %s, not 1", n, what)
	}
	return lines, nil
}
