package service

import "testing"

func TestReachable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"inet:127.0.0.1:8890": false, "inet:[::1]:8890": false, "inet:*:8890": true, "inet:10.0.0.2:8890": true,
		"unix:/run/postvet/postvet.sock": true, "": true,
	} {
		if got := reachable(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
