package oracles

import (
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// reader is one way in which a program finds the author.
type reader struct {
	Name, Version string
	// Decodes is true if it decodes encoded words before it looks for addresses.
	Decodes bool
}

// program is a program with one reader or more.
type program struct {
	readers []reader
	// ask returns for each field and each reader the addresses that the reader
	// takes for the author's.
	ask func(fields [][]byte) ([][][][]byte, error)
}

// fromDrivers are the drivers of programs that read From fields.
var fromDrivers = []string{"from_python.py", "from_perl.pl", "from_php.php", "from_ruby.rb", "from_node.js", "from_dovecot.py"}

// batchTimeout bounds what a driver may take for the fields of one call.
const batchTimeout = 5 * time.Minute

// programs starts all programs; they end with the test. The log names those that
// are not installed.
func programs(t *testing.T) []program {
	t.Helper()
	all := []program{goProgram}
	for _, name := range fromDrivers {
		p, stop, err := startProgram(name)
		if errors.Is(err, errMissing) {
			t.Logf("left out: %v", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		all = append(all, p)
	}
	return all
}

// startProgram starts a driver and asks for its readers.
func startProgram(name string) (p program, stop func(), err error) {
	folder := ""
	if name == "from_node.js" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return program{}, nil, err
		}
		// install.sh puts npm's packages there.
		folder = filepath.Join(cache, "postvet", "oracles-node")
		if _, err := os.Stat(folder); err != nil {
			return program{}, nil, fmt.Errorf("%w: npm's packages: contrib/oracles/install.sh", errMissing)
		}
	}
	d, err := start(name, folder)
	if err != nil {
		return program{}, nil, err
	}
	readers, err := ask[any, []reader](d, []any{nil}, batchTimeout)
	if err != nil {
		return program{}, nil, err
	}
	return program{
		readers: readers[0],
		ask: func(fields [][]byte) ([][][][]byte, error) {
			return ask[[]byte, [][][]byte](d, fields, batchTimeout)
		},
	}, d.stop, nil
}

// goProgram is Go's own net/mail, which go-message uses as well.
var goProgram = program{
	readers: []reader{
		{"Go net/mail", runtime.Version(), false},
		{"Go net/mail after WordDecoder", runtime.Version(), true},
	},
	ask: func(fields [][]byte) ([][][][]byte, error) {
		answers := make([][][][]byte, len(fields))
		for i, f := range fields {
			text := strings.ReplaceAll(string(f), "\r\n", "")
			decoded, err := new(mime.WordDecoder).DecodeHeader(text)
			if err != nil {
				decoded = text
			}
			answers[i] = [][][]byte{goAddresses(text), goAddresses(decoded)}
		}
		return answers, nil
	},
}

// goAddresses returns the addresses that net/mail reads in a text.
func goAddresses(text string) [][]byte {
	list, err := mail.ParseAddressList(text)
	if err != nil {
		return nil
	}
	var found [][]byte
	for _, a := range list {
		found = append(found, []byte(a.Address))
	}
	return found
}
