//go:build !linux

package sqlite

// networkOf knows no networks outside of Linux.
func networkOf(string) string { return "" }

// Space is not known outside of Linux.
func Space(string) (free, all int64, ok bool) { return 0, 0, false }
