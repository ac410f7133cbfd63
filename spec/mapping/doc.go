// Package mapping turns the canonical message, which everything in the switch and in issuer-sim sees, into what a peer
// is sent, and what comes back into the canonical one.
//
//	canonical message ──Send──▶ the peer's message ──Codec.Pack──▶ bytes
//	                 ◀─Receive─                    ◀─Codec.Unpack─
//
// The canonical message has the MTIs and data elements of ISO 8583:1987, DE39 of two characters, and DE48 as package
// spec describes it. A peer may want another edition (ISO 8583:1993), other forms of DE12, 15, 22, 43 and 90, DE48
// left away, constant elements, and it may answer with response codes of its own.
//
// Read first: config.go (what can be said), template.go (elements made of the switch's data), mapping.go (what is
// done), iso1993.go with codes.go, entry.go, original.go and date.go (the translation between the editions, with its
// tables).
//
// What it guarantees: a Mapping is made once and is not changed; nil is the mapping of a peer that takes canonical
// messages, and costs nothing. What Send makes depends on the message and on the moment that it is given, which is the
// record's and not the clock's, so that a message is the same whenever it is sent. For what the switch sends, Receive
// gives back what Send was given, but for what the tables in docs/iso8583.md name. A response code that is not known is
// never an approval.
//
// What it is not: it reads no bytes, matches no answer to a request, and knows no payment.
package mapping
