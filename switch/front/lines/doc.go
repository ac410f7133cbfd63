// Package lines serves the gateway protocol: JSON lines over TCP, translated to and from package api.
//
//	accept ──▶ reader, one a connection          worker, one a request in flight        writer, one a connection
//	           line ─▶ DecodeLine ─▶ front.Admit ─▶ front.Handle ─▶ AppendAnswer ─▶ answers, coalesced
//
// It guarantees that a request reaches the handler only whole, well-formed and from a connection that has said who it
// is; that each line is answered once, by its id, in the order in which the answers come about; and that every queue
// has a bound (I13): lines, requests in flight a connection and in all, bytes that a peer does not read, connections.
// At the bound of a connection its reader pauses, so that TCP slows the peer down; at the bound of the server a request
// is refused with busy, nothing stored.
//
// The refusal of a wrong hello is held back, as package front says for how long, in its connection's own goroutine: at
// most maxHeld of them at once.
//
// It is not the flow: it neither knows payments nor keeps anything of a request once it is answered. Card data passes
// through and is never logged (I12).
package lines
