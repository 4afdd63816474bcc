package main

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	t.Parallel()
	tail := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	for _, tc := range []struct {
		stamped string
		info    *debug.BuildInfo
		want    string
	}{
		{"", nil, "postvet (unknown)" + tail},
		{"1.2.3-1", nil, "postvet 1.2.3-1" + tail},
		{"1.2.3-1", &debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-2026"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abcdef"}}}, "postvet 1.2.3-1 commit abcdef" + tail},
		{"", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "postvet v1.2.3" + tail},
		{"", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abcdef"}, {Key: "vcs.modified", Value: "true"},
		}}, "postvet (devel) commit abcdef (modified)" + tail},
	} {
		if got := describeBuild(tc.stamped, tc.info); got != tc.want || strings.Contains(got, "\n") {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// TestVersion asks for the version in both ways.
func TestVersion(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"version", "--version"} {
		var out, errOut bytes.Buffer
		if code := run([]string{arg}, nil, &out, &errOut); code != exitDone || out.String() != thisBuild()+"\n" || errOut.Len() > 0 {
			t.Errorf("%s: exit code %d, %q, %q; want %q", arg, code, out.String(), errOut.String(), thisBuild())
		}
	}
}
