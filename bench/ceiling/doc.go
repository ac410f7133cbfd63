// Command ceiling is the bare relay that Switchyard's speed is held against: what is left of a switch when it decides
// nothing. It stands where switchd stands, between the same load and the same issuer-sim, as a third process:
//
//	load ─JSON─▶ gateway.read ─┐                             ┌─▶ frames ─ISO 8583─▶ issuer-sim
//	                           ├─▶ waiting ─▶ commit ─▶ finish
//	issuer ─────▶ link.read  ──┘   (1 group)   (Pebble,      └─▶ answers ─JSON─▶ load
//	                                            1 sync)
//
// What it does, for each authorization:
//
//   - reads the load's line and writes the answer that the switch would, byte for byte of the same length;
//   - sends the 0100 that the switch would, with the same elements, and reads its 0110;
//   - keeps two small rows in Pebble, one before the 0100 leaves and one before the answer does, each synced. All rows
//     that wait go, in key order, into one batch with one sync, while the one before it is being synced;
//   - writes what leaves a connection at the same time in one system call.
//
// What it does not do: it reads no JSON and no ISO 8583, but cuts the few values that it needs out of their places and
// puts them into ready texts. It has no keys, so a repeat is another payment; it seals, checks, times, counts, logs and
// recovers nothing, and what does not look as the load's and issuer-sim's own bytes look ends it. It serves
// authorizations of switchctl load, and nobody else.
//
// So what it does a second, on a machine and at a moment, is what the two commits, the four socket calls and the two
// other processes leave: a switch comes to a share of that. docs/benchmarks.md says how the share is measured.
//
// Read first: relay.go (the loops), cut.go (values out of lines and frames), text.go (lines and frames of values).
package main
