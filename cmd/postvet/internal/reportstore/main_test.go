//go:build linux

package reportstore

import (
	"os"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// TestMain waits for midnight (UTC) if it is near: the tests are about days that are over and one
// that is not, by our clock and by that of the database.
func TestMain(m *testing.M) {
	if left := time.Until((reports.DayOf(time.Now()) + 1).Begin()); left < 3*time.Minute && os.Getenv(processFile) == "" {
		time.Sleep(left + time.Millisecond)
		yesterday = reports.DayOf(time.Now()) - 1
	}
	os.Exit(m.Run())
}
