//go:build !((darwin && (amd64 || arm64)) || (freebsd && (amd64 || arm64)) || (linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (netbsd && amd64) || (openbsd && (amd64 || arm64)))

package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"runtime"
)

// none is the driver of a system for which SQLite in Go does not exist. All else of
// Postvet works there.
type none struct{}

func init() { sql.Register("sqlite", none{}) }

func (none) Open(string) (driver.Conn, error) {
	return nil, fmt.Errorf("there is no SQLite for %s on %s, so that no journal can be kept", runtime.GOOS, runtime.GOARCH)
}

// handle and statement are never made here.
type (
	handle    struct{}
	statement struct{}
)

func openHandle(path string) (*handle, error) {
	_, err := none{}.Open(path)
	return nil, err
}

func (*handle) close() error                              { return nil }
func (*handle) exec(string, ...any) error                 { return nil }
func (*handle) number(string) (int64, error)              { return 0, nil }
func (*handle) prepared(string) (*statement, error)       { return nil, nil }
func (*handle) each(string, func(*statement) error) error { return nil }
func (*statement) set(int, any)                           {}
func (*statement) setNull(int)                            {}
func (*statement) setInt(int, int64)                      {}
func (*statement) setOctets(int, []byte, bool)            {}
func (*statement) insert() (bool, error)                  { return false, nil }
func (*statement) exec() error                            { return nil }
func (*statement) int(int) int64                          { return 0 }
func (*statement) octets(int) []byte                      { return nil }
func (*statement) close()                                 {}

func isDamage(error) bool { return false }

func isBusyOrFull(error) bool { return false }
