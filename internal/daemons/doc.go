// Package daemons runs switchd and issuer-sim as processes of this machine, for whoever drives them: the demo, the
// crash rounds, the load drivers and the benchmarks.
//
// A [Daemon] is one process: it is started, waited for until it listens, stopped or killed, and its last words are in
// the error when it ended by itself. A [Local] is an issuer and the switch before it, with their data, logs and ready
// files in one folder, which [FreshFolder] makes:
//
//	<dir>/issuer-sim.log  <dir>/issuer-sim.ready  <dir>/issuer/   data of issuer-sim
//	<dir>/switchd.log     <dir>/switchd.ready     <dir>/switchd/  data of switchd, clearing/ in it
//
// It guarantees that a start that failed leaves no process, that on Linux none outlives this one, and that no folder is
// emptied that no run of ours made. It does not say what the daemons do: their answers are for its callers to check.
package daemons
