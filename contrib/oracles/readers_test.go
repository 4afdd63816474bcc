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
		p, err := startProgram(t, name)
		if errors.Is(err, errMissing) {
			t.Logf("left out: %v", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// maxCrashes bounds how often a program may crash in a test.
const maxCrashes = 200

// startProgram starts a driver and asks for its readers. A program that crashes
// on a field is started again for the next; it reads no address in that field.
func startProgram(t *testing.T, name string) (program, error) {
	t.Helper()
	folder, err := driverFolder(name)
	if err != nil {
		return program{}, err
	}
	d, err := start(name, folder)
	if err != nil {
		return program{}, err
	}
	t.Cleanup(func() { d.stop() })
	readers, err := ask[any, []reader](d, []any{nil}, batchTimeout)
	if err != nil {
		return program{}, err
	}
	crashes := 0
	return program{readers[0], func(fields [][]byte) ([][][][]byte, error) {
		var all [][][][]byte
		for {
			answers, err := ask[[]byte, [][][]byte](d, fields[len(all):], batchTimeout)
			all = append(all, answers...)
			if err == nil {
				return all, nil
			}
			t.Logf("a crash on %.200q: %v", fields[len(all)], err)
			all = append(all, make([][][]byte, len(readers[0])))
			if crashes++; crashes > maxCrashes {
				return nil, err
			}
			if d, err = start(name, folder); err != nil {
				return nil, err
			}
		}
	}}, nil
}

// driverFolder returns the folder in which a driver runs; "" is the current one.
func driverFolder(name string) (string, error) {
	if name != "from_node.js" {
		return "", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	// install.sh puts npm's packages there.
	folder := filepath.Join(cache, "postvet", "oracles-node")
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("npm's packages: %w: contrib/oracles/install.sh", errMissing)
	}
	return folder, nil
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
