// Package rules are the orders that the issuer is given to misbehave: response codes, latency and faults, for those
// messages that a rule fits, and the pace of the whole host.
//
// Read first: rules.go (what there is), file.go (how it is written), judge.go (what a message meets), latency.go,
// pace.go. To add a fault: its name and whether it takes a delay in rules.go, what it does in deliver.go of package
// server, and docs/issuer-sim.md.
//
// What a message draws is a hash of the seed, the rule and the message, and of nothing else: no clock, no order. The
// rules decide; package book turns codes into outcomes, and package server does to the answer what a fault says.
package rules
