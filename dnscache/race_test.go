//go:build race

package dnscache_test

func init() { floodNames = 20_000 }
