package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Long:    "Version prints the version of the module, the commit it was built from, and\nthe version of Go.",
		Example: "  postvet version",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return output(err)
		},
	}
}

// version is what this binary was built from, in one line.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return describeBuild(info)
}

// describeBuild makes one line of what the linker knows.
func describeBuild(info *debug.BuildInfo) string {
	version, commit, changed := "(unknown)", "", ""
	if info != nil {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = " commit " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = " (modified)"
			}
		}
	}
	return fmt.Sprintf("postvet %s%s%s %s %s/%s", version, commit, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// output turns an error of writing our answer into one for the person.
func output(err error) error {
	if err != nil {
		return failed("the answer could not be written: %v; look at where the output goes", err)
	}
	return nil
}
