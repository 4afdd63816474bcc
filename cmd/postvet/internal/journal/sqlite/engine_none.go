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

func connect(source string) (driver.Conn, error) { return none{}.Open(source) }

func isDamage(error) bool { return false }

func isBusyOrFull(error) bool { return false }
