//go:build race

package sqlite

func init() { daysOfYear = 40 }
