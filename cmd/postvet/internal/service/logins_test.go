package service

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/loginrate"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/result"
)

// TestWatchLogin: one line names the login, and what is refused does not count.
func TestWatchLogin(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	d := &daemon{logins: loginrate.New(5, time.Now), metrics: metrics.New(metrics.Options{}), log: &logger{Logger: zap.New(core)}}
	send := func(user string, recipients int, action result.Action) {
		d.watchLogin(&filter.Decision{QueueID: "4F1", Recipients: recipients, Results: &result.Results{User: user}, Verdict: result.Verdict{Action: action}})
	}
	send("ann", 5, result.Accept)
	send("ann", 50, result.Reject)
	send("", 50, result.Accept)
	if n := logs.Len(); n != 0 {
		t.Fatalf("%d lines", n)
	}
	send("eve\x1b", 4, result.Accept)
	send("eve\x1b", 2, result.Quarantine)
	send("eve\x1b", 2, result.Accept)
	lines := logs.All()
	if len(lines) != 1 || lines[0].ContextMap()["user"] != "eve?" || lines[0].ContextMap()["recipients"] != int64(6) || lines[0].ContextMap()["queue"] != "4F1" {
		t.Errorf("%+v", lines)
	}
}
