package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestDepth: a text that nests without end is refused soon, and takes no memory.
func TestDepth(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"dotted key":    "a" + strings.Repeat(".a", 60_000) + " = 1",
		"table":         "[a" + strings.Repeat(".a", 60_000) + "]",
		"tables":        strings.Repeat("[[a"+strings.Repeat(".a", 1000)+"]]\n", 60),
		"lists":         "a = " + strings.Repeat("[", 60_000) + strings.Repeat("]", 60_000),
		"inline tables": "a = " + strings.Repeat("{a = ", 20_000) + "1" + strings.Repeat("}", 20_000),
		"large":         strings.Repeat("# a comment\n", maxOverlayText/10),
		"a little more": "a" + strings.Repeat(".a", maxNesting) + " = 1",
	} {
		began := time.Now()
		_, err := Default().OverlayText("pasted", []byte(text))
		var faults Errors
		if !errors.As(err, &faults) || len(faults) != 1 || len(err.Error()) > 2000 {
			t.Errorf("%s: %.200v", name, err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s takes %s", name, took)
		}
	}
}
