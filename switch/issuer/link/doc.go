// Package link keeps the connections to issuer hosts and sends requests over them.
//
// A [Host] is one issuer host with several links. Each link is a TCP connection (TLS by config) that signs on (0800,
// DE70 001), proves itself by an echo (301) when nothing has come in for a while, signs off (002) when the host is
// closed, and is made again, with backoff and jitter, whenever it is lost. Where the host connects to us (listen.go) it
// is a connection of the host's, and the next one once it is lost.
//
//	Acquire ──▶ Slot: room for one request in the window of one link; taken before the intent is committed
//	   │
//	  Send ──▶ pending, by STAN ──▶ out buffer ──flusher: one write of all waiting frames──▶ socket
//	   ▲                                                                                        │
//	   └── resp, once MTI, STAN, DE7, RRN, terminal, currency and amount fit ◀── reader ◀────────┘
//	                                   nothing fits: late, duplicate, mismatch, stray ──▶ counted, explained, handed over
//
// What it guarantees:
//
//   - I10: a response completes the request it belongs to or none. All else is counted, logged with the pending request
//     that it comes nearest to and the field that differs, and handed to Config.OnStray.
//   - I9, as far as it is the link's: no STAN is in flight twice towards a host; such a request is refused unsent.
//   - Send says what is known about the wire: [ErrNotSent] if not a byte of the request can have left, [ErrNoAnswer]
//     and [ErrLinkLost] if it may have. A failed socket write counts every frame in it as sent.
//   - I13: windows, the queue before them, the memory of late responses, frames, and callbacks that wait are bounded,
//     each by a named bound. A window narrows when the host slows down and widens again.
//   - No frame that a host sends takes the process down, and what is logged about one holds no card data (I12).
//
// What it is not: it never sends anything twice or elsewhere, knows no payment, stores nothing and hands out no STAN;
// failing over, repeating and reversing are the caller's. The connection library below it (iso8583-connection) runs the
// read and write loops only: matching, windows and reconnecting are here.
//
// One mutex, Host.mu, guards all that links, requests and waiters share. It is held for tens of nanoseconds, never
// during I/O, a callback or a log line.
package link
