// Package oracles asks other implementations of SPF and DKIM, and other programs
// that read From fields, for second opinions in differential tests.
//
// A driver is a script beside this file. It reads requests as lines of JSON and
// answers each with a line, so that one process serves thousands of cases. It
// has its DNS from the request and asks no network. If the package that it
// drives is not installed it exits with 77 and names the package. It ends with
// the test.
//
//	driver          Debian packages
//	dkimpy.py       python3-dkim python3-nacl
//	libopendkim.py  libopendkim11
//	maildkim.pl     libmail-dkim-perl
//	libspf2.py      libspf2-2
//	mailspf.pl      libmail-spf-perl
//	pyspf.py        python3-spf
//
//	driver           Debian packages
//	from_dovecot.py  dovecot-core dovecot-imapd
//	from_node.js     none; npm's packages in node/package.json
//	from_perl.pl     libemail-address-xs-perl libmailtools-perl libemail-address-perl
//	from_php.php     php-cli php-mailparse php-imap php-mbstring
//	from_python.py   python3
//	from_ruby.rb     ruby-mail
//
// # From fields
//
// TestFrom generates From fields from a grammar of honest, odd and forged forms
// and asks every program for the author's addresses. In a field that Postvet
// accepts with one author domain no program may read another one. By default the
// fields are always the same, as this is a regression test; -seed=0, as in make
// from-oracles, takes other ones each day. The test prints a table of all readers,
// the fields that Postvet refuses although all readers agree, and the smallest
// fields that differ.
//
//	go test -v -run TestFrom ./contrib/oracles -fields=100000 -seed=1
//
// A difference that was found becomes a line of testdata/from.txt, which other
// tests can read as well; -update fills in what the programs read.
package oracles

import (
	"errors"
	"testing"
	"time"
)

// timeout bounds one driver with all its requests.
const timeout = 60 * time.Second

// Ask runs a driver, such as "pyspf.py", and returns its answers to the
// requests, one each. It skips the test under -short and where the package is
// not installed, and ends it if the driver fails.
func Ask[Request, Answer any](tb testing.TB, driver string, requests []Request) []Answer {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short leaves out the other implementations")
	}
	d, err := start(driver, "")
	if errors.Is(err, errMissing) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer d.stop()
	answers, err := ask[Request, Answer](d, requests, timeout)
	if errors.Is(err, errMissing) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return answers
}
