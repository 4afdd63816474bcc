//go:build race && linux

package reportstore

func init() { batches = 15 }
