package service

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

func TestFitFiles(t *testing.T) {
	t.Parallel()
	needed := filesNeeded(config.Default())
	for _, c := range []struct {
		limit, connections, inFlight int
	}{
		{1 << 20, 1000, 512},
		{needed, 1000, 512},
		{needed - 1, 999, 511},
		{1024, 456, 233},
		{256, 77, 39},
		{filesReserved, 1, 1}, // what is reserved is not enough either, but it starts
		{0, 1, 1},
	} {
		core, logs := observer.New(zap.WarnLevel)
		d := &daemon{log: &logger{Logger: zap.New(core)}}
		got := config.Default()
		d.fitFiles(got, c.limit)
		if got.Limits.Connections != c.connections || got.DNS.MaxInFlight != c.inFlight {
			t.Errorf("limit %d: %d connections, %d in flight, want %d and %d", c.limit, got.Limits.Connections, got.DNS.MaxInFlight, c.connections, c.inFlight)
		}
		if n := filesNeeded(got); n > max(c.limit, filesReserved+3) {
			t.Errorf("limit %d: %d are needed still", c.limit, n)
		}
		warned := logs.All()
		if lowered := c.limit < needed; lowered != (len(warned) == 1) {
			t.Fatalf("limit %d: %d warnings", c.limit, len(warned))
		}
		if len(warned) == 1 && warned[0].ContextMap()["needed"] != int64(needed) {
			t.Errorf("limit %d: needed %v, want %d", c.limit, warned[0].ContextMap()["needed"], needed)
		}
	}
}
