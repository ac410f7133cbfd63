// Package issuersim is a card issuer to test a switch against: an ISO 8583 server with accounts, holds and a ledger
// whose books balance, instead of one that always says yes.
//
//	              ┌ conn: frames ─▶ request ─▶ shard of the card: seen? ─▶ decide ─▶ apply ─▶ log ┐
//	switch ─ TCP ─┤                                                                              ├─ one write a batch
//	              └ answers ◀─ rules: latency, faults ◀─────────────────────────────── outcome ◀──┘
//
// It guarantees:
//
//   - Cards are made on first sight. Each number of 12 to 19 digits with a valid Luhn digit is a good card that holds
//     1,000,000.00 in every currency it is asked for; only cards that differ from that are kept (see TestCards for the
//     numbers that decline).
//   - A message is applied once. A repeat, known by DE32, MTI class, STAN, DE7 and RRN, is answered as the first time.
//   - A reversal that overtakes its original is remembered for a day: the original is declined when it comes.
//   - Money moves between two accounts of a currency, never into or out of the books; what is held is held in them too.
//   - With a data folder each applied message stands in a log before its answer is written (see Options.DataDir).
//   - No CVC, track or PIN is kept, and no card number leaves memory in clear.
//
// All state of a card lies in one shard behind one mutex, so messages of one card are applied one after another. Memory
// is bounded by Limits: when a limit is reached the oldest goes (see Limits).
//
// Here are the options and what is made of them. The rest stands below, arrows pointing down:
//
//	server    connections, answers, control HTTP      clearing  the acquirer's files
//	log       the data folder, written and read back
//	book      cards, accounts, holds, ledger, records: what is decided and applied
//	rules     codes, latency and faults               message   what is gone by in a message
//
// It is not a certified issuer: it checks no PIN, no cryptogram and no track, and its rules are there to be broken.
package issuersim
