//go:build race

package reportsending

func init() { kills, fleetKills = 4, 3 }
