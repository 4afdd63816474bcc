package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the number of a release or package, "1.2.3", which the linker sets (-X
// main.version=1.2.3). In other builds it is "", and Go knows their version.
var version string

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Long:    "Version prints the version of the module, the commit it was built from, and\nthe version of Go.",
		Example: "  postvet version",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), thisBuild())
			return output(err)
		},
	}
}

// thisBuild returns what this binary was built from, in one line.
func thisBuild() string {
	info, _ := debug.ReadBuildInfo()
	return describeBuild(version, info)
}

// describeBuild returns what is known about the build, on one line. stamped is the
// version that was set at link time, "" for none.
func describeBuild(stamped string, info *debug.BuildInfo) string {
	version, commit, modified := build(stamped, info)
	changed := ""
	if version == "" {
		version = "(unknown)"
	}
	if commit != "" {
		commit = " commit " + commit
	}
	if modified {
		changed = " (modified)"
	}
	return fmt.Sprintf("postvet %s%s%s %s %s/%s", version, commit, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// build returns what the linker knows, "" for what it does not know.
func build(stamped string, info *debug.BuildInfo) (version, commit string, modified bool) {
	if info == nil {
		return stamped, "", false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if stamped == "" {
		stamped = info.Main.Version
	}
	return stamped, commit, modified
}
