//go:build race

package stages

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
