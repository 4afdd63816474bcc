//go:build !linux

package sqlite

// networkOf knows no networks outside of Linux.
func networkOf(string) string { return "" }

// space is not known outside of Linux.
func space(string) (free, all int64, ok bool) { return 0, 0, false }
