// Package scenario reads the YAML of a load: how its traffic goes up and down, what its flows are, of which cards,
// merchants and amounts, which faults the issuer is told to have and when, and what the run must reach.
//
//	file ──Read──▶ Plan ──▶ Schedule, loadgen.Traffic, faults, judge.Threshold
//
// Reading is strict: an unknown key, a value out of range and a threshold of an operation that no flow has are errors
// that name the file, the line and what is expected there. A Plan that was read can be driven. docs/load.md has the
// schema.
package scenario
