// Package server is the issuer on the network: ISO 8583 connections, and the control HTTP.
//
//	link: a read ─▶ frames ─▶ worker: unpack, books ─▶ answer ─▶ deliver: faults ─▶ one write a batch
//	                                                                   └─▶ delays: later
//
// Read first: server.go (accepting, closing), link.go (a connection), worker.go (a message), answer.go, deliver.go and
// delay.go (how an answer goes out), connect.go (connections that we make), require.go (what is refused although it
// could be answered), reconcile.go (0500), announce.go (0800 of the host's own), control.go.
//
// No answer is written before the data log has what it says. A bad frame is answered where its sender can be told,
// counted, and logged without its values.
package server
