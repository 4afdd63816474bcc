//go:build race

package reportsending

func init() { kills, fleetKills = 20, 8 }
